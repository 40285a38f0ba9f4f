//! An API whose tokens end when the authorization server logs their user out. See ../README.md.
//!
//! It prints its address and serves until it is killed. Its configuration is in environment variables.

use std::env;
use std::error::Error;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_bearer_auth::revocation::{BackChannelLogout, LogoutTokenVerifier, Revocations};
use tower_bearer_auth::{AccessToken, BearerAuthLayer, JwtVerifier, VerifierExt};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let issuer = env::var("ISSUER")?;
    let access_tokens = JwtVerifier::builder()
        .discover(&issuer)
        .audience(env::var("RESOURCE")?)
        .build()?;
    let jwks = access_tokens.jwks().ok_or("the keys are fetched")?.clone();
    let logout_tokens = LogoutTokenVerifier::new(
        JwtVerifier::builder()
            .jwks(jwks)
            .issuer(&issuer)
            .audience(env::var("CLIENT_ID")?),
    )?;

    let revocations = Revocations::new();
    let logout = BackChannelLogout::new(logout_tokens, &revocations);
    let layer = BearerAuthLayer::new(access_tokens.cached(100)).revocations(&revocations);
    let app = Router::new()
        .route("/", get(whoami))
        .layer(layer)
        .merge(logout.router("/backchannel-logout"));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn whoami(token: AccessToken) -> String {
    let subject = token.subject().unwrap_or("unknown");
    format!("{subject} with the scopes: {}", token.scopes())
}
