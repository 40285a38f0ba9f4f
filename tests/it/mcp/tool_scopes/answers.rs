//! The responses to refused requests.

use serde_json::json;
use tower::{Layer, ServiceBuilder};
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{
    BearerAuthLayer, ConfigError, ProtectedResource, ScopeHierarchy, ScopeRequirement, StaticToken,
    StaticTokenVerifier,
};

use super::{call, request, tool};
use crate::mcp::recorder::Recorder;
use crate::support::{answer_of, lacks_scope, no_token, refused, send, serve};

fn verifier() -> StaticTokenVerifier {
    StaticTokenVerifier::new([
        ("reader", StaticToken::new("cli").scopes(["read"])),
        ("admin", StaticToken::new("cli").scopes(["admin"])),
    ])
}

fn rules() -> ScopeRules {
    ScopeRules::builder()
        .tool("write", ScopeRequirement::all(["read", "write"]))
        .tool("either", ScopeRequirement::any(["ops", "write"]))
        .tool("closed", ScopeRequirement::deny_all())
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_challenge_says_all_that_the_layer_and_the_call_need() {
    let resource = ProtectedResource::new("https://api.test/mcp").scopes(["read", "write", "ops"]);
    let recorder = Recorder::default();
    let service = ServiceBuilder::new()
        .layer(
            BearerAuthLayer::new(verifier())
                .realm("notes")
                .resource(&resource)
                .required_scopes(["read"])
                .scope_hierarchy(ScopeHierarchy::new().implies("admin", ["read", "ops"])),
        )
        .layer(ToolScopesLayer::new(rules()))
        .service(recorder.service());
    let address = serve(service).await;
    let challenge = |scope: &str| {
        format!(
            r#"Bearer realm="notes", error="insufficient_scope", scope="{scope}", resource_metadata="https://api.test/.well-known/oauth-protected-resource/mcp", error_description="The access token lacks a required scope""#
        )
    };
    let batch = format!("[{},{}]", tool("either"), tool("write"));
    for (token, body, scope) in [
        ("reader", tool("write"), "read write"),
        ("reader", tool("either"), "read ops"),
        ("admin", tool("write"), "read write"),
        ("reader", batch.clone(), "read ops write"),
        // Of several alternatives, the challenge names the one that the token satisfies.
        ("admin", batch, "read ops write"),
    ] {
        let answer = send(address, request(token, body, &[])).await;
        answer.assert_refusal(403, Some(&challenge(scope)), &lacks_scope());
    }
    // The hierarchy of scopes allows this call.
    let answer = send(address, request("admin", tool("either"), &[])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(recorder.take(), ["tool either"]);
}

#[tokio::test]
async fn a_tool_that_is_denied_to_all_has_no_challenge() {
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier()).optional())
        .layer(ToolScopesLayer::new(rules()))
        .service(Recorder::default().service());
    let address = serve(service).await;
    let closed = refused("access_denied", "No scope allows this operation");
    let answer = send(address, request("reader", tool("closed"), &[])).await;
    answer.assert_refusal(403, None, &closed);
    // A client without a token gets no challenge, because no token would be accepted.
    let mut anonymous = request("reader", tool("closed"), &[]);
    anonymous.headers_mut().remove("authorization");
    send(address, anonymous)
        .await
        .assert_refusal(403, None, &closed);
}

#[tokio::test]
async fn a_caller_without_a_token_behind_an_optional_layer_may_list_and_not_call() {
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier()).optional())
        .layer(ToolScopesLayer::new(rules()))
        .service(Recorder::default().service());
    let address = serve(service).await;
    let post = async |body: String| {
        let mut anonymous = request("reader", body, &[]);
        anonymous.headers_mut().remove("authorization");
        send(address, anonymous).await
    };
    let list = post(call("tools/list", &json!({}))).await;
    assert_eq!(list.status, 200, "{list:?}");
    for (body, challenge) in [
        (tool("open"), "Bearer"),
        (tool("write"), r#"Bearer scope="read write""#),
    ] {
        post(body)
            .await
            .assert_refusal(401, Some(challenge), &no_token());
    }
}

#[tokio::test]
async fn a_guard_without_a_layer_in_front_is_a_mistake_of_the_server() {
    let guard = ToolScopesLayer::new(rules());
    for body in [tool("open"), call("tools/list", &json!({}))] {
        let service = guard.layer(Recorder::default().service());
        answer_of(service, request("reader", body, &[]))
            .await
            .assert_no_layer();
    }
    let mut get = request("reader", "", &[]);
    *get.method_mut() = http::Method::GET;
    let service = guard.layer(Recorder::default().service());
    answer_of(service, get).await.assert_no_layer();
}

#[test]
fn rules_are_complete_and_unambiguous_or_are_not_built() {
    let problems = |error: &ConfigError| error.problems().map(str::to_owned).collect::<Vec<_>>();
    let error = ScopeRules::builder()
        .tool("a", ScopeRequirement::token())
        .tool("a", ScopeRequirement::deny_all())
        .prompt("", ScopeRequirement::token())
        .resource("file:///../*", ScopeRequirement::token())
        .task("a*b", ScopeRequirement::token())
        .method("a*", ScopeRequirement::token())
        .method("a*", ScopeRequirement::token())
        .build()
        .unwrap_err();
    let reported = problems(&error);
    assert_eq!(reported.len(), 6, "{reported:#?}");
    for part in [
        "no default rule",
        r#"tool("a", ..) occurs twice"#,
        r#"prompt("", ..) is empty"#,
        r#"resource("file:///../*", ..) is not canonical: it has a `.`"#,
        r#"task("a*b", ..) has a `*`"#,
        r#"method("a*", ..) occurs twice"#,
    ] {
        assert!(
            reported.iter().any(|p| p.contains(part)),
            "{part}: {reported:#?}"
        );
    }
    // Two spellings of a URI are the same resource.
    let error = ScopeRules::builder()
        .resource("FILE:///a", ScopeRequirement::token())
        .resource("file:///%61", ScopeRequirement::token())
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap_err();
    assert_eq!(problems(&error).len(), 1);
}

#[test]
fn a_resource_pattern_that_other_spellings_would_bypass_is_not_built() {
    let build = |pattern: &str| {
        ScopeRules::builder()
            .resource(pattern, ScopeRequirement::deny_all())
            .default_rule(ScopeRequirement::token())
            .build()
    };
    for (pattern, why) in [
        ("https://h", "would rewrite its scheme or host"),
        ("https://h:443/x", "would rewrite its scheme or host"),
        ("file:/x", "would rewrite its scheme or host"),
        ("file:///a//b", "its path has an empty segment"),
        ("file:///a/../b", "it has a `.` or `..` segment"),
        ("note://a%2eb", "it has an encoded `.`"),
        ("note://a\\b", "it has a backslash"),
        ("note://a ", "white space"),
        ("note://a./x", "ends in a dot"),
        ("https://[::0]/x", "an IP address"),
        ("file:///c|/x", "drive letter"),
        ("note://x%40a/1", "an encoded delimiter"),
        ("file:///c*", "could be a drive's"),
        ("a%2F*", "it has an encoded delimiter"),
        ("a*%2A", "`*` elsewhere"),
    ] {
        let error = build(pattern).unwrap_err();
        assert!(error.to_string().contains(why), "{pattern}: {error}");
    }
    // Resources without a canonical URI, and parts that a pattern may have.
    for pattern in [
        "note://a%2Fb",
        "note://a%3Fb",
        "file:///a%2520b",
        "file:///a%20",
        "note://a%ff",
        "note://\u{e4}/1",
        "note://u@h:9/1",
        "note://u@h:9/*",
        "note://1?",
        "note://1#a",
        "note://1#*",
        "a%2A",
        "a%2A*",
        "file:///C*",
        "*",
    ] {
        build(pattern).unwrap();
    }
}
