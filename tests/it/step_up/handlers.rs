//! Requirements of handlers, and of guards and handlers together.

use axum::routing::get as on_get;
use axum::{Extension, Router};
use tower::ServiceExt;
use tower_bearer_auth::testing::TokenBuilder;
use tower_bearer_auth::{
    AccessToken, AuthenticationError, AuthenticationRequirement, BearerAuthLayer, Refused,
    RequireAuthenticationLayer, RequireScopesLayer, ScopeError, VerifierExt, VerifyError,
    VerifyErrorKind,
};
use tower_layer::Layer;

use super::{World, assert_step_up, challenge, guard, seconds, step_up};
use crate::support::{
    INSIDE, Inner, answer_of, get, get_with, lacks_scope, no_token, serve, serve_axum, with_token,
};
use crate::telemetry::recorded::Recorded;

/// Guards and a handler behind each other: what each kind of token gets.
#[tokio::test]
async fn stacked_requirements_count_together() {
    let world = World::new();
    let old = || guard().acr(["b", "a"]).max_age(seconds(600));
    let handler = |token: AccessToken| async move {
        let recent = AuthenticationRequirement::new()
            .acr(["a", "b", "c"])
            .max_age(seconds(60));
        token.require_authentication(&recent)?;
        Ok::<_, AuthenticationError>(INSIDE)
    };
    let app = Router::new()
        .route("/", on_get(handler))
        .layer(RequireScopesLayer::all(["inner"]))
        .layer(old())
        .layer(RequireScopesLayer::all(["outer"]))
        .layer(world.auth());
    let address = serve_axum(app).await;
    let token = |acr: &str, age: u64| {
        let token = world.token().scopes(["outer", "inner"]);
        token.acr(acr).auth_time(world.clock.now() - seconds(age))
    };
    get_with(address, &token("a", 60).build())
        .await
        .assert_passed();
    // The handler names what the guard in front requires, too.
    let answer = get_with(address, &token("a", 61).build()).await;
    let params = r#"scope="outer inner", acr_values="b a", max_age="60""#;
    assert_step_up(&answer, params);
    // The guard does not know what is further in.
    let answer = get_with(address, &token("c", 0).build()).await;
    assert_step_up(&answer, r#"scope="outer", acr_values="b a", max_age="600""#);
    // A scope that is missing further in is still a 403.
    let answer = get_with(address, &token("a", 0).scopes(["outer"]).build()).await;
    let lacking = r#"Bearer error="insufficient_scope", scope="outer inner", error_description="The access token lacks a required scope""#;
    answer.assert_refusal(403, Some(lacking), &lacks_scope());
    // The outer guard decides first.
    let answer = get_with(address, &token("c", 0).scopes(["inner"]).build()).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn handlers_may_require_an_authentication_and_return_the_error() {
    #[derive(Debug)]
    struct Problem(AuthenticationError);

    impl From<AuthenticationError> for Problem {
        fn from(error: AuthenticationError) -> Self {
            Self(error)
        }
    }

    impl axum::response::IntoResponse for Problem {
        fn into_response(self) -> axum::response::Response {
            self.0.to_response().map(axum::body::Body::new)
        }
    }

    async fn plain(token: AccessToken) -> Result<&'static str, AuthenticationError> {
        token.require_authentication(&step_up())?;
        Ok(INSIDE)
    }

    async fn converted(token: AccessToken) -> Result<&'static str, Problem> {
        token.require_authentication(&step_up())?;
        Ok(INSIDE)
    }

    async fn extended(
        Extension(token): Extension<AccessToken>,
    ) -> Result<&'static str, AuthenticationError> {
        let richer = token.to_builder().claim("plan", "gold").build();
        richer.require_authentication(&step_up())?;
        Ok(INSIDE)
    }

    let world = World::new();
    let app = Router::new()
        .route("/plain", on_get(plain))
        .route("/converted", on_get(converted))
        .route("/extended", on_get(extended))
        .layer(world.auth().optional().required_scopes(["read"]));
    let address = serve_axum(app).await;
    let header = |token: TokenBuilder| format!("Bearer {}", token.scopes(["read"]).build());
    let weak = header(world.token());
    let strong = header(world.token().acr("phr").auth_time(world.clock.now()));
    for path in ["/plain", "/converted", "/extended"] {
        let answer = get(address, path, &[("authorization", &weak)]).await;
        let params = r#"scope="read", acr_values="phr phrh", max_age="300""#;
        assert_step_up(&answer, params);
        get(address, path, &[("authorization", &strong)])
            .await
            .assert_passed();
    }
    // Without a token, the extractor refuses the request.
    let answer = get(address, "/plain", &[]).await;
    answer.assert_refusal(401, Some(r#"Bearer scope="read""#), &no_token());
}

#[tokio::test]
async fn the_error_of_a_token_that_no_layer_protects_is_a_challenge_too() {
    let token = AccessToken::builder("any".parse().unwrap())
        .claim("acr", "pwd")
        .build();
    let error = token.require_authentication(&step_up()).unwrap_err();
    assert_eq!(error.required(), &step_up());
    let response = error.to_response();
    assert_eq!(response.status(), 401);
    let expected = challenge("Bearer", r#"acr_values="phr phrh", max_age="300""#);
    assert_eq!(response.headers()["www-authenticate"], expected);
    let shown = error.to_string();
    assert_eq!(
        shown,
        "the user has not authenticated as required: acr phr or phrh, at most 300 seconds ago"
    );
    // The error of a check within a verifier.
    let error = VerifyError::from(error);
    assert_eq!(error.to_string(), shown);
    assert!(!error.allows_fallback());
    let VerifyErrorKind::InsufficientAuthentication(required) = error.kind() else {
        panic!("{error:?}")
    };
    assert_eq!(required, &step_up());
}

#[tokio::test]
async fn a_check_within_the_verifier_may_require_an_authentication_of_every_request() {
    let world = World::new();
    let verifier = world
        .verifier()
        .check(|token| Ok(token.require_authentication(&step_up())?));
    let layer = BearerAuthLayer::new(verifier).required_scopes(["read"]);
    let address = serve(layer.layer(Inner::default())).await;
    let answer = get_with(address, &world.token().build()).await;
    let params = r#"scope="read", acr_values="phr phrh", max_age="300""#;
    assert_step_up(&answer, params);
}

#[tokio::test]
async fn a_refusal_has_its_reason_and_its_component() {
    let world = World::new();
    let handler = |token: AccessToken| async move { token.require_authentication(&step_up()) };
    let route = || Router::new().route("/", on_get(handler));
    let open = Router::new().route("/", on_get(|| async { INSIDE }));
    let table = [
        (
            open.layer(RequireAuthenticationLayer::from(step_up())),
            "RequireAuthenticationLayer",
        ),
        (route(), "AccessToken::require_authentication"),
    ];
    for (app, component) in table {
        let request = with_token(&world.token().build());
        let response = app.layer(world.auth()).oneshot(request).await.unwrap();
        let refused = response.extensions().get::<Refused>().unwrap();
        assert_eq!(refused.reason(), "insufficient_user_authentication");
        assert_eq!(refused.component(), component);
        assert_eq!(refused.status(), 401);
        let challenges = response.headers().get_all("www-authenticate");
        assert!(refused.challenges().eq(challenges));
    }
}

#[tokio::test]
async fn guards_and_handlers_record_what_they_decide() {
    let recorded = Recorded::start();
    let world = World::new();
    let handler = |token: AccessToken| async move {
        token.require_authentication(&AuthenticationRequirement::new())?;
        token.require_authentication(&AuthenticationRequirement::new().acr(["c"]))
    };
    let app = Router::new()
        .route("/", on_get(handler))
        .layer(guard().acr(["a"]))
        .layer(world.auth());
    answer_of(app.clone(), with_token(&world.token().acr("a").build())).await;
    answer_of(app, with_token(&world.token().build())).await;
    let decisions: Vec<_> = recorded
        .decisions()
        .iter()
        .map(|decision| {
            let field = |name: &str| decision.get(name).map_or("", |value| &**value).to_owned();
            [
                field("by"),
                field("outcome"),
                field("reason"),
                field("status"),
            ]
            .join(" ")
        })
        .collect();
    let handler = "AccessToken::require_authentication";
    assert_eq!(
        decisions,
        [
            "BearerAuthLayer allowed  ",
            "RequireAuthenticationLayer allowed  ",
            &format!("{handler} allowed  "),
            // No value of `acr` is enough for the guard and the handler.
            &format!("{handler} refused access_denied "),
            "BearerAuthLayer allowed  ",
            "RequireAuthenticationLayer refused insufficient_user_authentication 401",
        ]
    );
}

#[tokio::test]
async fn both_errors_of_a_handler_are_responses() {
    enum Lacking {
        Scope(ScopeError),
        Authentication(AuthenticationError),
    }
    impl axum::response::IntoResponse for Lacking {
        fn into_response(self) -> axum::response::Response {
            match self {
                Self::Scope(error) => error.into_response(),
                Self::Authentication(error) => error.into_response(),
            }
        }
    }
    async fn transfer(token: AccessToken) -> Result<&'static str, Lacking> {
        token.require_scopes(["pay"]).map_err(Lacking::Scope)?;
        let recent = AuthenticationRequirement::new().max_age(seconds(300));
        token
            .require_authentication(&recent)
            .map_err(Lacking::Authentication)?;
        Ok(INSIDE)
    }
    let world = World::new();
    let app = Router::new()
        .route("/", on_get(transfer))
        .layer(world.auth());
    let address = serve_axum(app).await;
    assert_eq!(get_with(address, &world.token().build()).await.status, 403);
    let token = world.token().scopes(["pay"]);
    let answer = get_with(address, &token.clone().build()).await;
    assert_step_up(&answer, r#"max_age="300""#);
    let token = token.auth_time(world.clock.now()).build();
    get_with(address, &token).await.assert_passed();
}
