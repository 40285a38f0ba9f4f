//! Which claims meet a requirement, and by whose clock.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, Clock, IntrospectionVerifier, RequireAuthenticationLayer,
    StaticToken, StaticTokenVerifier, Verifier, VerifierExt, VerifyError, verify_fn,
};
use tower_layer::Layer;

use super::{AUDIENCE, ISSUER, NOW, World, assert_step_up, guard, seconds, step_up};
use crate::support::{Inner, get_with, serve};

#[tokio::test]
async fn acr_must_be_one_of_the_values_and_a_string() {
    let world = World::new();
    let service = world.auth().layer(
        guard()
            .acr(["phr", "urn:example:2"])
            .layer(Inner::default()),
    );
    let address = serve(service).await;
    let table = [
        (json!("phr"), true),
        (json!("urn:example:2"), true),
        (json!("PHR"), false),
        (json!("phr "), false),
        (json!("phr urn:example:2"), false),
        (json!(""), false),
        (json!(["phr"]), false),
        (json!({"phr": "phr"}), false),
        (json!(2), false),
        (json!(true), false),
        (Value::Null, false),
    ];
    for (acr, passes) in table {
        let answer = get_with(address, &world.token().claim("acr", acr.clone()).build()).await;
        match passes {
            true => answer.assert_passed(),
            false => assert_step_up(&answer, r#"acr_values="phr urn:example:2""#),
        }
    }
    // Escapes are the same string.
    let claims = |acr: &str| {
        let rest = format!(r#""iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}"#, NOW + 60);
        world.key.token().raw_claims(format!("{{{acr},{rest}}}"))
    };
    let escaped = claims(r#""acr":"\u0070hr""#).build();
    get_with(address, &escaped).await.assert_passed();
    // No verifier accepts a claim that occurs twice.
    let twice = claims(r#""acr":"phr","acr":"phr""#).build();
    assert_eq!(get_with(address, &twice).await.status, 401);
}

#[tokio::test]
async fn an_authentication_is_too_old_one_second_after_the_limit() {
    let world = World::new();
    let service = world
        .auth()
        .layer(guard().max_age(seconds(300)).layer(Inner::default()));
    let address = serve(service).await;
    let table = [
        (json!(NOW), true),
        (json!(NOW - 300), true),
        (json!(NOW - 301), false),
        (json!(NOW as f64 - 299.5), true),
        (json!(NOW as f64 - 300.5), false),
        (json!(NOW + 60), true),
        (json!(NOW + 61), false),
        (json!(NOW * 1000), false),
        (json!(NOW.to_string()), false),
        (json!("2027-01-15T08:00:00.000Z"), false),
        (json!(0), false),
        (json!(-1), false),
        (json!([NOW]), false),
        (json!(true), false),
        (Value::Null, false),
    ];
    for (auth_time, passes) in table {
        let token = world.token().claim("auth_time", auth_time.clone());
        let answer = get_with(address, &token.build()).await;
        match passes {
            true => answer.assert_passed(),
            false => assert_step_up(&answer, r#"max_age="300""#),
        }
    }
    assert_step_up(
        &get_with(address, &world.token().build()).await,
        r#"max_age="300""#,
    );
}

#[tokio::test]
async fn an_authentication_ages_while_its_token_stays_valid() {
    let world = World::new();
    let verifier = world.verifier().cached(100);
    let service =
        BearerAuthLayer::new(verifier).layer(guard().max_age(seconds(300)).layer(Inner::default()));
    let address = serve(service).await;
    let token = world.token().auth_time(world.clock.now()).build();
    get_with(address, &token).await.assert_passed();
    world.clock.advance(seconds(300));
    get_with(address, &token).await.assert_passed();
    world.clock.advance(seconds(1));
    assert_step_up(&get_with(address, &token).await, r#"max_age="300""#);
    // A new login with the same issuer.
    let renewed = world.token().auth_time(world.clock.now()).build();
    get_with(address, &renewed).await.assert_passed();
}

#[tokio::test]
async fn tokens_of_every_verifier_show_how_their_user_has_authenticated() {
    let world = World::new();
    let issuer = TestIssuer::start().await;
    let claims = |auth_time: u64| json!({"aud": AUDIENCE, "sub": "alice", "acr": "phr", "auth_time": auth_time});
    let (new, old) = (
        issuer.opaque_token(claims(NOW)),
        issuer.opaque_token(claims(NOW - 301)),
    );
    let introspection = IntrospectionVerifier::builder(issuer.introspection_url())
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .clock(world.clock.clone())
        .build()
        .unwrap();
    let static_token = |auth_time: u64| {
        StaticToken::new("cli")
            .claim("acr", "phr")
            .claim("auth_time", auth_time)
    };
    let table =
        StaticTokenVerifier::new([("new", static_token(NOW)), ("old", static_token(NOW - 301))])
            .clock(world.clock.clone());
    let clock = world.clock.clone();
    let hand_made = verify_fn(move |token| {
        let auth_time = match token.as_str() {
            "new" => NOW,
            _ => NOW - 301,
        };
        let token = AccessToken::builder(token)
            .clock(clock.clone())
            .claim("acr", "phr")
            .claim("auth_time", auth_time)
            .build();
        async move { Ok::<_, VerifyError>(token) }
    });
    assert_step_up_with(introspection, &new, &old).await;
    assert_step_up_with(table, "new", "old").await;
    assert_step_up_with(hand_made, "new", "old").await;
}

/// Asserts that the server accepts the token `new` and finds the authentication of `old` too old.
async fn assert_step_up_with(verifier: impl Verifier, new: &str, old: &str) {
    let guarded = RequireAuthenticationLayer::from(step_up()).layer(Inner::default());
    let address = serve(BearerAuthLayer::new(verifier).layer(guarded)).await;
    get_with(address, new).await.assert_passed();
    let answer = get_with(address, old).await;
    assert_step_up(&answer, r#"acr_values="phr phrh", max_age="300""#);
}

#[tokio::test]
async fn accessors_read_the_claims() {
    let builder = || AccessToken::builder("any".parse().unwrap());
    let token = builder()
        .claim("acr", "phr")
        .claim("auth_time", NOW)
        .build();
    assert_eq!(token.acr().as_deref(), Some("phr"));
    assert_eq!(token.auth_time(), Some(UNIX_EPOCH + seconds(NOW)));
    assert!(
        step_up().is_met_by(
            &token
                .to_builder()
                .clock(Clock::manual(UNIX_EPOCH + seconds(NOW)))
                .build()
        )
    );
    let odd = builder().claim("acr", 1).claim("auth_time", "1").build();
    assert_eq!((odd.acr(), odd.auth_time()), (None, None));
    let none = builder().build();
    assert_eq!((none.acr(), none.auth_time()), (None, None));
    let null = builder().claim("acr", Value::Null).build();
    assert_eq!(null.acr(), None);
}
