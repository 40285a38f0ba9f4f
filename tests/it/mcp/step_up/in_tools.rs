//! A tool finds out that the user must authenticate again.

use rmcp::model::CallToolRequestParams;
use rmcp::service::ServiceExt;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, StreamableHttpServerConfig};

use super::{body, data};
use crate::mcp::tool_server::{
    assert_refused_in_band, call, insufficient_authentication, layer, message, serve_behind,
    stateless, text,
};
use crate::telemetry::recorded::Recorded;

#[tokio::test]
async fn an_authentication_missing_in_a_tool_is_401_if_the_server_waits_for_the_tool() {
    for (config, is_new) in [
        (StreamableHttpServerConfig::default(), true),
        (stateless(), true),
        (stateless().with_json_response(true), true),
        (stateless().with_json_response(true), false),
    ] {
        let server = serve_behind(layer().required_scopes(["read"]), config).await;
        for token in ["reader", "stale"] {
            let refused = call(server, Some(token), "transfer", is_new).await;
            let challenge = insufficient_authentication("read");
            refused.assert_refusal(401, Some(&challenge), &body());
        }
        let good = call(server, Some("strong"), "transfer", is_new).await;
        assert_eq!(text(&good), "transferred");
        let refused = call(server, Some("reader"), "transfer_in_band", is_new).await;
        assert_refused_in_band(&message(&refused), &data("read"));
    }
}

#[tokio::test]
async fn a_missing_authentication_is_a_json_rpc_error_if_the_server_does_not_wait() {
    let server = serve_behind(layer(), stateless()).await;
    let refused = call(server, Some("stale"), "transfer", false).await;
    let mut expected = data("read");
    expected.as_object_mut().unwrap().remove("scope");
    assert_refused_in_band(&message(&refused), &expected);
    // A session.
    let server = serve_behind(layer().required_scopes(["read"]), Default::default()).await;
    let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{server}/"));
    let transport = StreamableHttpClientTransport::from_config(config.auth_header("stale"));
    let client = ().serve(transport).await.unwrap();
    let transfer = CallToolRequestParams::new("transfer");
    let rmcp::ServiceError::McpError(error) = client.call_tool(transfer).await.unwrap_err() else {
        panic!("refused in another way")
    };
    assert_eq!(error.code.0, -32003);
    assert_eq!(error.data, Some(data("read")));
    assert_eq!(
        error.message,
        "the user has not authenticated as required: acr phr or phrh, at most 300 seconds ago"
    );
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn a_refusal_by_a_tool_emits_one_audit_event() {
    let recorded = Recorded::start();
    let server = serve_behind(layer(), stateless()).await;
    assert_eq!(
        call(server, Some("stale"), "transfer", true).await.status,
        401
    );
    let decisions = recorded.decisions();
    assert_eq!(decisions.len(), 2);
    assert_eq!(decisions[1]["by"], "AccessToken::require_authentication");
    assert_eq!(decisions[1]["reason"], "insufficient_user_authentication");
}
