//! The same MCP server twice: bare, and behind this crate's layers. See README.md.
//!
//! It prints where both are and a token for the second, each on its line, and serves until it is
//! killed.

mod client;
mod everything;
mod rounds;
mod tools;
mod wire;

use std::error::Error;
use std::time::Duration;

use axum::Router;
use everything::EverythingService;
use tokio::net::TcpListener;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier, Verifier};
use tracing_subscriber::EnvFilter;

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://everything.example.com/mcp";

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
        .audience(AUDIENCE)
        .build()?;
    let token = key
        .token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("the conformance suite")
        .expires_in(Duration::from_secs(3600))
        .build();

    let bare = TcpListener::bind("127.0.0.1:0").await?;
    let guarded = TcpListener::bind("127.0.0.1:0").await?;
    println!("bare http://{}/mcp", bare.local_addr()?);
    println!("guarded http://{}/mcp", guarded.local_addr()?);
    println!("token {token}");
    tokio::try_join!(
        async { axum::serve(bare, self::bare(everything::service())).await },
        async { axum::serve(guarded, self::guarded(everything::service(), verifier)).await },
    )?;
    Ok(())
}

fn bare(mcp: EverythingService) -> Router {
    Router::new().nest_service("/mcp", mcp)
}

/// All that the suite must not notice.
fn guarded(mcp: EverythingService, verifier: impl Verifier) -> Router {
    bare(mcp).layer(BearerAuthLayer::new(verifier).realm("everything"))
}
