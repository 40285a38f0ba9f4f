//! Refusals by a tool, after the layer has let the request through.

use http::{HeaderValue, StatusCode};
use rmcp::model::CallToolRequestParams;
use rmcp::service::ServiceExt;
use rmcp::transport::StreamableHttpServerConfig;
use serde_json::json;
use tower::{Layer, ServiceBuilder, ServiceExt as _};
use tower_bearer_auth::{Refused, RequireScopesLayer};

use super::tool_server::{
    METADATA, assert_refused_in_band, call, insufficient, layer, message, request, serve_behind,
    service, stateless, text,
};
use crate::support::{lacks_scope, no_token, serve};
use crate::telemetry::recorded::Recorded;

#[tokio::test]
async fn a_scope_missing_in_a_tool_is_403_if_the_server_waits_for_the_tool() {
    // Requests of the new revision wait with either response type, earlier ones only with JSON.
    for (config, is_new) in waiting() {
        let server = serve_behind(layer().required_scopes(["read"]), config).await;
        for _ in 0..20 {
            let refused = call(server, Some("reader"), "write", is_new).await;
            refused.assert_refusal(403, Some(&insufficient("read write")), &lacks_scope());
        }
        let good = call(server, Some("writer"), "write", is_new).await;
        assert_eq!(text(&good), "written");
        let enriched = call(server, Some("writer"), "enriched", is_new).await;
        enriched.assert_refusal(403, Some(&insufficient("read admin")), &lacks_scope());
        // A tool that only checks a scope refuses nothing.
        let without = call(server, Some("reader"), "try_write", is_new).await;
        assert_eq!(text(&without), "without read write");
    }
}

/// Every configuration in which the server waits for a tool before it answers, and whether the request is new.
fn waiting() -> [(StreamableHttpServerConfig, bool); 4] {
    [
        (StreamableHttpServerConfig::default(), true),
        (stateless(), true),
        (stateless().with_json_response(true), true),
        (stateless().with_json_response(true), false),
    ]
}

#[tokio::test]
async fn only_an_explicit_refusal_refuses_the_request() {
    let data = json!({
        "error": "insufficient_scope",
        "scope": "read write",
        "resource_metadata": "https://api.test/.well-known/oauth-protected-resource/mcp",
    });
    for (config, is_new) in waiting() {
        let server = serve_behind(layer().required_scopes(["read"]), config).await;
        let call = |tool| call(server, Some("reader"), tool, is_new);
        assert_refused_in_band(&message(&call("write_in_band").await), &data);
        assert_eq!(text(&call("log_and_go_on").await), "went on: true");
        let refused = call("refuse_and_go_on").await;
        refused.assert_refusal(403, Some(&insufficient("read write")), &lacks_scope());
    }
}

#[tokio::test]
async fn looking_for_a_token_refuses_no_request_that_has_none() {
    let challenge = format!(r#"Bearer realm="notes", scope="read write", {METADATA}"#);
    for (config, is_new) in waiting() {
        let server = serve_behind(layer().optional(), config).await;
        let call = |token, tool| call(server, token, tool, is_new);
        assert_eq!(text(&call(None, "look").await), "found: false");
        assert_eq!(text(&call(Some("reader"), "look").await), "found: true");
        let refused = call(None, "look_or_refuse").await;
        refused.assert_refusal(401, Some(&challenge), &no_token());
        assert_eq!(text(&call(Some("reader"), "look_or_refuse").await), "found");
    }
}

#[tokio::test]
async fn a_refusal_by_a_tool_includes_the_scopes_required_by_outer_guards() {
    let service = ServiceBuilder::new()
        .layer(layer())
        .layer(RequireScopesLayer::all(["read"]))
        .service(service(StreamableHttpServerConfig::default()));
    let server = serve(service).await;
    let refused = call(server, Some("reader"), "write", true).await;
    refused.assert_refusal(403, Some(&insufficient("read write")), &lacks_scope());
    // The same for a token that the tool has enriched.
    let refused = call(server, Some("reader"), "enriched", true).await;
    refused.assert_refusal(403, Some(&insufficient("read admin")), &lacks_scope());
}

#[tokio::test]
async fn a_late_refusal_has_its_reason_and_component() {
    let server = layer().optional().layer(service(stateless()));
    let table = [
        (
            Some("reader"),
            "write",
            ["insufficient_scope", "AccessToken::require_scopes"],
        ),
        (None, "whoami", ["no_token", "AccessToken"]),
    ];
    for (token, tool, expected) in table {
        let mut request = request(token, tool, true);
        let host = HeaderValue::from_static("localhost");
        request.headers_mut().insert("host", host);
        let response = server.clone().oneshot(request).await.unwrap();
        let refused = response.extensions().get::<Refused>().unwrap();
        assert_eq!([refused.reason(), refused.component()], expected);
        assert_eq!(refused.status(), response.status());
        let challenges = response.headers().get_all("www-authenticate");
        assert!(refused.challenges().eq(challenges));
    }
}

#[tokio::test]
async fn a_refusal_by_a_tool_emits_one_audit_event() {
    let recorded = Recorded::start();
    let server = serve_behind(layer(), stateless()).await;
    let refused = call(server, Some("reader"), "write", true).await;
    assert_eq!(refused.status, 403);
    let decisions = recorded.decisions();
    let said: Vec<_> = decisions
        .iter()
        .map(|decision| (&*decision["by"], &*decision["outcome"]))
        .collect();
    let tool = ("AccessToken::require_scopes", "refused");
    assert_eq!(said, [("BearerAuthLayer", "allowed"), tool]);
    assert_eq!(decisions[1]["required"], "write");
    assert_eq!(decisions[1]["client_id"], "cli");
}

#[tokio::test]
async fn a_missing_scope_is_a_json_rpc_error_if_the_server_does_not_wait() {
    let data = json!({
        "error": "insufficient_scope",
        "scope": "read write",
        "resource_metadata": "https://api.test/.well-known/oauth-protected-resource/mcp",
    });
    // A stream that has already begun.
    let server = serve_behind(layer().required_scopes(["read"]), stateless()).await;
    for _ in 0..50 {
        let refused = call(server, Some("reader"), "write", false).await;
        assert_refused_in_band(&message(&refused), &data);
    }
    // A session.
    let config = StreamableHttpServerConfig::default();
    let server = serve_behind(layer().required_scopes(["read"]), config).await;
    let transport = rmcp::transport::StreamableHttpClientTransport::from_config(
        rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig::with_uri(
            format!("http://{server}/"),
        )
        .auth_header("reader"),
    );
    let client = ().serve(transport).await.unwrap();
    for _ in 0..20 {
        let refused = client
            .call_tool(CallToolRequestParams::new("write"))
            .await
            .unwrap_err();
        let rmcp::ServiceError::McpError(error) = refused else {
            panic!("refused in another way: {refused:?}")
        };
        assert_eq!(error.code.0, -32003);
        assert_eq!(error.data, Some(data.clone()));
        assert_eq!(
            error.message,
            "the access token lacks a scope of: read write"
        );
    }
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn an_outer_session_guard_keeps_the_refusal_slot() {
    let service = ServiceBuilder::new()
        .layer(layer())
        .layer(tower_bearer_auth::mcp::SessionBindingLayer::new())
        .service(service(StreamableHttpServerConfig::default()));
    let server = serve(service).await;
    let refused = call(server, Some("reader"), "write", true).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let challenge = refused.header("www-authenticate").unwrap();
    assert_eq!(challenge, insufficient("write"));
}
