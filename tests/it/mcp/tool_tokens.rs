//! The access token as a parameter of tools and prompts.

use rmcp::model::{CallToolRequestParams, GetPromptRequestParams};
use rmcp::service::ServiceExt;
use rmcp::transport::StreamableHttpServerConfig;
use serde_json::json;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::possession::Dpop;
use tracing::Level;

use super::tool_server::{
    METADATA, Tools, assert_refused_in_band, call, layer, message, serve_behind, service,
    stateless, text,
};
use crate::support::{no_token, serve};
use crate::telemetry::recorded::Recorded;

#[tokio::test]
async fn tools_and_prompts_receive_the_access_token() {
    let config = StreamableHttpServerConfig::default();
    let server = serve_behind(layer(), config).await;
    let config =
        rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig::with_uri(
            format!("http://{server}/"),
        );
    let transport =
        rmcp::transport::StreamableHttpClientTransport::from_config(config.auth_header("reader"));
    let client = ().serve(transport).await.unwrap();
    for (tool, expected) in [("whoami", "cli"), ("greet", "hello cli")] {
        let result = client
            .call_tool(CallToolRequestParams::new(tool))
            .await
            .unwrap();
        assert_eq!(result.content[0].as_text().unwrap().text, expected);
    }
    let prompt = client
        .get_prompt(GetPromptRequestParams::new("me"))
        .await
        .unwrap();
    assert!(format!("{prompt:?}").contains("cli"), "{prompt:?}");
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn behind_an_optional_layer_only_a_tool_that_needs_a_token_demands_one() {
    let server = serve_behind(layer().optional(), StreamableHttpServerConfig::default()).await;
    assert_eq!(
        text(&call(server, None, "greet", true).await),
        "hello anonymous"
    );
    assert_eq!(
        text(&call(server, Some("reader"), "greet", true).await),
        "hello cli"
    );
    let challenge = format!(r#"Bearer realm="notes", scope="read write", {METADATA}"#);
    let refused = call(server, None, "whoami", true).await;
    refused.assert_refusal(401, Some(&challenge), &no_token());

    let server = serve_behind(layer().optional(), stateless()).await;
    let refused = message(&call(server, None, "whoami", false).await);
    let data = json!({
        "scope": "read write",
        "resource_metadata": "https://api.test/.well-known/oauth-protected-resource/mcp",
    });
    assert_refused_in_band(&refused, &data);

    // A layer that requires DPoP has no Bearer challenge.
    let dpop = Dpop::new()
        .origin("https://api.test")
        .algorithms([Algorithm::ES256])
        .required();
    let server = serve_behind(layer().optional().dpop(dpop), stateless()).await;
    let refused = message(&call(server, None, "whoami", false).await);
    let mut data = data;
    data["algs"] = "ES256".into();
    assert_refused_in_band(&refused, &data);
}

#[tokio::test]
async fn a_missing_layer_is_named_in_the_error_and_logged() {
    let recorded = Recorded::start();
    let server = serve(service(stateless().with_json_response(true))).await;
    for (tool, parameter) in [("whoami", "AccessToken"), ("greet", "MaybeAccessToken")] {
        let error = message(&call(server, None, tool, false).await);
        assert_eq!(error["error"]["code"], -32603, "{error}");
        let said = error["error"]["message"].as_str().unwrap();
        assert!(said.contains("BearerAuthLayer"), "{said}");
        let setup = recorded.events("tower_bearer_auth::setup");
        assert_eq!(setup.len(), 1);
        assert_eq!(setup[0].level, Level::ERROR);
        let logged =
            format!("{parameter} needs a BearerAuthLayer in front of it, and there is none");
        assert_eq!(setup[0].fields["message"], logged);
        let decisions = recorded.decisions();
        assert_eq!(decisions.len(), 1);
        let said = |field| &*decisions[0][field];
        let misconfigured = [parameter, "misconfigured", "no_layer"];
        assert_eq!(["by", "outcome", "reason"].map(said), misconfigured);
    }
}

#[tokio::test]
async fn over_another_transport_there_is_no_layer() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        let server = Tools::new().serve(theirs).await.unwrap();
        server.waiting().await
    });
    let client = ().serve(ours).await.unwrap();
    let refused = client
        .call_tool(CallToolRequestParams::new("whoami"))
        .await
        .unwrap_err();
    assert!(
        format!("{refused:?}").contains("BearerAuthLayer"),
        "{refused:?}"
    );
    client.cancel().await.unwrap();
    server.await.unwrap().unwrap();
}
