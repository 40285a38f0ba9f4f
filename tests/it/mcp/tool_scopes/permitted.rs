//! Permitted requests work for clients of every revision.

use http::StatusCode;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::json;
use tower::ServiceBuilder;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ScopeRequirement, StaticToken, StaticTokenVerifier,
};

use super::{Guarded, call, rules, stateless};
use crate::mcp::recorder::Recorder;
use crate::support::serve;

#[tokio::test]
async fn every_open_call_reaches_the_server() {
    let server = Guarded::start().await;
    let prompt = json!({"ref": {"type": "ref/prompt", "name": "open"}, "argument": {"name": "a", "value": ""}});
    let template = json!({"ref": {"type": "ref/resource", "uri": "x://{a}"}, "argument": {"name": "a", "value": ""}});
    let task = json!({"taskId": "7", "inputResponses": {}});
    let table = [
        ("tools/call", json!({"name": "open"}), "tool open"),
        ("tools/call", json!({"name": "Secret"}), "tool Secret"),
        ("tools/call", json!({"name": "secret2"}), "tool secret2"),
        (
            "tools/call",
            json!({"name": "gr\u{f6}\u{df}e"}),
            "tool gr\u{f6}\u{df}e",
        ),
        (
            "tools/call",
            json!({"name": "open", "arguments": {"Name": "secret", "name": "secret"}}),
            "tool open",
        ),
        ("prompts/get", json!({"name": "open"}), "prompt open"),
        (
            "resources/read",
            json!({"uri": "file:///public/a"}),
            "resource file:///public/a",
        ),
        (
            "resources/read",
            json!({"uri": "file:///public/a%20b?x=%3f"}),
            "resource file:///public/a%20b?x=%3f",
        ),
        (
            "resources/read",
            json!({"uri": "https://x.test/a?u=https%3A%2F%2Fy.test%2Fb.c"}),
            "resource https://x.test/a?u=https%3A%2F%2Fy.test%2Fb.c",
        ),
        (
            "resources/read",
            json!({"uri": "https://x.test/https://y.test"}),
            "resource https://x.test/https://y.test",
        ),
        (
            "resources/subscribe",
            json!({"uri": "x:a"}),
            "subscribe x:a",
        ),
        (
            "resources/unsubscribe",
            json!({"uri": "x:a"}),
            "unsubscribe x:a",
        ),
        (
            "resources/directory/read",
            json!({"uri": "x:a"}),
            "directory x:a",
        ),
        (
            "skills/get",
            json!({"uri": "x:/a/SKILL.md"}),
            "skill x:/a/SKILL.md",
        ),
        ("completion/complete", prompt, "complete prompt open"),
        ("completion/complete", template, "complete resource x://{a}"),
        ("tasks/get", task.clone(), "task 7"),
        ("tasks/cancel", task.clone(), "task 7"),
        ("tasks/update", task, "task 7"),
        (
            "vendor/open",
            json!({"Name": "x", "name": ["y"]}),
            "custom vendor/open",
        ),
        ("vendor/secret2", json!([1, 2]), "custom vendor/secret2"),
    ];
    for (method, params, ran) in table {
        let new = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
            ("mcp-name", "7"),
        ];
        let answer = match method.starts_with("tasks/") {
            // Tasks are for clients that declare support for them.
            true => server.post(stateless(method, &params), &new).await,
            false => server.post(call(method, &params), &[]).await,
        };
        if method != "vendor/secret2" {
            assert_eq!(answer.status, StatusCode::OK, "{method}: {answer:?}");
            assert_eq!(server.recorder.take(), [ran], "{method}");
        }
        // With the method's headers, as new clients send them.
        let headers = [("mcp-method", method)];
        let answer = server.post(call(method, &params), &headers).await;
        assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method}");
        server.recorder.take();
    }
}

#[tokio::test]
async fn what_opens_lists_and_informs_is_open() {
    let server = Guarded::start().await;
    let info = json!({"name": "test", "version": "1"});
    let initialize =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info});
    for (method, params) in [
        ("initialize", initialize),
        ("ping", json!({})),
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
    ] {
        let answer = server.post(call(method, &params), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{method}: {answer:?}");
        assert!(answer.json()["result"].is_object(), "{method}: {answer:?}");
    }
    for notification in [
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/vendor",
    ] {
        let body = json!({"jsonrpc": "2.0", "method": notification, "params": {"requestId": 1}});
        let answer = server.post(body.to_string(), &[]).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{notification}");
    }
    // A response to a request of the server. This server sends no requests and refuses the response itself.
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    let answer = server.post(response.to_string(), &[]).await;
    assert!(answer.body.contains("stateless server"), "{answer:?}");
}

#[tokio::test]
async fn headers_that_agree_pass() {
    let server = Guarded::start().await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?Z3LDtsOfZQ==?="),
    ];
    let body = stateless("tools/call", &json!({"name": "gr\u{f6}\u{df}e"}));
    let answer = server.post(body, &headers).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(server.recorder.take(), ["tool gr\u{f6}\u{df}e"]);
}

#[tokio::test]
async fn clients_of_every_revision_get_their_tools_and_no_others() {
    let recorder = Recorder::default();
    let verifier = StaticTokenVerifier::new([("user", StaticToken::new("cli").subject("alice"))]);
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier))
        .layer(ToolScopesLayer::new(rules()))
        .service(recorder.service_with(StreamableHttpServerConfig::default()));
    let address = serve(service).await;
    let lifecycles = [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    ];
    for lifecycle in lifecycles {
        let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{address}/"));
        let transport = StreamableHttpClientTransport::from_config(config.auth_header("user"));
        let client = ().serve_with_lifecycle(transport, lifecycle).await.unwrap();
        client.list_tools(None).await.unwrap();
        let open = CallToolRequestParams::new("open");
        client.call_tool(open).await.unwrap();
        assert_eq!(recorder.take(), ["tool open"]);
        let secret = CallToolRequestParams::new("secret");
        let refused = client.call_tool(secret).await.unwrap_err();
        assert!(
            format!("{refused:?}").contains("tools:secret"),
            "{refused:?}"
        );
        assert_eq!(recorder.take(), Vec::<String>::new());
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn rules_and_guard_agree() {
    let server = Guarded::start().await;
    let rules = rules();
    let bearer = |scopes: &[&str]| {
        AccessToken::builder("token".parse().unwrap())
            .scopes(scopes)
            .build()
    };
    let (user, admin) = (bearer(&["use"]), bearer(&["tools:secret", "files:secret"]));
    for (method, member, name) in [
        ("tools/call", "name", "open"),
        ("tools/call", "name", "secret"),
        ("resources/read", "uri", "x:a"),
        ("resources/read", "uri", "file:///secret/a"),
        ("resources/read", "uri", "FILE:///%73ecret/a"),
        ("resources/read", "uri", "file:///public/../secret/a"),
        ("resources/read", "uri", "file:///public/a"),
    ] {
        let mut params = json!({});
        params[member] = name.into();
        let answer = server.post(call(method, &params), &[]).await;
        assert_eq!(
            rules.allows(&user, method, name),
            answer.status == 200,
            "{name}"
        );
    }
    assert!(rules.allows(&admin, "tools/call", "secret"));
    assert!(rules.allows(&admin, "subscriptions/listen", "file:///secret/a"));
    assert!(!rules.allows(&user, "subscriptions/listen", "file:///secret/a"));
    // An empty name is no target, which these methods may come without. Others need one.
    assert!(rules.allows(&user, "subscriptions/listen", ""));
    let strict = ScopeRules::builder()
        .resource("file:///*", ScopeRequirement::token())
        .method("resources/subscribe", ScopeRequirement::all(["watch"]))
        .default_rule(ScopeRequirement::deny_all())
        .build()
        .unwrap();
    assert!(strict.allows(&user, "subscriptions/listen", ""));
    assert!(!strict.allows(&user, "resources/subscribe", ""));
    assert!(strict.allows(&bearer(&["watch"]), "resources/subscribe", ""));
    assert!(!strict.allows(&user, "resources/read", ""));
    assert!(rules.allows(&user, "tools/list", ""));
    assert!(!rules.allows(&user, "vendor/secret", ""));
    assert!(rules.allows(&bearer(&["ops"]), "vendor/secret", ""));
}

#[tokio::test]
async fn the_most_specific_rule_applies_then_the_method_then_the_default() {
    let rules = ScopeRules::builder()
        .tool("note_*", ScopeRequirement::all(["notes"]))
        .tool("note_delete", ScopeRequirement::all(["notes", "write"]))
        .tool("note_public_*", ScopeRequirement::token())
        .method("tools/call", ScopeRequirement::all(["tools"]))
        .method("tools/list", ScopeRequirement::all(["list"]))
        .method("vendor/*", ScopeRequirement::all(["vendor"]))
        .default_rule(ScopeRequirement::deny_all())
        .build()
        .unwrap();
    let may = |scopes: &[&str], method: &str, name: &str| {
        let token = AccessToken::builder("token".parse().unwrap());
        rules.allows(&token.scopes(scopes).build(), method, name)
    };
    assert!(may(&["notes"], "tools/call", "note_add"));
    assert!(!may(&["notes"], "tools/call", "note_delete"));
    assert!(may(&["notes", "write"], "tools/call", "note_delete"));
    assert!(may(&[], "tools/call", "note_public_read"));
    assert!(!may(&["notes"], "tools/call", "other"));
    assert!(may(&["tools"], "tools/call", "other"));
    assert!(!may(&[], "tools/list", ""));
    assert!(may(&["vendor"], "vendor/x", ""));
    assert!(!may(&["vendor", "tools", "notes"], "prompts/get", "x"));
    assert!(!may(&["vendor", "tools", "notes"], "another/x", ""));
    assert!(may(&[], "prompts/list", ""));
}

#[test]
fn debug_shows_the_rules() {
    let rules = ScopeRules::builder()
        .tool("note_*", ScopeRequirement::all(["notes"]))
        .default_rule(ScopeRequirement::deny_all())
        .build()
        .unwrap();
    let shown = format!("{rules:?}");
    assert!(
        shown.contains("note_") && shown.contains("notes"),
        "{shown}"
    );
}
