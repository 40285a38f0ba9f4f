//! The guard in front of a route: what clients see.

use std::panic::catch_unwind;
use std::time::Duration;

use axum::Router;
use axum::routing::get as on_get;
use http::Request;
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::testing::DpopKey;
use tower_bearer_auth::{
    AccessToken, ProtectedResource, RequireAuthenticationLayer, RequireScopesLayer,
};
use tower_layer::Layer;

use super::{AUDIENCE, DESCRIPTION, ISSUER, World, assert_step_up, guard, seconds, step_up};
use crate::support::{INSIDE, Inner, get, get_with, no_token, refused, send, serve, serve_axum};

#[tokio::test]
async fn a_user_who_has_not_authenticated_as_required_is_refused() {
    let world = World::new();
    let inner = Inner::default();
    let table = [
        (guard().acr(["phr"]), r#"acr_values="phr""#),
        (
            guard().acr(["phr", "phrh", "phr"]),
            r#"acr_values="phr phrh""#,
        ),
        (guard().max_age(seconds(5)), r#"max_age="5""#),
        (
            RequireAuthenticationLayer::from(step_up()),
            r#"acr_values="phr phrh", max_age="300""#,
        ),
    ];
    for (guard, params) in table {
        let address = serve(world.auth().layer(guard.layer(inner.clone()))).await;
        let answer = get_with(address, &world.token().build()).await;
        assert_step_up(&answer, params);
        let good = world.token().acr("phr").auth_time(world.clock.now());
        get_with(address, &good.build()).await.assert_passed();
    }
    assert_eq!(inner.calls(), 4);
}

#[tokio::test]
async fn without_a_token_there_is_nothing_to_step_up() {
    let world = World::new();
    let guarded = || guard().acr(["phr"]).layer(Inner::default());
    let optional = world.auth().optional().required_scopes(["read"]);
    let answer = get(serve(optional.layer(guarded())).await, "/", &[]).await;
    answer.assert_refusal(401, Some(r#"Bearer scope="read""#), &no_token());
    let address = serve(guarded()).await;
    get_with(address, &world.token().acr("phr").build())
        .await
        .assert_no_layer();
}

#[tokio::test]
async fn a_guard_without_settings_requires_only_a_token() {
    let world = World::new();
    let service = world
        .auth()
        .optional()
        .layer(guard().layer(Inner::default()));
    let address = serve(service).await;
    get_with(address, &world.token().build())
        .await
        .assert_passed();
    let answer = get(address, "/", &[]).await;
    answer.assert_refusal(401, Some("Bearer"), &no_token());
}

#[tokio::test]
async fn a_challenge_names_the_scopes_and_the_metadata_too() {
    let world = World::new();
    let resource = ProtectedResource::new(AUDIENCE)
        .authorization_servers([ISSUER])
        .scopes(["read", "pay", "admin"]);
    let app = Router::new()
        .route("/", on_get(|| async { INSIDE }))
        .layer(guard().acr(["phr"]))
        .layer(RequireScopesLayer::all(["pay"]))
        .layer(
            world
                .auth()
                .realm("bank")
                .required_scopes(["read"])
                .resource(&resource),
        );
    let address = serve_axum(app).await;
    let token = world.token().scopes(["read", "pay"]);
    let answer = get_with(address, &token.clone().build()).await;
    let expected = format!(
        r#"Bearer realm="bank", error="insufficient_user_authentication", scope="read pay", resource_metadata="{AUDIENCE}/.well-known/oauth-protected-resource", acr_values="phr", error_description="{DESCRIPTION}""#
    );
    let body = refused("insufficient_user_authentication", DESCRIPTION);
    answer.assert_refusal(401, Some(&expected), &body);
    get_with(address, &token.acr("phr").build())
        .await
        .assert_passed();
}

#[tokio::test]
async fn requirements_that_no_user_can_meet_get_no_challenge() {
    let world = World::new();
    let contradiction = || guard().acr(["b"]).layer(Inner::default());
    let address = serve(
        world
            .auth()
            .layer(guard().acr(["a"]).layer(contradiction())),
    )
    .await;
    let answer = get_with(address, &world.token().acr("a").build()).await;
    let body = refused("access_denied", "No scope allows this operation");
    answer.assert_refusal(403, None, &body);
    let answer = get_with(address, &world.token().acr("b").build()).await;
    assert_step_up(&answer, r#"acr_values="a""#);
}

#[tokio::test]
async fn a_dpop_client_gets_the_challenge_of_its_scheme() {
    let world = World::new();
    let client = DpopKey::new();
    let layer = || {
        let dpop = Dpop::new().origin(AUDIENCE).clock(world.clock.clone());
        world.auth().dpop(dpop)
    };
    let handler = |token: AccessToken| async move { token.require_authentication(&step_up()) };
    let apps = [
        Router::new()
            .route("/notes", on_get(|| async { INSIDE }))
            .layer(RequireAuthenticationLayer::from(step_up()))
            .layer(layer()),
        Router::new()
            .route("/notes", on_get(handler))
            .layer(layer()),
    ];
    for app in apps {
        let address = serve_axum(app).await;
        let token = world.token().bound_to(&client).build();
        let proof = client
            .proof("GET", &format!("{AUDIENCE}/notes"), &token)
            .clock(&world.clock)
            .build();
        let dpop = [
            ("authorization", &*format!("DPoP {token}")),
            ("dpop", &*proof),
        ];
        let answer = get(address, "/notes", &dpop).await;
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with(r#"DPoP error="insufficient_user_authentication", algs=""#)
                && challenge.contains(r#", acr_values="phr phrh", max_age="300", "#),
            "{challenge}"
        );
        let plain = format!("Bearer {}", world.token().build());
        let answer = get(address, "/notes", &[("authorization", &plain)]).await;
        assert_step_up(&answer, r#"acr_values="phr phrh", max_age="300""#);
    }
}

#[tokio::test]
async fn a_refusal_reads_the_rest_of_the_body_so_that_the_connection_stays_usable() {
    let world = World::new();
    let service = world
        .auth()
        .layer(guard().acr(["phr"]).layer(Inner::default()));
    let address = serve(service).await;
    let request = Request::post("/")
        .header("authorization", format!("Bearer {}", world.token().build()))
        .body(http_body_util::Full::from(bytes::Bytes::from(vec![
            b'x';
            40_000
        ])))
        .unwrap();
    let answer = send(address, request).await;
    assert_step_up(&answer, r#"acr_values="phr""#);
    assert_eq!(answer.header("connection"), None);
}

#[test]
fn a_layer_that_would_refuse_everything_panics_where_it_is_made() {
    assert!(catch_unwind(|| guard().acr([""; 0])).is_err());
    assert!(catch_unwind(|| guard().acr(["a b"])).is_err());
    assert!(catch_unwind(|| guard().max_age(Duration::ZERO)).is_err());
}
