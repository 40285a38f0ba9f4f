//! No random message that the guard accepts is one that `rmcp` reads as a forbidden call.

use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ClientRequest, Reference};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::mcp::{ToolScopesLayer, tool_scopes::ReplayBody};
use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};

use super::{request, rules};

/// Names and values that an attacker could combine.
fn name() -> impl Strategy<Value = String> {
    let names = [
        "method",
        "params",
        "name",
        "uri",
        "taskId",
        "ref",
        "notifications",
        "resourceSubscriptions",
        "id",
        "result",
        "error",
        "jsonrpc",
        "type",
        "argument",
        "value",
        "arguments",
        "_meta",
        "$serde_json::private::RawValue",
        "inputResponses",
    ];
    let spellings = (prop::sample::select(names.to_vec()), 0..8_u8);
    spellings.prop_map(|(name, spelling)| match spelling {
        0 => name.to_uppercase(),
        1 => format!(r"{name}\u0000"),
        2 => format!(r"\u{:04x}{}", name.as_bytes()[0], &name[1..]),
        3 => name.replace('s', "\u{17f}"),
        _ => name.to_owned(),
    })
}

fn value() -> impl Strategy<Value = String> {
    let leaves = [
        r#""tools/call""#,
        r#""prompts/get""#,
        r#""resources/read""#,
        r#""completion/complete""#,
        r#""subscriptions/listen""#,
        r#""tasks/get""#,
        r#""tasks/cancel""#,
        r#""ping""#,
        r#""2.0""#,
        r#""secret""#,
        r#""open""#,
        r#""s\u0065cret""#,
        r#""secret\u0000""#,
        r#""file:///secret/a""#,
        r#""file:///public/../secret/a""#,
        r#""ref/prompt""#,
        r#""ref/resource""#,
        "1",
        "null",
        "{}",
        "true",
        "[]",
        r#"["file:///secret/a"]"#,
        r#"["ref/prompt","secret"]"#,
    ];
    let leaf = prop::sample::select(leaves.to_vec()).prop_map(str::to_owned);
    leaf.prop_recursive(3, 24, 5, |inner| {
        let member = (name(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            4 => prop::collection::vec(member, 0..5).prop_map(|all| format!("{{{}}}", all.join(","))),
            1 => prop::collection::vec(inner, 0..3).prop_map(|all| format!("[{}]", all.join(","))),
        ]
    })
}

/// A document that is a call or similar to one.
fn document() -> impl Strategy<Value = String> {
    let methods = [
        "tools/call",
        "prompts/get",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "resources/directory/read",
        "completion/complete",
        "tasks/get",
        "tasks/update",
        "tasks/cancel",
        "skills/get",
        "subscriptions/listen",
        "vendor/secret",
        "ping",
    ];
    let extra = prop::collection::vec((name(), value()), 0..3);
    (
        prop::sample::select(methods.to_vec()),
        value(),
        extra,
        any::<bool>(),
    )
        .prop_map(|(method, params, extra, has_id)| {
            let mut members = vec![
                r#""jsonrpc":"2.0""#.to_owned(),
                format!(r#""method":"{method}""#),
                format!(r#""params":{params}"#),
            ];
            if has_id {
                members.push(r#""id":1"#.to_owned());
            }
            members.extend(
                extra
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}")),
            );
            format!("{{{}}}", members.join(","))
        })
}

/// Whether `rmcp` would perform an operation that the rules forbid.
fn is_secret(body: &[u8]) -> bool {
    match serde_json::from_slice(body) {
        Ok(ClientJsonRpcMessage::Request(message)) => is_secret_request(message.request),
        Ok(ClientJsonRpcMessage::Notification(message)) => matches!(
            message.notification,
            ClientNotification::CustomNotification(n) if n.method == "vendor/secret"
        ),
        _ => false,
    }
}

fn is_secret_request(request: ClientRequest) -> bool {
    let is_secret_uri = |uri: &str| uri.contains("/secret");
    match request {
        ClientRequest::CallToolRequest(r) => r.params.name == "secret",
        ClientRequest::GetPromptRequest(r) => r.params.name.starts_with("secret"),
        ClientRequest::ReadResourceRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::SubscribeRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::UnsubscribeRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::ReadResourceDirectoryRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::GetSkillRequest(r) => is_secret_uri(&r.params.uri),
        ClientRequest::GetTaskRequest(r) => r.params.task_id.starts_with("secret"),
        ClientRequest::UpdateTaskRequest(r) => r.params.task_id.starts_with("secret"),
        ClientRequest::CancelTaskRequest(r) => r.params.task_id.starts_with("secret"),
        ClientRequest::SubscriptionsListenRequest(r) => {
            let uris = r.params.notifications.resource_subscriptions;
            uris.unwrap_or_default()
                .iter()
                .any(|uri| is_secret_uri(uri))
        }
        ClientRequest::CompleteRequest(r) => match r.params.r#ref {
            Reference::Prompt(prompt) => prompt.name.starts_with("secret"),
            Reference::Resource(resource) => is_secret_uri(&resource.uri),
            _ => true,
        },
        ClientRequest::CustomRequest(r) => r.method == "vendor/secret",
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn nothing_secret_gets_through(body in document()) {
        let passed = Mutex::new(None);
        let inner = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| {
            let passed = &passed;
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                *passed.lock().unwrap() = Some(body);
                Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
            }
        });
        let verifier = StaticTokenVerifier::new([("user", StaticToken::new("cli"))]);
        let guarded = ToolScopesLayer::new(rules()).layer(inner);
        let service = BearerAuthLayer::new(verifier).layer(guarded);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(service.oneshot(request("user", body.clone(), &[]))).unwrap();
        if let Some(passed) = passed.lock().unwrap().take() {
            prop_assert_eq!(&*passed, body.as_bytes());
            prop_assert!(!is_secret(&passed), "{}", body);
        }
    }
}
