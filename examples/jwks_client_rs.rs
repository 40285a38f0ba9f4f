//! Verifies JWTs with keys from the `WebSource` of the `jwks_client_rs` crate:
//! `cargo run --example jwks_client_rs --features jwks-client-rs`.
//!
//! The issuer is a test issuer on a loopback port. The server listens on 127.0.0.1:3000, or on the address in `BIND`.
//! `/ready` reports whether the verifier has keys.

use std::env;
use std::error::Error;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use jwks_client_rs::source::WebSource;
use tokio::net::TcpListener;
use tower_bearer_auth::jwks::{Jwks, JwksClientSource};
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, JwtVerifier};

const AUDIENCE: &str = "https://api.example.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::start().await;

    let source = WebSource::builder().build(issuer.jwks_url().parse()?)?;
    let jwks = Jwks::builder(JwksClientSource(source)).build()?;
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(issuer.issuer())
        .audience(AUDIENCE)
        .build()?;
    // The check fetches the keys if there are none, so that a server without traffic becomes ready too.
    let readiness = async move || match jwks.ready().await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let app = Router::new()
        .route("/", get(whoami))
        .layer(BearerAuthLayer::new(verifier))
        .route("/ready", get(readiness));

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    let token = issuer.token().audience(AUDIENCE).subject("alice").build();
    println!("listening on http://{address}\n");
    println!("200: curl -i http://{address}/ready");
    println!("200: curl -i http://{address}/ -H 'authorization: Bearer {token}'");
    axum::serve(listener, app).await?;
    Ok(())
}

async fn whoami(token: AccessToken) -> String {
    format!("you are {}\n", token.subject().unwrap_or("unknown"))
}
