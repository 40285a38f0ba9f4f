//! A server that accepts JWTs and opaque tokens of one authorization server. See ../README.md.
//!
//! It prints its address and serves until it is killed. Its configuration is in environment variables.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tower::Layer;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, CacheLayer, IntrospectionResponseVerifier, IntrospectionVerifier,
    JwtVerifier, VerifierExt,
};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let resource = env::var("RESOURCE")?;
    let jwts = JwtVerifier::builder()
        .discover(env::var("ISSUER")?)
        .audience(&resource)
        .build()?;
    let client_id = env::var("CLIENT_ID")?;
    let mut opaque = IntrospectionVerifier::builder(env::var("INTROSPECTION_URL")?)
        .client_secret_basic(&client_id, env::var("CLIENT_SECRET")?)
        .audience(&resource);
    if env::var("ANSWERS")? == "signed" {
        let issuer = jwts.jwks().ok_or("it fetches its keys")?.clone();
        let responses = JwtVerifier::builder()
            .jwks(issuer)
            .issuer(env::var("ISSUER")?)
            .audience(client_id);
        opaque = opaque.signed_responses(IntrospectionResponseVerifier::new(responses)?);
    }
    let opaque = opaque.build()?;
    // A revocation takes effect within this time.
    let opaque = CacheLayer::new(100)
        .max_age(Duration::from_secs(1))
        .layer(opaque);

    let app = Router::new()
        .route("/", get(whoami))
        .layer(BearerAuthLayer::new(jwts.or_else(opaque)).realm("notes"));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn whoami(token: AccessToken) -> String {
    let client = token.client_id().unwrap_or("unknown");
    format!("{client} with the scopes: {}", token.scopes())
}
