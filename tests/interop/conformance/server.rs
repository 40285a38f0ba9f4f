//! The same MCP server twice: bare, and behind this crate's layers. See README.md.
//!
//! It prints the addresses of both and a token for the second, each on its own line. It serves until it is killed.

mod client;
mod everything;
mod resources;
mod rounds;
mod tools;
mod wire;

use std::error::Error;
use std::time::Duration;

use axum::Router;
use everything::EverythingService;
use tokio::net::TcpListener;
use tower_bearer_auth::mcp::{self, ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, ConfigError, JwtVerifier, ProtectedResource, ScopeRequirement,
    Verifier,
};
use tracing_subscriber::EnvFilter;

const ISSUER: &str = "https://issuer.example.com";
const RESOURCE: &str = "https://everything.example.com/mcp";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer(ISSUER)
        .audience(RESOURCE)
        .build()?;
    let token = key
        .token()
        .issuer(ISSUER)
        .audience(RESOURCE)
        .subject("the conformance suite")
        .scopes(["everything"])
        .expires_in(Duration::from_secs(3600))
        .build();

    let bare = TcpListener::bind("127.0.0.1:0").await?;
    let guarded = TcpListener::bind("127.0.0.1:0").await?;
    let resource = ProtectedResource::new(RESOURCE).authorization_servers([ISSUER]);
    let guarded_app = self::guarded(everything::service(), verifier, &resource)?;
    println!("bare http://{}/mcp", bare.local_addr()?);
    println!("guarded http://{}/mcp", guarded.local_addr()?);
    println!("token {token}");
    tokio::try_join!(
        async { axum::serve(bare, self::bare(everything::service())).await },
        async { axum::serve(guarded, guarded_app).await },
    )?;
    Ok(())
}

fn bare(service: EverythingService) -> Router {
    Router::new().nest_service("/mcp", service)
}

/// Adds all layers of the crate. The suite must not detect them.
fn guarded(
    service: EverythingService,
    verifier: impl Verifier,
    resource: &ProtectedResource,
) -> Result<Router, ConfigError> {
    let rules = ScopeRules::builder()
        .default_rule(ScopeRequirement::all(["everything"]))
        .build()?;
    let auth = BearerAuthLayer::new(verifier)
        .realm("everything")
        .resource(resource)
        .close_streams_at_expiry();
    Ok(bare(service)
        .layer(ToolScopesLayer::new(rules))
        .layer(SessionBindingLayer::new())
        .layer(auth)
        .merge(resource.router())
        .layer(mcp::cors()))
}
