//! Refusals by running tools, mapped to answers of the application.

use rmcp::transport::StreamableHttpServerConfig;
use serde_json::json;
use tower_bearer_auth::reject;

use super::tool_server::{
    METADATA, assert_refused_in_band, call, insufficient, layer, message, serve_behind, stateless,
    text,
};

/// Every configuration in which the server waits for a tool before it answers, and whether the request is new.
fn waiting() -> [(StreamableHttpServerConfig, bool); 3] {
    [
        (StreamableHttpServerConfig::default(), true),
        (stateless(), true),
        (stateless().with_json_response(true), false),
    ]
}

fn no_token() -> String {
    format!(r#"Bearer realm="notes", scope="read write", {METADATA}"#)
}

#[tokio::test]
async fn a_tool_that_refuses_inherits_problem_details() {
    for (config, is_new) in waiting() {
        let layer = layer().optional().map_refusal(reject::problem_details);
        let server = serve_behind(layer, config).await;
        let refused = call(server, Some("reader"), "write", is_new).await;
        assert_eq!(refused.status, 403);
        let challenge = insufficient("write");
        assert_eq!(refused.header("www-authenticate"), Some(&*challenge));
        let content_type = refused.header("content-type");
        assert_eq!(content_type, Some("application/problem+json"));
        let expected = json!({
            "type": "about:blank",
            "title": "Forbidden",
            "status": 403,
            "detail": "The access token lacks a required scope",
            "error": "insufficient_scope",
        });
        assert_eq!(refused.json(), expected);

        let refused = call(server, None, "whoami", is_new).await;
        assert_eq!(refused.status, 401);
        let challenge = no_token();
        assert_eq!(refused.header("www-authenticate"), Some(&*challenge));
        let expected = json!({
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "detail": "This server requires a bearer token",
        });
        assert_eq!(refused.json(), expected);
        assert_eq!(
            text(&call(server, Some("reader"), "whoami", is_new).await),
            "cli"
        );
    }
}

#[tokio::test]
async fn a_json_rpc_error_has_the_data_of_an_error_of_the_tool() {
    let metadata = "https://api.test/.well-known/oauth-protected-resource/mcp";
    for (config, is_new) in waiting() {
        let layer = layer().optional().map_refusal(reject::json_rpc);
        let server = serve_behind(layer, config).await;
        let refused = call(server, Some("reader"), "write", is_new).await;
        assert_eq!(refused.status, 403);
        let challenge = insufficient("write");
        assert_eq!(refused.header("www-authenticate"), Some(&*challenge));
        // What the same tool answers where it cannot refuse the request.
        let in_band = message(&call(server, Some("reader"), "write_in_band", is_new).await);
        assert_refused_in_band(&refused.json(), &in_band["error"]["data"]);
        assert_eq!(
            refused.json()["error"]["data"]["resource_metadata"],
            metadata
        );

        let refused = call(server, None, "whoami", is_new).await;
        assert_eq!(refused.status, 401);
        let challenge = no_token();
        assert_eq!(refused.header("www-authenticate"), Some(&*challenge));
        let data = json!({"scope": "read write", "resource_metadata": metadata});
        assert_refused_in_band(&refused.json(), &data);
        assert_eq!(refused.json()["id"], json!(null));
    }
}

#[tokio::test]
async fn a_tool_that_refuses_inherits_grpc_and_a_panic() {
    for (config, is_new) in waiting() {
        let layer = layer().optional().map_refusal(reject::grpc);
        let server = serve_behind(layer, config).await;
        let refused = call(server, Some("reader"), "write", is_new).await;
        assert_eq!(refused.status, 200);
        assert_eq!(refused.header("grpc-status"), Some("7"));
        let refused = call(server, None, "whoami", is_new).await;
        assert_eq!(refused.header("grpc-status"), Some("16"));
        let challenge = no_token();
        assert_eq!(refused.header("www-authenticate"), Some(&*challenge));
    }
    for (config, is_new) in waiting() {
        let layer = layer().optional().map_refusal(|refused, response| {
            assert_eq!(refused.reason(), "another one");
            response
        });
        let server = serve_behind(layer, config).await;
        for (token, tool) in [(Some("reader"), "write"), (None, "whoami")] {
            let refused = call(server, token, tool, is_new).await;
            refused.assert_no_layer();
        }
    }
}
