//! `ScopeRules::allows` and the layer make the same decision for all rules, calls and tokens.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::mcp::{ScopeRules, ScopeRulesBuilder, ToolScopesLayer, tool_scopes};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ScopeRequirement, StaticToken, StaticTokenVerifier,
};

use super::{call, request};

const METHODS: [&str; 14] = [
    "tools/call",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/directory/read",
    "skills/get",
    "subscriptions/listen",
    "completion/complete",
    "tasks/get",
    "tasks/list",
    "tools/list",
    "notifications/x",
    "vendor/do",
    "vendor/do\n",
];

/// Names that rules match or nearly match, canonical and other URIs among them.
fn name() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b",
        "note_",
        "x:",
        "note://",
        "note://u@h:9/",
        "note://h",
        "file:///c:/",
        "%2A",
        "file:///",
        "HTTPS://h/",
        "https://h:443/",
        "?a=",
        "&",
        "%26",
        "%3f",
        "%61",
        "%2561",
        "%c3%a4",
        "\u{e4}",
        "/../",
        "//",
        " ",
        "%20",
        "\\",
        "\u{0}",
        "#",
        "{id}",
        "%",
        ":",
    ];
    let long = Just("a".repeat(8 * 1024 + 1));
    prop_oneof![
        30 => prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..4)
            .prop_map(|pieces| pieces.concat()),
        1 => long,
    ]
}

fn requirement() -> impl Strategy<Value = ScopeRequirement> {
    prop_oneof![
        Just(ScopeRequirement::permit_all()),
        Just(ScopeRequirement::token()),
        Just(ScopeRequirement::deny_all()),
        Just(ScopeRequirement::all(["r"])),
        Just(ScopeRequirement::all(["r", "w"])),
        Just(ScopeRequirement::any(["w", "admin"])),
    ]
}

/// A rule for a tool, prompt, resource, task or method. Rules that do not build are left out.
fn rule() -> impl Strategy<Value = (u8, String, ScopeRequirement)> {
    let method = prop::sample::select(METHODS.to_vec()).prop_map(str::to_owned);
    let pattern = prop_oneof![3 => name(), 1 => method];
    let pattern = (pattern, any::<bool>()).prop_map(|(name, is_prefix)| match is_prefix {
        true => format!("{name}*"),
        false => name,
    });
    (0..5_u8, pattern, requirement())
}

fn add(
    rules: ScopeRulesBuilder,
    (subject, pattern, requirement): (u8, String, ScopeRequirement),
) -> ScopeRulesBuilder {
    match subject {
        0 => rules.tool(pattern, requirement),
        1 => rules.prompt(pattern, requirement),
        2 => rules.resource(pattern, requirement),
        3 => rules.task(pattern, requirement),
        _ => rules.method(pattern, requirement),
    }
}

/// The body of a call of `method` on `name`, as clients send it. Methods that may come without a target have none if
/// the name is empty.
fn body(method: &str, name: &str) -> String {
    let params = match method {
        "subscriptions/listen" | "resources/subscribe" if name.is_empty() => json!({}),
        "tools/call" | "prompts/get" => json!({"name": name}),
        "subscriptions/listen" => json!({"notifications": {"resourceSubscriptions": [name]}}),
        _ if method.starts_with("tasks/") => json!({"taskId": name}),
        _ if method.starts_with("resources/") || method == "skills/get" => json!({"uri": name}),
        _ => json!({}),
    };
    call(method, &params)
}

/// Whether the layer passes this body on to the service behind it.
fn is_passed(rules: ScopeRules, scopes: &[&str], body: String) -> bool {
    let inner = service_fn(|_: Request<tool_scopes::ReplayBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let token = StaticToken::new("cli").scopes(scopes);
    let verifier = StaticTokenVerifier::new([("user", token)]);
    let guarded = ToolScopesLayer::new(rules).layer(inner);
    let service = BearerAuthLayer::new(verifier).layer(guarded);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let response = runtime.block_on(service.oneshot(request("user", body, &[])));
    response.unwrap().status() == 200
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn allows_answers_as_the_layer_decides(
        rules in prop::collection::vec(rule(), 0..6),
        default in requirement(),
        method in prop::sample::select(METHODS.to_vec()),
        name in name(),
        scopes in prop::sample::subsequence(vec!["r", "w", "admin"], 0..=3),
    ) {
        let mut builder = ScopeRules::builder().default_rule(default);
        for rule in rules {
            let more = add(builder.clone(), rule);
            if more.clone().build().is_ok() {
                builder = more;
            }
        }
        let rules = builder.build().unwrap();
        let token = AccessToken::builder("user".parse().unwrap()).scopes(&scopes).build();
        // A method without a target has no name.
        let has_name = !matches!(
            method,
            "completion/complete" | "tasks/list" | "tools/list" | "notifications/x" | "vendor/do"
        );
        let name = if has_name { name } else { String::new() };
        let allowed = rules.allows(&token, method, &name);
        let passed = is_passed(rules, &scopes, body(method, &name));
        prop_assert_eq!(allowed, passed, "{} {:?}", method, name);
    }
}
