//! The tool guard, which reads bodies.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use serde::de::IgnoredAny;
use serde_json::json;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{BearerAuthLayer, ScopeRequirement, StaticToken, StaticTokenVerifier};
use tower_layer::Layer;

use super::call::Call;
use crate::support::{Nothing, answer, authorization, request};

/// The body of a tool call with this length.
fn tool_call(bytes: usize) -> Bytes {
    let call = |text: String| {
        json!({
            "jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": { "name": "add_note", "arguments": { "title": "Milk", "text": text } },
        })
        .to_string()
    };
    let text = "Ten litres, and \"fresh\" this time.\n".repeat(bytes / 30);
    let spare = call(text.clone()).len().saturating_sub(bytes);
    let kept = text.len().saturating_sub(spare);
    call(text[..kept].to_owned()).into()
}

pub(super) fn parse(bytes: usize) -> Call {
    let body = tool_call(bytes);
    Box::new(move || {
        serde_json::from_slice::<IgnoredAny>(&body).unwrap();
    })
}

pub(super) fn tool_scopes(bytes: usize) -> Call {
    let body = tool_call(bytes);
    let rules = ScopeRules::builder()
        .tool("add_note", ScopeRequirement::all(["write"]))
        .tool("list_*", ScopeRequirement::all(["read"]))
        .default_rule(ScopeRequirement::deny_all())
        .build()
        .unwrap();
    let verifier = StaticTokenVerifier::new([("t", StaticToken::new("bench").scopes(["write"]))]);
    let layer = BearerAuthLayer::new(verifier);
    let mut service = layer.layer(ToolScopesLayer::new(rules).layer(Nothing));
    let header = authorization("t");
    Box::new(move || {
        let mut request = request(&header, Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        assert_eq!(answer(&mut service, request).status(), StatusCode::OK);
    })
}
