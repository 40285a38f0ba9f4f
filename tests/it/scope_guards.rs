//! Required scopes per route, and per step of a handler.

use std::convert::Infallible;
use std::panic::catch_unwind;

use axum::Router;
use axum::routing::get as on_get;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::ServiceExt;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, RequireScopesLayer, ScopeError, ScopeHierarchy, ScopeRequirement,
    Scopes, StaticTokenVerifier, VerifyError, VerifyErrorKind,
};
use tower_layer::Layer;

use crate::support::{
    INSIDE, Inner, Logs, answer_of, get, get_with, lacks_scope, no_token, read, refused, serve,
    serve_axum, table, with_token,
};

fn auth() -> BearerAuthLayer<StaticTokenVerifier> {
    BearerAuthLayer::new(table())
}

/// The route `/` behind `layer`, with the guard added in each way that axum has.
fn guarded(
    layer: &BearerAuthLayer<StaticTokenVerifier>,
    guard: &RequireScopesLayer,
) -> [Router; 4] {
    let get = || on_get(|| async { INSIDE });
    [
        Router::new().route("/", get()).route_layer(guard.clone()),
        Router::new().route("/", get().layer(guard.clone())),
        Router::new().route("/", get().route_layer(guard.clone())),
        Router::new().route_service("/", guard.layer(Inner::default())),
    ]
    .map(|app| app.layer(layer.clone()))
}

#[tokio::test]
async fn a_guard_of_all_scopes_names_them_after_those_of_the_layer() {
    let layer = auth().realm("notes").required_scopes(["read"]);
    let guard = RequireScopesLayer::all(["write", "read", "publish"]);
    let two = RequireScopesLayer::all(["write", "read"]);
    let lacking = r#"Bearer realm="notes", error="insufficient_scope", scope="read write publish", error_description="The access token lacks a required scope""#;
    let none = r#"Bearer realm="notes", scope="read""#;
    for (three, two) in guarded(&layer, &guard)
        .into_iter()
        .zip(guarded(&layer, &two))
    {
        let address = serve_axum(three).await;
        let answer = get_with(address, "writer").await;
        answer.assert_refusal(403, Some(lacking), &lacks_scope());
        // Clients without a valid token do not see the guard's scopes.
        let answer = get(address, "/", &[]).await;
        answer.assert_refusal(401, Some(none), &no_token());

        let address = serve_axum(two).await;
        get_with(address, "writer").await.assert_passed();
        assert_eq!(get_with(address, "reader").await.status, 403);
    }
}

#[tokio::test]
async fn a_guard_of_any_scope_names_its_first_alternative() {
    let layer = auth().required_scopes(["read"]);
    let any = |scopes: &[&str]| guarded(&layer, &RequireScopesLayer::any(scopes));
    let lacking = r#"Bearer error="insufficient_scope", scope="read ops", error_description="The access token lacks a required scope""#;
    for (refusing, passing) in any(&["ops", "root"])
        .into_iter()
        .zip(any(&["ops", "write"]))
    {
        let answer = get_with(serve_axum(refusing).await, "writer").await;
        answer.assert_refusal(403, Some(lacking), &lacks_scope());
        get_with(serve_axum(passing).await, "writer")
            .await
            .assert_passed();
    }
}

#[tokio::test]
async fn a_guard_works_in_a_tower_stack_over_hyper() {
    let inner = Inner::default();
    let service = auth().layer(RequireScopesLayer::all(["write"]).layer(inner.clone()));
    let address = serve(service).await;
    get_with(address, "writer").await.assert_passed();
    let lacking = r#"Bearer error="insufficient_scope", scope="write", error_description="The access token lacks a required scope""#;
    let answer = get_with(address, "reader").await;
    answer.assert_refusal(403, Some(lacking), &lacks_scope());
    let answer = get_with(address, "stale").await;
    answer.assert_invalid_token("The access token expired");
    assert_eq!(inner.calls(), 1);
}

#[tokio::test]
async fn a_guard_without_scopes_requires_only_a_token() {
    let service = auth()
        .optional()
        .layer(RequireScopesLayer::all([""; 0]).layer(Inner::default()));
    let address = serve(service).await;
    get_with(address, "reader").await.assert_passed();
    let answer = get(address, "/", &[]).await;
    answer.assert_refusal(401, Some("Bearer"), &no_token());
}

#[tokio::test]
async fn without_a_token_behind_an_optional_layer_the_challenge_names_the_scopes() {
    let layer = auth().optional().realm("notes").required_scopes(["read"]);
    let table = [
        (
            RequireScopesLayer::all(["write", "publish"]),
            r#"Bearer realm="notes", scope="read write publish""#,
        ),
        (
            RequireScopesLayer::any(["ops", "write"]),
            r#"Bearer realm="notes", scope="read ops""#,
        ),
    ];
    for (guard, challenge) in table {
        for app in guarded(&layer, &guard) {
            let address = serve_axum(app).await;
            for headers in [&[][..], &[("authorization", "Basic dXNlcjpwYXNz")]] {
                let answer = get(address, "/", headers).await;
                answer.assert_refusal(401, Some(challenge), &no_token());
            }
        }
    }
}

#[tokio::test]
async fn a_guard_without_a_layer_in_front_is_an_error_that_is_logged() {
    let logs = Logs::capture();
    let inner = Inner::default();
    let service = RequireScopesLayer::all(["read"]).layer(inner.clone());
    // A token with the required scope makes no difference.
    let address = serve(service).await;
    get_with(address, "reader").await.assert_no_layer();
    get(address, "/", &[]).await.assert_no_layer();
    assert_eq!(inner.calls(), 0);

    let logged = logs.text();
    let errors: Vec<_> = logged
        .lines()
        .filter(|line| line.contains("ERROR"))
        .collect();
    assert_eq!(errors.len(), 2, "{logged}");
    let message = "RequireScopesLayer needs a BearerAuthLayer in front of it, and there is none";
    assert!(errors.iter().all(|line| line.contains(message)), "{logged}");
}

#[tokio::test]
async fn a_guard_on_the_outside_of_the_layer_has_no_layer_in_front() {
    let service = RequireScopesLayer::all(["read"]).layer(auth().layer(Inner::default()));
    let answer = answer_of(service, with_token("reader")).await;
    answer.assert_no_layer();
}

#[tokio::test]
async fn the_hierarchy_of_the_layer_counts_for_guards_handlers_and_required_scopes() {
    let hierarchy = ScopeHierarchy::new()
        .implies("admin", ["write"])
        .implies("write", ["read"]);
    let app = |hierarchy| {
        let in_handler = |token: AccessToken| async move {
            token.require_scopes(["write", "read"])?;
            assert!(token.has_scope("read"));
            Ok::<_, ScopeError>(INSIDE)
        };
        let guarded = |guard: RequireScopesLayer| on_get(|| async { INSIDE }).layer(guard);
        Router::new()
            .route("/all", guarded(RequireScopesLayer::all(["write", "read"])))
            .route("/any", guarded(RequireScopesLayer::any(["write", "ops"])))
            .route("/handler", on_get(in_handler))
            .layer(auth().required_scopes(["read"]).scope_hierarchy(hierarchy))
    };
    let steep = serve_axum(app(hierarchy)).await;
    let flat = serve_axum(app(ScopeHierarchy::new())).await;
    let admin = [("authorization", "Bearer admin")];
    let reader = [("authorization", "Bearer reader")];
    for path in ["/all", "/any", "/handler"] {
        get(steep, path, &admin).await.assert_passed();
        assert_eq!(get(steep, path, &reader).await.status, 403, "{path}");
        assert_eq!(get(flat, path, &admin).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_handler_may_ask_for_scopes_and_return_the_error() {
    #[derive(Debug)]
    struct Problem(ScopeError);

    impl From<ScopeError> for Problem {
        fn from(error: ScopeError) -> Self {
            Self(error)
        }
    }

    impl axum::response::IntoResponse for Problem {
        fn into_response(self) -> axum::response::Response {
            self.0.into_response()
        }
    }

    async fn plain(token: AccessToken) -> Result<&'static str, ScopeError> {
        token.require_scopes(["publish", "write"])?;
        Ok(INSIDE)
    }

    async fn converted(token: AccessToken) -> Result<&'static str, Problem> {
        token.require_scopes(&["publish".to_owned(), "write".to_owned()])?;
        Ok(INSIDE)
    }

    async fn held(token: AccessToken) -> Result<&'static str, ScopeError> {
        token.require_scopes(["write"])?;
        token.require_scopes([""; 0])?;
        Ok(INSIDE)
    }

    let app = Router::new()
        .route("/plain", on_get(plain))
        .route("/converted", on_get(converted))
        .route("/held", on_get(held))
        .layer(auth().realm("notes").required_scopes(["read"]));
    let address = serve_axum(app).await;
    let writer = [("authorization", "Bearer writer")];
    get(address, "/held", &writer).await.assert_passed();
    let lacking = r#"Bearer realm="notes", error="insufficient_scope", scope="read publish write", error_description="The access token lacks a required scope""#;
    for path in ["/plain", "/converted"] {
        let answer = get(address, path, &writer).await;
        answer.assert_refusal(403, Some(lacking), &lacks_scope());
    }
}

#[tokio::test]
async fn a_scope_error_is_a_response_without_axum() {
    let layer = auth().realm("notes").required_scopes(["read"]);
    let address = serve(layer.layer(tower::service_fn(
        |request: Request<hyper::body::Incoming>| async move {
            let token = request.extensions().get::<AccessToken>().unwrap();
            Ok::<Response<Full<Bytes>>, Infallible>(match token.require_scopes(["write"]) {
                Ok(()) => Response::new(INSIDE.into()),
                Err(error) => error.to_response().map(|body| body.into_bytes().into()),
            })
        },
    )))
    .await;
    get_with(address, "writer").await.assert_passed();
    let lacking = r#"Bearer realm="notes", error="insufficient_scope", scope="read write", error_description="The access token lacks a required scope""#;
    let answer = get_with(address, "reader").await;
    answer.assert_refusal(403, Some(lacking), &lacks_scope());
}

#[tokio::test]
async fn a_scope_error_of_a_token_that_no_layer_protects_is_a_challenge_too() {
    let token = AccessToken::builder("any".parse().unwrap())
        .scopes(["read", "write"])
        .build();
    let error = token.require_scopes(["read", "publish"]).unwrap_err();
    assert_eq!(error.required().as_str(), "read publish");
    let lacking = r#"Bearer error="insufficient_scope", scope="read publish", error_description="The access token lacks a required scope""#;
    let response = error.to_response();
    let body = response.body().clone().into_bytes();
    let answer = read(response).await;
    answer.assert_refusal(403, Some(lacking), &lacks_scope());
    assert_eq!(body, answer.body);
}

#[test]
fn an_invalid_scope_name_in_a_handler_panics_with_every_token() {
    for names in [&["read", "write"][..], &[]] {
        let token = AccessToken::builder("any".parse().unwrap());
        let token = token.scopes(names).build();
        for name in ["", " ", "read write", "read ", "\"read\"", "é", "read\0"] {
            let panic = catch_unwind(|| token.require_scopes(["read", name])).unwrap_err();
            let message = panic.downcast_ref::<String>().unwrap();
            assert!(message.contains("is not a scope"), "{name:?}: {message}");
            assert!(!token.has_scope(name), "{name:?}");
        }
        // Text from outside the program is parsed first.
        assert!(Scopes::try_from_names(["read write"]).is_err());
        let parsed = Scopes::try_from_names(["read"]).unwrap();
        assert_eq!(
            token.require_scopes(parsed.iter()).is_ok(),
            !names.is_empty()
        );
    }
}

#[test]
fn a_contradictory_guard_panics_where_it_is_configured() {
    for illegal in [
        "",
        "two words",
        "\"quoted\"",
        "back\\slash",
        "é",
        "line\nbreak",
    ] {
        assert!(
            catch_unwind(|| RequireScopesLayer::all([illegal])).is_err(),
            "{illegal:?}"
        );
        assert!(
            catch_unwind(|| RequireScopesLayer::any(["read", illegal])).is_err(),
            "{illegal:?}"
        );
    }
    assert!(catch_unwind(|| RequireScopesLayer::any([""; 0])).is_err());
}

#[test]
fn a_scope_error_is_a_verifiers_error_too() {
    let token = AccessToken::builder("any".parse().unwrap()).build();
    let error = token.require_scopes(["pay", "sign"]).unwrap_err();
    match VerifyError::from(error).kind() {
        VerifyErrorKind::InsufficientScope(required) => {
            assert_eq!(required.to_string(), "pay sign");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_guard_is_as_ready_as_its_inner_service() {
    let (inner, mut handle) =
        tower_test::mock::pair::<Request<Full<Bytes>>, Response<Full<Bytes>>>();
    let mut service = auth().layer(RequireScopesLayer::all(["read"]).layer(inner));
    handle.send_error("the pool is gone");
    let error = service.ready().await.unwrap_err();
    assert_eq!(error.to_string(), "the pool is gone");

    let response = tokio::spawn(answer_of(service, with_token("reader")));
    let (_, reply) = handle.next_request().await.unwrap();
    reply.send_response(Response::new(INSIDE.into()));
    response.await.unwrap().assert_passed();
}

#[tokio::test]
async fn every_requirement_admits_the_documented_callers() {
    use ScopeRequirement as Require;
    let closed = refused("access_denied", "No scope allows this operation");
    // Which requests pass: without a token, with `read`, with `read write`, with `admin`.
    let table = [
        (Require::permit_all(), [true, true, true, true]),
        (Require::token(), [false, true, true, true]),
        (Require::all(["read"]), [false, true, true, true]),
        (Require::all(["read", "write"]), [false, false, true, true]),
        (
            Require::from(Scopes::parse("write").unwrap()),
            [false, false, true, true],
        ),
        (Require::any(["ops", "write"]), [false, false, true, true]),
        (Require::deny_all(), [false; 4]),
    ];
    let hierarchy = ScopeHierarchy::new().implies("admin", ["read", "write"]);
    let layer = auth().optional().scope_hierarchy(hierarchy);
    for (requirement, expected) in table {
        let guard = RequireScopesLayer::new(requirement.clone());
        let address = serve(layer.layer(guard.layer(Inner::default()))).await;
        let tokens = [None, Some("reader"), Some("writer"), Some("admin")];
        for (token, passes) in tokens.into_iter().zip(expected) {
            let answer = match token {
                Some(token) => get_with(address, token).await,
                None => get(address, "/", &[]).await,
            };
            match passes {
                true => answer.assert_passed(),
                // No token or scope can satisfy this requirement, so there is no challenge.
                false if requirement == Require::deny_all() => {
                    answer.assert_refusal(403, None, &closed)
                }
                false => assert_eq!(answer.status, if token.is_some() { 403 } else { 401 }),
            }
        }
    }
}
