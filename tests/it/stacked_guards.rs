//! Nested guards: the scopes in the challenge of each.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Request, Response};
use serde_json::json;
use tower::ServiceExt;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, RequireScopesLayer, ScopeError, ScopeHierarchy, ScopeRequirement,
    Verifier, verify_fn,
};

use crate::support::{INSIDE, lacks_scope, no_token, read};
use crate::telemetry::recorded::Recorded;

/// A layer that accepts every token and reads its scopes from its text: `a.b` has `a` and `b`.
fn auth() -> BearerAuthLayer<impl Verifier> {
    BearerAuthLayer::new(verify_fn(|token| async move {
        let scopes = token.as_str().split('.').map(str::to_owned);
        let scopes: Vec<_> = scopes.collect();
        Ok(AccessToken::builder(token).scopes(scopes).build())
    }))
    .required_scopes(["a"])
}

/// Tokens, and the scopes in the challenge for each.
type Rows<'a> = &'a [(&'a str, Option<&'a str>)];

fn all(scopes: &[&str]) -> RequireScopesLayer {
    RequireScopesLayer::all(scopes)
}

fn any(scopes: &[&str]) -> RequireScopesLayer {
    RequireScopesLayer::any(scopes)
}

/// A route behind the layer and these guards, the outermost first.
fn behind(guards: &[RequireScopesLayer], layer: BearerAuthLayer<impl Verifier>) -> Router {
    let route = Router::new().route("/", post(|| async { INSIDE }));
    let inside_out = guards.iter().rev().cloned();
    inside_out.fold(route, Router::layer).layer(layer)
}

fn request(token: Option<&str>, body: Body) -> Request<Body> {
    let mut request = Request::post("/").body(body).unwrap();
    if let Some(token) = token {
        let token = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", token);
    }
    request
}

/// Asserts that the request passes if `scopes` is `None`, and else that the challenge has exactly these scopes.
async fn assert_named(response: Response<Body>, scopes: Option<&str>) {
    let answer = read(response).await;
    match scopes {
        None => answer.assert_passed(),
        Some(scopes) => {
            let challenge = format!(
                r#"Bearer error="insufficient_scope", scope="{scopes}", error_description="The access token lacks a required scope""#
            );
            answer.assert_refusal(403, Some(&challenge), &lacks_scope());
        }
    }
}

#[tokio::test]
async fn a_challenge_includes_the_scopes_required_by_the_layer_and_outer_guards() {
    let table: &[(&[RequireScopesLayer], Rows<'_>)] = &[
        (
            &[all(&["b"]), all(&["c"])],
            &[
                ("b.c", Some("a")),
                ("a", Some("a b")),
                // A guard does not know the guards further in.
                ("a.c", Some("a b")),
                ("a.b", Some("a b c")),
                ("a.b.c", None),
            ],
        ),
        (
            &[all(&["b", "c"]), all(&["c", "a", "d"]), all(&["e"])],
            &[("a.b.c", Some("a b c d")), ("a.b.c.d", Some("a b c d e"))],
        ),
        // Of several alternatives, the one that the token satisfies, or else the first.
        (
            &[any(&["b", "x", "y"]), all(&["c"])],
            &[
                ("a", Some("a b")),
                ("a.y", Some("a y c")),
                ("a.y.x", Some("a x c")),
                ("a.y.c", None),
            ],
        ),
        (
            &[any(&["b", "x"]), any(&["c", "d"]), all(&["e"])],
            &[("a.x", Some("a x c")), ("a.x.d", Some("a x d e"))],
        ),
        // These guards add no scope in any position.
        (
            &[
                RequireScopesLayer::new(ScopeRequirement::permit_all()),
                all(&["b"]),
                RequireScopesLayer::new(ScopeRequirement::token()),
                all(&["c"]),
            ],
            &[("a.b", Some("a b c")), ("a", Some("a b")), ("a.b.c", None)],
        ),
        // More scopes than fit inline.
        (
            &[
                all(&["b"]),
                all(&["c"]),
                all(&["d"]),
                all(&["b"]),
                all(&["e"]),
                all(&["f"]),
            ],
            &[
                ("a.b.c.d", Some("a b c d e")),
                ("a.b.c.d.e", Some("a b c d e f")),
            ],
        ),
    ];
    for (guards, rows) in table {
        for (token, scopes) in *rows {
            println!("{guards:?} {token}");
            let app = behind(guards, auth());
            let response = app.oneshot(request(Some(token), Body::empty())).await;
            assert_named(response.unwrap(), *scopes).await;
        }
    }
}

#[tokio::test]
async fn the_audit_event_has_the_same_scopes() {
    let recorded = Recorded::start();
    let app = behind(&[all(&["b"]), all(&["c"])], auth());
    app.oneshot(request(Some("a.b"), Body::empty()))
        .await
        .unwrap();
    let decisions = recorded.decisions();
    let last = decisions.last().unwrap();
    assert_eq!(last["by"], "RequireScopesLayer");
    assert_eq!(last["required"], "a b c");
}

#[tokio::test]
async fn an_implied_scope_satisfies_a_guard_and_the_challenge_has_the_required_one() {
    let hierarchy = ScopeHierarchy::new().implies("admin", ["a", "b"]);
    let guards = [all(&["b"]), all(&["c"])];
    let app = behind(&guards, auth().scope_hierarchy(hierarchy));
    let response = app.oneshot(request(Some("admin"), Body::empty())).await;
    assert_named(response.unwrap(), Some("a b c")).await;
}

#[tokio::test]
async fn without_a_token_a_guard_that_permits_all_adds_no_scope() {
    let guards = [
        RequireScopesLayer::new(ScopeRequirement::permit_all()),
        all(&["b"]),
    ];
    let app = behind(&guards, auth().optional());
    let response = app.oneshot(request(None, Body::empty())).await.unwrap();
    let answer = read(response).await;
    answer.assert_refusal(401, Some(r#"Bearer scope="a b""#), &no_token());
}

#[tokio::test]
async fn a_refusal_by_a_handler_includes_the_scopes_required_by_outer_guards() {
    async fn plain(token: AccessToken) -> Result<&'static str, ScopeError> {
        let error = token.require_scopes(["c"]).map(|()| INSIDE);
        if let Err(error) = &error {
            assert_eq!(error.required().as_str(), "a b c");
            assert_eq!(
                error.to_string(),
                "the access token lacks a scope of: a b c"
            );
        }
        error
    }
    async fn enriched(token: AccessToken) -> Result<&'static str, ScopeError> {
        let token = token.to_builder().claim("plan", "gold").build();
        token.require_scopes(["c"])?;
        Ok(INSIDE)
    }
    for handler in [post(plain), post(enriched)] {
        let app = Router::new()
            .route("/", handler)
            .layer(all(&["b"]))
            .layer(auth());
        for (token, scopes) in [("a.b", Some("a b c")), ("a.b.c", None)] {
            let response = app.clone().oneshot(request(Some(token), Body::empty()));
            assert_named(response.await.unwrap(), scopes).await;
        }
    }
}

#[tokio::test]
async fn the_tool_guard_adds_its_scopes_to_those_of_other_guards() {
    let rules = ScopeRules::builder()
        .tool("c", ScopeRequirement::all(["c"]))
        .tool("d", ScopeRequirement::any(["d", "x"]))
        .default_rule(ScopeRequirement::token())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/", post(|| async { INSIDE }))
        .layer(all(&["e"]))
        .layer(ToolScopesLayer::new(rules))
        .layer(all(&["b"]))
        .layer(auth());
    let call =
        |tool| json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}});
    let table = [
        (json!([call("c")]), "a.b", Some("a b c")),
        (json!([call("c")]), "a.c", Some("a b")),
        (json!([call("c")]), "a.b.c", Some("a b c e")),
        (json!([call("c")]), "a.b.c.e", None),
        // The scopes of all calls of a batch, each once.
        (json!([call("c"), call("d")]), "a.b.c", Some("a b c d")),
        (
            json!([call("d"), call("c"), call("d")]),
            "a.b.c.x",
            Some("a b x c e"),
        ),
        (json!([call("other")]), "a.b", Some("a b e")),
    ];
    for (body, token, scopes) in table {
        let body = match &body.as_array().unwrap()[..] {
            [one] => one.to_string(),
            _ => body.to_string(),
        };
        println!("{token} {body}");
        let mut request = request(Some(token), body.into());
        let json = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert("content-type", json);
        let response = app.clone().oneshot(request).await.unwrap();
        assert_named(response, scopes).await;
    }
}

#[tokio::test]
async fn required_scopes_do_not_carry_over_to_the_next_request() {
    let b = behind(&[all(&["b"]), all(&["x"])], auth());
    let c = behind(&[all(&["c"])], auth());
    let app = Router::new().nest("/b", b).merge(c);
    let mut through_b = request(Some("a.b"), Body::empty());
    *through_b.uri_mut() = "/b".parse().unwrap();
    let response = app.clone().oneshot(through_b).await.unwrap();
    assert_named(response, Some("a b x")).await;
    let response = app
        .oneshot(request(Some("a.b"), Body::empty()))
        .await
        .unwrap();
    assert_named(response, Some("a c")).await;
}
