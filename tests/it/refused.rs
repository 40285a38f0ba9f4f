//! The `Refused` extension of a refusal's response, for the layers around it.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use tower::{Service, ServiceExt, service_fn};
use tower_bearer_auth::mcp::session::SessionRequestBody;
use tower_bearer_auth::mcp::{ScopeRules, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, Claims, InvalidReason, ProtectedResource, Refused,
    RequireScopesLayer, ScopeError, ScopeRequirement, Verifier, VerifyError, verify_fn,
};
use tower_layer::Layer;

use crate::support::Inner;

/// A layer that refuses certain tokens by their text.
fn auth() -> BearerAuthLayer<impl Verifier> {
    BearerAuthLayer::new(verify_fn(|token| async move {
        match token.as_str() {
            "expired" => Err(VerifyError::invalid(InvalidReason::Expired)),
            "closed" => Err(VerifyError::invalid("The account was closed")),
            "step-up" => Err(VerifyError::insufficient_scope("pay".parse().unwrap())),
            "down" => Err(VerifyError::unavailable("the key server is on fire")),
            _ => Ok(AccessToken::builder(token).build()),
        }
    }))
    .realm("notes")
    .max_token_length(32)
}

type Headers<'a> = &'a [(&'static str, &'a str)];

const GOOD: (&str, &str) = ("authorization", "Bearer good-xyzzy");

fn request(headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = Request::post("/xyzzy?xyzzy").body(Body::empty()).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

/// Asserts that a request with these headers is refused for this reason by this component.
async fn assert_refused<S, B>(
    service: S,
    headers: &[(&'static str, &str)],
    (status, reason, component): (u16, &str, &str),
) where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let response = service.oneshot(request(headers)).await.unwrap();
    assert_eq!(response.status(), status, "{reason}");
    let refused = response.extensions().get::<Refused>().unwrap().clone();
    assert_eq!(refused.status(), status);
    assert_eq!(refused.reason(), reason);
    assert_eq!(refused.component(), component);
    let challenges = response.headers().get_all("www-authenticate");
    assert!(refused.challenges().eq(challenges), "{refused:?}");
    let has_challenge = refused.challenges().next().is_some();
    assert!(has_challenge || status != 401, "{refused:?}");
    // `xyzzy` marks text that the client chose.
    let shown = format!("{refused:?}");
    assert!(!shown.contains("xyzzy"), "{shown}");
}

#[tokio::test]
async fn the_layer_sets_the_reason() {
    let table: &[(Headers<'_>, (u16, &str))] = &[
        (&[], (401, "no_token")),
        (&[("authorization", "Basic xyzzy")], (401, "no_token")),
        (&[GOOD, GOOD], (400, "repeated_header")),
        (&[("authorization", "Bearer x y")], (401, "malformed")),
        (
            &[(
                "authorization",
                "Bearer xyzzyxyzzyxyzzyxyzzyxyzzyxyzzyxyzzy",
            )],
            (401, "too_long"),
        ),
        (&[("authorization", "Bearer expired")], (401, "expired")),
        (
            &[("authorization", "Bearer closed")],
            (401, InvalidReason::from("The account was closed").as_str()),
        ),
        (
            &[("authorization", "Bearer step-up")],
            (403, "insufficient_scope"),
        ),
        (&[("authorization", "Bearer down")], (503, "unavailable")),
    ];
    for (headers, (status, reason)) in table {
        let expected = (*status, *reason, "BearerAuthLayer");
        assert_refused(auth().layer(Inner::default()), headers, expected).await;
    }
    let scoped = auth().required_scopes(["use"]).layer(Inner::default());
    assert_refused(
        scoped,
        &[GOOD],
        (403, "insufficient_scope", "BearerAuthLayer"),
    )
    .await;
}

#[tokio::test]
async fn a_scope_guard_sets_the_reason() {
    const GUARD: &str = "RequireScopesLayer";
    let guard = || RequireScopesLayer::all(["write"]).layer(Inner::default());
    let closed = RequireScopesLayer::new(ScopeRequirement::deny_all()).layer(Inner::default());
    assert_refused(guard(), &[], (500, "no_layer", GUARD)).await;
    let lacking = (403, "insufficient_scope", GUARD);
    assert_refused(auth().layer(guard()), &[GOOD], lacking).await;
    let without = auth().optional().layer(guard());
    assert_refused(without, &[], (401, "no_token", GUARD)).await;
    assert_refused(auth().layer(closed), &[GOOD], (403, "access_denied", GUARD)).await;
}

#[tokio::test]
async fn the_mcp_guards_set_the_reason() {
    const TOOLS: &str = "ToolScopesLayer";
    const SESSIONS: &str = "SessionBindingLayer";
    let rules = ScopeRules::builder()
        .default_rule(ScopeRequirement::all(["write"]))
        .build()
        .unwrap();
    let tools = || auth().layer(ToolScopesLayer::new(rules.clone()).layer(Inner::default()));
    let gzip = ("content-encoding", "gzip");
    assert_refused(tools(), &[GOOD], (400, "bad_json", TOOLS)).await;
    let encoded = (415, "unsupported_encoding", TOOLS);
    assert_refused(tools(), &[GOOD, gzip], encoded).await;

    let sessions = || auth().layer(SessionBindingLayer::new().layer(Inner::default()));
    let session = ("mcp-session-id", "xyzzy.AAAA");
    let unknown = (404, "no_such_session", SESSIONS);
    assert_refused(sessions(), &[GOOD, session], unknown).await;
    // Refused after the server has opened the session.
    let opened = service_fn(|_: Request<SessionRequestBody<Body>>| async {
        let response = Response::builder().header("mcp-session-id", "1");
        Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
    });
    let nameless = auth().layer(SessionBindingLayer::new().layer(opened));
    assert_refused(
        nameless,
        &[GOOD],
        (403, "session_without_principal", SESSIONS),
    )
    .await;
}

#[tokio::test]
async fn extractors_and_handlers_set_the_reason() {
    #[derive(Deserialize)]
    struct Tenant {
        #[expect(dead_code, reason = "no token has it")]
        tenant: u64,
    }
    async fn scoped(token: AccessToken) -> Result<(), ScopeError> {
        token.require_scopes(["write"])
    }
    let app = |route| Router::new().route("/xyzzy", route);
    let token = || app(post(|_: AccessToken| async {}));
    let maybe = || app(post(|_: Option<AccessToken>| async {}));
    let claims = || app(post(|_: Claims<Tenant>| async {}));

    assert_refused(token(), &[], (500, "no_layer", "AccessToken")).await;
    assert_refused(maybe(), &[], (500, "no_layer", "Option<AccessToken>")).await;
    assert_refused(claims(), &[], (500, "no_layer", "Claims")).await;
    let optional = || auth().optional();
    let absent = (401, "no_token", "AccessToken");
    assert_refused(token().layer(optional()), &[], absent).await;
    let absent = (401, "no_token", "Claims");
    assert_refused(claims().layer(optional()), &[], absent).await;
    let misfit = (401, "invalid_claim", "Claims");
    assert_refused(claims().layer(auth()), &[GOOD], misfit).await;

    let lacking = (403, "insufficient_scope", "AccessToken::require_scopes");
    let handler = app(post(scoped)).layer(auth());
    assert_refused(handler, &[GOOD], lacking).await;
    let plain = service_fn(|request: Request<Body>| async move {
        let token = request.extensions().get::<AccessToken>().unwrap();
        Ok::<_, Infallible>(token.require_scopes(["write"]).unwrap_err().to_response())
    });
    assert_refused(auth().layer(plain), &[GOOD], lacking).await;
}

#[tokio::test]
async fn a_response_that_is_not_a_refusal_has_no_reason() {
    let resource =
        ProtectedResource::new("https://api.test/").authorization_servers(["https://issuer.test"]);
    let theirs = service_fn(|_: Request<Body>| async {
        let response = Response::builder().status(401);
        Ok::<_, Infallible>(
            response
                .body(http_body_util::Full::<Bytes>::default())
                .unwrap(),
        )
    });
    async fn is_marked<S, B>(service: S) -> bool
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    {
        let response = service.oneshot(request(&[GOOD])).await.unwrap();
        response.extensions().get::<Refused>().is_some()
    }
    assert!(!is_marked(auth().layer(Inner::default())).await);
    assert!(!is_marked(auth().layer(theirs)).await);
    assert!(!is_marked(resource.service()).await);
}
