//! The `mcp_server` example, called by a real MCP client.

#[path = "../../examples/mcp_server/app.rs"]
mod app;

use std::net::SocketAddr;

use http::StatusCode;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceExt};
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, JwtVerifier};

use crate::support::{get, serve_axum};

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://notes.test/mcp";

/// The example's router with a verifier for `key`, and tokens to call it with.
async fn server(key: &SigningKey) -> SocketAddr {
    let verifier = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    serve_axum(app::app(verifier)).await
}

fn token(key: &SigningKey) -> TokenBuilder {
    key.token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

async fn connect(
    server: SocketAddr,
    token: Option<String>,
) -> Result<RunningService<RoleClient, ()>, ClientInitializeError> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(format!("http://{server}/mcp"));
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    ().serve(StreamableHttpClientTransport::from_config(config))
        .await
}

#[tokio::test]
async fn a_client_with_a_good_token_calls_a_tool_that_knows_who_it_is() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let server = server(&key).await;
    let token = token(&key).scopes(["read", "write"]).build();

    let client = connect(server, Some(token)).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.len(), 1);
    let result = client
        .call_tool(CallToolRequestParams::new("whoami"))
        .await
        .unwrap();
    let text = result.content[0].as_text().unwrap();
    assert_eq!(text.text, "alice with the scopes: read write");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_without_a_good_token_gets_no_session() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let server = server(&key).await;
    let bad = [
        None,
        Some("nonsense".to_owned()),
        Some(token(&key).expired().build()),
        Some(token(&key).audience("https://elsewhere.test").build()),
        Some(token(&SigningKey::generate(Algorithm::EdDSA)).build()),
    ];
    for token in bad {
        let refused = connect(server, token).await.unwrap_err();
        // The client read the challenge: that is how it learns to get a token.
        let shown = format!("{refused:?}");
        assert!(shown.contains("AuthRequired"), "{shown}");
        assert!(shown.contains(r#"Bearer realm=\"notes\""#), "{shown}");
    }
}

#[tokio::test]
async fn the_plain_route_wants_the_admin_scope() {
    let key = SigningKey::generate(Algorithm::ES512);
    let server = server(&key).await;
    let admin = async |scopes: &[&str]| {
        let token = token(&key).scopes(scopes.iter().copied()).build();
        get(
            server,
            "/admin",
            &[("authorization", &format!("Bearer {token}"))],
        )
        .await
    };

    let answer = admin(&["read", "admin"]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, "Welcome, alice.\n");

    let answer = admin(&["read"]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            r#"Bearer realm="notes", error="insufficient_scope", scope="admin", error_description="The access token lacks a required scope""#
        )
    );
}

#[tokio::test]
async fn browsers_may_ask_first_and_read_the_challenge() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let server = server(&key).await;
    let preflight = http::Request::options("/mcp")
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,mcp-session-id",
        )
        .body(Default::default())
        .unwrap();
    let answer = crate::support::send(server, preflight).await;
    assert_eq!(answer.status, StatusCode::OK);
    let origin = Some("http://localhost:5173");
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("mcp-session-id"));

    let answer = get(server, "/mcp", &[("origin", "http://localhost:5173")]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("www-authenticate"));
}
