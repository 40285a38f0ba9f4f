//! How much of a body the guard reads from a client without a token, or without a layer in front.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame};
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer_auth::mcp::tool_scopes::ReplayBody;
use tower_bearer_auth::mcp::{ScopeRules, ScopeRulesBuilder, ToolScopesLayer};
use tower_bearer_auth::{BearerAuthLayer, ScopeRequirement, StaticToken, StaticTokenVerifier};

use super::{assert_rejected, call, tool};
use crate::support::{Answer, no_token, read};

const BOUND: usize = 64 * 1024;

/// A body of unknown length, in frames of a kilobyte, that counts how much of it is read.
#[derive(Clone)]
struct Counted {
    rest: Bytes,
    read: Arc<AtomicUsize>,
    polls: Arc<AtomicUsize>,
}

impl Counted {
    fn new(body: impl Into<Bytes>) -> Self {
        Self {
            rest: body.into(),
            read: Arc::default(),
            polls: Arc::default(),
        }
    }

    fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    fn polls(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        let length = self.rest.len().min(1024);
        self.read.fetch_add(length, Ordering::Relaxed);
        let piece = self.rest.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }
}

/// Rules that leave nothing open except what `add` opens.
fn closed(add: impl Fn(ScopeRulesBuilder) -> ScopeRulesBuilder) -> ScopeRules {
    let rules = ScopeRules::builder()
        .method("*", ScopeRequirement::token())
        .tool("secret", ScopeRequirement::all(["tools:secret"]))
        .default_rule(ScopeRequirement::token());
    add(rules).build().unwrap()
}

async fn post(layer: &ToolScopesLayer, token: Option<&str>, body: Counted) -> Answer {
    send("POST", layer, token, body).await
}

async fn send(method: &str, layer: &ToolScopesLayer, token: Option<&str>, body: Counted) -> Answer {
    let inner = service_fn(|_: Request<ReplayBody<Counted>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let verifier = StaticTokenVerifier::new([("user", StaticToken::new("cli"))]);
    let auth = BearerAuthLayer::new(verifier).optional();
    let mut request = Request::builder()
        .method(method)
        // Over HTTP/1 the rest of a body is drained after the decision, to keep the connection.
        .version(Version::HTTP_2)
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(body).unwrap();
    read(
        auth.layer(layer.layer(inner))
            .oneshot(request)
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn an_anonymous_body_is_not_read_when_nothing_is_open() {
    let open = |name: &'static str| {
        ScopeRules::builder()
            .default_rule(ScopeRequirement::token())
            .method(name, ScopeRequirement::permit_all())
    };
    let layer = ToolScopesLayer::new(closed(|rules| rules));
    for message in [
        tool("x"),
        call("ping", &json!({})),
        "{".to_owned(),
        r#"{"result":1}"#.to_owned(),
    ] {
        let body = Counted::new(message);
        let answer = post(&layer, None, body.clone()).await;
        answer.assert_refusal(401, Some("Bearer"), &no_token());
        assert_eq!(body.polls(), 0);
        let answer = post(&layer, Some("user"), body.clone()).await;
        assert!(body.polls() > 0);
        assert_ne!(answer.status, 401);
    }
    // If anything is open, by a rule or by default, the guard must read the body to find it.
    let permit_all = ScopeRequirement::permit_all;
    for rules in [
        closed(|rules| rules.tool("open", permit_all())),
        closed(|rules| rules.tool("open*", permit_all())),
        closed(|rules| rules.prompt("open", permit_all())),
        closed(|rules| rules.resource("x:*", permit_all())),
        closed(|rules| rules.task("x", permit_all())),
        closed(|rules| rules.method("vendor/open", permit_all())),
        closed(|rules| rules.default_rule(permit_all())),
        open("x").build().unwrap(),
    ] {
        let body = Counted::new(tool("secret"));
        post(&ToolScopesLayer::new(rules), None, body.clone()).await;
        assert!(body.polls() > 0);
    }
    // Notifications are open unless a rule covers all of them.
    let open_methods = [
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "skills/list",
        "subscriptions/listen",
    ];
    let closing = |notifications: &str| {
        let rules = ScopeRules::builder().default_rule(ScopeRequirement::token());
        let rules = open_methods.iter().fold(rules, |rules, method| {
            rules.method(*method, ScopeRequirement::token())
        });
        ToolScopesLayer::new(
            rules
                .method(notifications, ScopeRequirement::token())
                .build()
                .unwrap(),
        )
    };
    for (notifications, is_closed) in [
        ("notifications/*", true),
        ("n*", true),
        ("notifications/x*", false),
        ("notifications/", false),
    ] {
        let body = Counted::new(call("notifications/initialized", &json!({})));
        let answer = post(&closing(notifications), None, body.clone()).await;
        assert_eq!(body.polls() == 0, is_closed, "{notifications}");
        assert_eq!(
            answer.status,
            if is_closed { 401 } else { 200 },
            "{notifications}"
        );
    }
}

#[tokio::test]
async fn an_anonymous_body_is_read_up_to_a_limit() {
    let rules = ScopeRules::builder().default_rule(ScopeRequirement::token());
    let layer = ToolScopesLayer::new(rules.build().unwrap());
    let padded =
        |message: String, length: usize| format!("{message}{}", " ".repeat(length - message.len()));
    let ping = || call("ping", &json!({}));
    for (length, status) in [(BOUND, 200), (BOUND + 1, 401), (4 << 20, 401)] {
        let body = Counted::new(padded(ping(), length));
        let answer = post(&layer, None, body.clone()).await;
        match status {
            200 => assert_eq!(answer.status, 200, "{answer:?}"),
            _ => answer.assert_refusal(401, Some("Bearer"), &no_token()),
        }
        assert!(body.read() <= BOUND + 1024, "{}", body.read());
        let body = Counted::new(padded(ping(), length));
        assert_eq!(
            post(&layer, Some("user"), body).await.status,
            200,
            "{length}"
        );
    }
    // A token changes nothing about a body that cannot be read.
    let answer = post(&layer, None, Counted::new("{")).await;
    assert_rejected(&answer, 400, -32700, "no token");
    let answer = send("PUT", &layer, None, Counted::new(ping())).await;
    assert_rejected(&answer, 405, -32600, "no token");
    // A smaller configured limit still applies, and the response names the remedy.
    let small = layer.max_body_bytes(2048);
    let body = Counted::new(padded(ping(), 5000));
    post(&small, None, body.clone())
        .await
        .assert_refusal(401, Some("Bearer"), &no_token());
    assert!(body.read() <= 3072);
    let body = Counted::new(padded(ping(), 5000));
    assert_eq!(post(&small, Some("user"), body).await.status, 413);
}

#[tokio::test]
async fn without_a_layer_in_front_no_body_is_read() {
    let inner = service_fn(|_: Request<ReplayBody<Counted>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let rules = ScopeRules::builder().default_rule(ScopeRequirement::permit_all());
    let mut guard = ToolScopesLayer::new(rules.build().unwrap()).layer(inner);
    let body = Counted::new(tool("open"));
    let request = Request::post("/").version(Version::HTTP_2);
    let request = request.body(body.clone()).unwrap();
    let response = guard.ready().await.unwrap().call(request);
    assert_eq!(format!("{response:?}"), "ResponseFuture { .. }");
    read(response.await.unwrap()).await.assert_no_layer();
    assert_eq!(body.polls(), 0);
}
