//! The `mcp_server` example, called by a real MCP client.

use std::net::SocketAddr;

use http::StatusCode;
use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::testing::SigningKey;

use super::{serve_example, token};
use crate::support::get;

async fn connect(
    server: SocketAddr,
    token: Option<String>,
    lifecycle: ClientLifecycleMode,
) -> Result<RunningService<RoleClient, ()>, ClientInitializeError> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(format!("http://{server}/mcp"));
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    let transport = StreamableHttpClientTransport::from_config(config);
    ().serve_with_lifecycle(transport, lifecycle).await
}

fn without_session() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    }
}

#[tokio::test]
async fn a_client_sees_every_tool_and_calls_those_that_its_token_is_good_for() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let server = serve_example(&key).await;
    for scopes in [&["notes:read"][..], &["notes:read", "notes:write"]] {
        for lifecycle in [ClientLifecycleMode::Initialize, without_session()] {
            let token = token(&key).scopes(scopes.iter().copied()).build();
            let client = connect(server, Some(token), lifecycle).await.unwrap();

            // The list has tools for which the token lacks a scope, so that the client can request the scope.
            let list = client.list_tools(None).await.unwrap();
            let mut tools: Vec<_> = list.tools.iter().map(|tool| &*tool.name).collect();
            tools.sort_unstable();
            assert_eq!(tools, ["add", "delete_note", "whoami"]);

            let whoami = CallToolRequestParams::new("whoami");
            let result = client.call_tool(whoami).await.unwrap();
            let text = result.content[0].as_text().unwrap();
            let expected = format!("alice with the scopes: {}", scopes.join(" "));
            assert_eq!(text.text, expected);
            client.cancel().await.unwrap();
        }
    }
}

#[tokio::test]
async fn clients_show_the_name_of_the_server_and_not_that_of_its_sdk() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let server = serve_example(&key).await;
    let token = token(&key).build();
    let client = connect(server, Some(token), ClientLifecycleMode::Initialize)
        .await
        .unwrap();
    let shown = client.peer_info().unwrap().server_info.clone().unwrap();
    assert_eq!(shown.name, "notes");
    assert_eq!(shown.version, env!("CARGO_PKG_VERSION"));
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_client_without_a_good_token_gets_no_session() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let server = serve_example(&key).await;
    let bad = [
        None,
        Some("nonsense".to_owned()),
        Some(token(&key).expired().build()),
        Some(token(&key).audience("https://elsewhere.test/mcp").build()),
        Some(token(&SigningKey::generate(Algorithm::EdDSA)).build()),
    ];
    for token in bad {
        let refused = connect(server, token, ClientLifecycleMode::Initialize)
            .await
            .unwrap_err();
        // The client has read the challenge, from which it learns where to get a token.
        let shown = format!("{refused:?}");
        assert!(shown.contains("AuthRequired"), "{shown}");
        let challenge = r#"Bearer realm=\"notes\""#;
        assert!(shown.contains(challenge), "{shown}");
        let metadata = "https://notes.test/.well-known/oauth-protected-resource/mcp";
        assert!(shown.contains(metadata), "{shown}");
    }
}

#[tokio::test]
async fn the_plain_route_wants_the_admin_scope() {
    let key = SigningKey::generate(Algorithm::ES512);
    let server = serve_example(&key).await;
    let admin = async |scopes: &[&str]| {
        let token = token(&key).scopes(scopes.iter().copied()).build();
        get(
            server,
            "/admin",
            &[("authorization", &format!("Bearer {token}"))],
        )
        .await
    };

    let answer = admin(&["notes:read", "admin"]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, "Welcome, alice.\n");

    let answer = admin(&["notes:read"]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            r#"Bearer realm="notes", error="insufficient_scope", scope="notes:read admin", resource_metadata="https://notes.test/.well-known/oauth-protected-resource/mcp", error_description="The access token lacks a required scope""#
        )
    );
}

#[tokio::test]
async fn browsers_may_send_a_preflight_and_read_the_challenge() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let server = serve_example(&key).await;
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
