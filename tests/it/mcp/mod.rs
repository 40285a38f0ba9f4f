//! The parts for MCP servers.

mod authorization_checks;
mod cors;
mod dpop;
mod example;
mod flow;
mod late_refusals;
mod mapped_refusals;
mod recorder;
mod sessions;
mod step_up;
mod tool_scopes;
mod tool_server;
mod tool_tokens;

#[path = "../../../examples/mcp_server/app.rs"]
mod app;
#[path = "../../../examples/dpop_client/client.rs"]
mod dpop_client;
#[path = "../../../examples/mcp_server/notes.rs"]
mod notes;

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tower_bearer_auth::JwtVerifier;
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};

use crate::support::authorization_server::AuthorizationServer;
use crate::support::serve_axum;

const ISSUER: &str = "https://issuer.test";
const RESOURCE: &str = "https://notes.test/mcp";

/// The example's router, with a verifier for tokens of `key`.
async fn serve_example(key: &SigningKey) -> SocketAddr {
    let resource = notes::resource(RESOURCE.to_owned(), ISSUER);
    let verifier = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer(ISSUER)
        .audience(&resource)
        .build()
        .unwrap();
    serve_axum(app::app(verifier, &resource, None).unwrap()).await
}

/// The example with an authorization server of its own; where it is.
async fn serve_example_for(authorization: &AuthorizationServer) -> SocketAddr {
    serve_example_with(authorization, None).await
}

async fn serve_example_with(authorization: &AuthorizationServer, dpop: Option<Dpop>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let resource = notes::resource(format!("http://{address}/mcp"), authorization.issuer());
    let verifier = JwtVerifier::builder()
        .discover(authorization.issuer())
        .audience(&resource)
        .build()
        .unwrap();
    let app = app::app(verifier, &resource, dpop).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A token for the example.
fn token(key: &SigningKey) -> TokenBuilder {
    key.token()
        .issuer(ISSUER)
        .audience(RESOURCE)
        .subject("alice")
        .scopes(["notes:read"])
}
