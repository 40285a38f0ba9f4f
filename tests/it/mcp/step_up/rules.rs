//! A rule requires an authentication of the user.

use std::future::ready;
use std::net::SocketAddr;
use std::slice;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use proptest::prelude::*;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, StreamableHttpServerConfig};
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_bearer_auth::mcp::{Rule, ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{
    AccessToken, AuthenticationRequirement, BearerAuthLayer, Clock, ScopeRequirement, VerifyError,
    verify_fn,
};

use super::body;
use crate::mcp::recorder::Recorder;
use crate::mcp::tool_server::{
    METADATA, NOW, insufficient, insufficient_authentication, layer, step_up,
};
use crate::support::{Answer, Inner, answer_of, lacks_scope, no_token, refused, send, serve};

fn rules() -> ScopeRules {
    let pay = || ScopeRequirement::all(["write"]);
    let recent = AuthenticationRequirement::new().max_age(Duration::from_secs(60));
    let other = AuthenticationRequirement::new().acr(["other"]);
    ScopeRules::builder()
        .tool("transfer_*", Rule::new(pay()).authentication(step_up()))
        .tool("transfer_list", pay())
        .tool(
            "profile",
            Rule::new(ScopeRequirement::token()).authentication(step_up()),
        )
        .tool(
            "contact",
            Rule::new(ScopeRequirement::permit_all()).authentication(recent),
        )
        .tool(
            "other",
            Rule::new(ScopeRequirement::token()).authentication(other),
        )
        .tool(
            "closed",
            Rule::new(ScopeRequirement::deny_all()).authentication(step_up()),
        )
        .resource(
            "note://*",
            Rule::new(ScopeRequirement::token()).authentication(step_up()),
        )
        .method(
            "vendor/x",
            Rule::new(ScopeRequirement::token()).authentication(step_up()),
        )
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap()
}

struct Guarded {
    address: SocketAddr,
    recorder: Recorder,
}

impl Guarded {
    async fn start() -> Self {
        let recorder = Recorder::default();
        let service = ServiceBuilder::new()
            .layer(layer().optional().required_scopes(["read"]))
            .layer(ToolScopesLayer::new(rules()))
            .service(recorder.service());
        let address = serve(service).await;
        Self { address, recorder }
    }

    /// Posts messages, as a batch if there are several.
    async fn post(&self, token: Option<&str>, messages: &[Value]) -> Answer {
        send(self.address, request(token, messages)).await
    }
}

fn request(token: Option<&str>, messages: &[Value]) -> Request<Full<Bytes>> {
    let mut request = Request::post("/")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = match messages {
        [message] => message.to_string(),
        messages => json!(messages).to_string(),
    };
    request.body(Full::from(body)).unwrap()
}

fn tool(name: &str) -> Value {
    let params = json!({"name": name, "arguments": {}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

#[tokio::test]
async fn a_rule_may_require_an_authentication() {
    let server = Guarded::start().await;
    let challenge = insufficient_authentication("read");
    let resource = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "note://1"}});
    let method = json!({"jsonrpc": "2.0", "id": 1, "method": "vendor/x", "params": {}});
    for message in [tool("profile"), resource, method] {
        for token in ["reader", "stale"] {
            let answer = server.post(Some(token), slice::from_ref(&message)).await;
            answer.assert_refusal(401, Some(&challenge), &body());
            assert_eq!(server.recorder.take(), Vec::<String>::new(), "{message}");
        }
        let answer = server.post(Some("strong"), slice::from_ref(&message)).await;
        assert_ne!(answer.status, 401, "{message}");
        assert_eq!(server.recorder.take().len(), 1, "{message}");
    }
    let answer = server.post(Some("reader"), &[tool("anything")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn clients_of_every_revision_learn_what_their_user_must_do() {
    let recorder = Recorder::default();
    let service = ServiceBuilder::new()
        .layer(layer())
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
        let transport = StreamableHttpClientTransport::from_config(config.auth_header("stale"));
        let client = ().serve_with_lifecycle(transport, lifecycle).await.unwrap();
        client.list_tools(None).await.unwrap();
        recorder.take();
        let profile = CallToolRequestParams::new("profile");
        let refused = client.call_tool(profile).await.unwrap_err();
        let shown = format!("{refused:?}").replace('\\', "");
        assert!(
            shown.contains(r#"acr_values="phr phrh", max_age="300""#),
            "{shown}"
        );
        assert_eq!(recorder.take(), Vec::<String>::new());
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_lacks_a_scope_and_an_authentication_learns_of_both() {
    let server = Guarded::start().await;
    let both = insufficient_authentication("read write");
    for (token, status, challenge, body) in [
        ("reader", 401, &both, body()),
        ("stale", 401, &both, body()),
        // Only one of them.
        ("writer", 401, &both, body()),
        ("strong", 403, &insufficient("read write"), lacks_scope()),
    ] {
        let answer = server.post(Some(token), &[tool("transfer_money")]).await;
        answer.assert_refusal(status, Some(challenge), &body);
    }
    // The most specific rule wins, and requires no authentication.
    let answer = server.post(Some("writer"), &[tool("transfer_list")]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn no_authentication_and_no_token_helps_where_all_are_denied() {
    let server = Guarded::start().await;
    let closed = refused("access_denied", "No scope allows this operation");
    for token in [Some("reader"), Some("strong"), None] {
        let answer = server.post(token, &[tool("closed")]).await;
        answer.assert_refusal(403, None, &closed);
    }
}

#[tokio::test]
async fn a_caller_without_a_token_has_not_authenticated() {
    let server = Guarded::start().await;
    let challenge = format!(r#"Bearer realm="notes", scope="read", {METADATA}"#);
    for name in ["profile", "contact"] {
        let answer = server.post(None, &[tool(name)]).await;
        answer.assert_refusal(401, Some(&challenge), &no_token());
    }
    assert_eq!(server.recorder.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_needs_the_authentications_of_all_its_calls() {
    let server = Guarded::start().await;
    let batch = |names: &[&str]| names.iter().map(|name| tool(name)).collect::<Vec<_>>();
    let answer = server
        .post(Some("stale"), &batch(&["anything", "profile", "contact"]))
        .await;
    let challenge = insufficient_authentication("read").replace(r#""300""#, r#""60""#);
    answer.assert_refusal(401, Some(&challenge), &body());
    // Also of those that the token meets.
    let answer = server
        .post(Some("reader"), &batch(&["transfer_money", "contact"]))
        .await;
    let challenge = insufficient_authentication("read write").replace(r#""300""#, r#""60""#);
    answer.assert_refusal(401, Some(&challenge), &body());
    // No login allows these calls together.
    let answer = server
        .post(Some("strong"), &batch(&["profile", "other"]))
        .await;
    let closed = refused("access_denied", "No scope allows this operation");
    answer.assert_refusal(403, None, &closed);
    assert_eq!(server.recorder.take(), Vec::<String>::new());
}

#[tokio::test]
async fn rules_of_an_authentication_open_nothing_to_anonymous_callers() {
    let recent = AuthenticationRequirement::new().max_age(Duration::from_secs(60));
    let open = Rule::new(ScopeRequirement::permit_all());
    let server = |rule: Rule| {
        // Methods that are open by default count as open, too.
        let rules = ScopeRules::builder()
            .method("*", rule.clone())
            .default_rule(rule)
            .build()
            .unwrap();
        ServiceBuilder::new()
            .layer(layer().optional())
            .layer(ToolScopesLayer::new(rules))
            .service(Recorder::default().service())
    };
    // The body is not read, so that it may be no JSON.
    let unreadable = || {
        let mut request = request(None, &[tool("a")]);
        *request.body_mut() = Full::from("{");
        request
    };
    let answer = answer_of(server(open.clone()), unreadable()).await;
    assert_eq!(answer.status, 400);
    let answer = answer_of(server(open.authentication(recent)), unreadable()).await;
    assert_eq!(answer.status, 401);
}

/// A token whose user has authenticated like this, at the time [`NOW`].
fn token(scopes: &[&str], acr: Option<&str>, auth_time: Option<u64>) -> AccessToken {
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW));
    let mut token = AccessToken::builder("any".parse().unwrap())
        .scopes(scopes)
        .clock(clock);
    if let Some(acr) = acr {
        token = token.claim("acr", acr);
    }
    if let Some(auth_time) = auth_time {
        token = token.claim("auth_time", auth_time);
    }
    token.build()
}

#[tokio::test]
async fn rules_allow_what_the_guard_admits() {
    let server = Guarded::start().await;
    let rules = rules();
    let tokens = [
        ("reader", token(&["read"], None, None)),
        ("writer", token(&["read", "write"], None, None)),
        ("strong", token(&["read"], Some("phr"), Some(NOW))),
        ("stale", token(&["read"], Some("phr"), Some(NOW - 301))),
    ];
    for (name, token) in tokens {
        for target in [
            "transfer_money",
            "transfer_list",
            "profile",
            "contact",
            "other",
            "closed",
            "anything",
        ] {
            let answer = server.post(Some(name), &[tool(target)]).await;
            let allows = rules.allows(&token, "tools/call", target);
            assert_eq!(allows, answer.status == 200, "{name} {target}");
            // What a login can change, and nothing else.
            let after = rules.allows_after_step_up(&token, "tools/call", target);
            let can_step_up = answer
                .header("www-authenticate")
                .is_some_and(|challenge| challenge.contains("insufficient_user_authentication"));
            let lacks_scope = target == "transfer_money" && name != "writer";
            assert_eq!(
                after,
                allows || (can_step_up && !lacks_scope),
                "{name} {target}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // The guard decides about all rules of a batch together, `allows` about each.
    #[test]
    fn calls_are_admitted_together_where_each_is_allowed(
        called in proptest::collection::vec(0_usize..4, 2..4),
        required in proptest::collection::vec(
            (proptest::option::of("[ab]"), proptest::option::of(1_u64..9)),
            4,
        ),
        acr in proptest::option::of("[ab]"),
        age in proptest::option::of(0_u64..9),
    ) {
        let rules = required.into_iter().enumerate().map(|(name, (acr, max_age))| {
            let mut required = AuthenticationRequirement::new();
            if let Some(acr) = acr {
                required = required.acr([acr]);
            }
            if let Some(max_age) = max_age {
                required = required.max_age(Duration::from_secs(max_age));
            }
            let rule = Rule::new(ScopeRequirement::token()).authentication(required);
            (name.to_string(), rule)
        });
        let rules = rules
            .fold(ScopeRules::builder(), |rules, (name, rule)| rules.tool(name, rule))
            .default_rule(ScopeRequirement::deny_all())
            .build()
            .unwrap();
        let token = token(&[], acr.as_deref(), age.map(|age| NOW - age));
        let allowed = called
            .iter()
            .all(|name| rules.allows(&token, "tools/call", &name.to_string()));

        let verified = token.clone();
        let verifier = verify_fn(move |_| ready(Ok::<_, VerifyError>(verified.clone())));
        let server = ServiceBuilder::new()
            .layer(BearerAuthLayer::new(verifier))
            .layer(ToolScopesLayer::new(rules))
            .service(Inner::default());
        let calls: Vec<_> = called.iter().map(|name| tool(&name.to_string())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let answer = runtime.block_on(answer_of(server, request(Some("any"), &calls)));
        prop_assert_eq!(answer.status == 200, allowed, "{:?}", answer);
    }
}
