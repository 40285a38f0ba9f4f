//! The checks of SETs (RFC 8417), of their pushes, and the errors of RFC 8935 §2.4.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use serde_json::json;
use tower_bearer_auth::revocation::{SecurityEventVerifier, SecurityEvents};
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, JwtVerifier};

use super::endpoints::{PATH, World, events, now};
use super::security_events::{RECEIVER, REVOKES, RISC, SET, assert_received, assert_refused, push};
use crate::support::{get, get_with, send, serve};
use crate::telemetry::recorded::Recorded;

#[tokio::test]
async fn each_check_refuses_a_set_and_nothing_is_revoked() {
    let world = World::new().await;
    let server = world.serve_events().await;
    let access_token = world.access_token().build();
    server.assert_accepts(&access_token).await;
    let set = || world.set();
    let other_key = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    let forged = TokenBuilder::new(&other_key)
        .issuer(world.issuer.issuer())
        .token_type("secevent+jwt")
        .claims(json!({"aud": RECEIVER, "jti": "1", "events": {"x": {}}}));
    let hour = Duration::from_secs(3600);
    let event = format!("{RISC}/account-disabled");
    let timestamp = |at| set().claim("events", json!({&event: {"event_timestamp": at}}));
    let untyped = json!({"alg": "ES256", "kid": "key-1"}).to_string();
    let request = "invalid_request";
    let missing = (request, "The token lacks a required claim");
    let bad_claim = (request, "The token has an unacceptable claim");
    let kind = (request, "The token is of another kind");
    let late = (request, "The token is not valid yet");
    let signature = ("invalid_key", "The token's signature does not match");
    let algorithm = ("invalid_key", "The token's algorithm is not accepted");
    let unknown = ("invalid_key", "The token is signed with an unknown key");
    let issuer = ("invalid_issuer", "The token is from another issuer");
    let audience = (
        "invalid_audience",
        "The token is meant for another audience",
    );
    let subject = (request, "The subject does not conform to its format");
    let time = (
        request,
        "The event_timestamp is no number of seconds, or later than the SET",
    );
    let malformed = (request, "The token is malformed");
    for (name, set, (error, description)) in [
        // First, because each altered token may cause a fetch of the keys, and fetches are limited.
        ("an unknown key", set().key_id("x"), unknown),
        ("an unsigned SET", set().unsigned(), algorithm),
        ("no signature", set().stripped_signature(), signature),
        ("a tampered SET", set().tampered(), signature),
        ("another key", forged, signature),
        ("another issuer", set().issuer("https://x.example"), issuer),
        ("no issuer", set().without_claim("iss"), missing),
        ("another receiver", set().audience("other"), audience),
        ("no audience", set().without_claim("aud"), missing),
        ("no iat", set().without_claim("iat"), missing),
        ("a future iat", set().issued_at(now() + hour), late),
        ("no jti", set().without_claim("jti"), missing),
        ("no events", set().without_claim("events"), missing),
        (
            "events in a list",
            set().claim("events", json!([event])),
            bad_claim,
        ),
        ("no event", set().claim("events", json!({})), bad_claim),
        (
            "a text as event",
            set().claim("events", json!({&event: "x"})),
            bad_claim,
        ),
        (
            "a null event",
            set().claim("events", json!({&event: null})),
            bad_claim,
        ),
        ("no type", set().raw_header(untyped), kind),
        ("the type of others", set().token_type("JWT"), kind),
        (
            "the type of logout tokens",
            set().token_type("logout+jwt"),
            kind,
        ),
        (
            "the type of access tokens",
            set().token_type("at+jwt"),
            kind,
        ),
        ("a text as subject", set().claim("sub_id", "alice"), subject),
        (
            "a subject without sub",
            set().claim("sub_id", json!({"format": "iss_sub"})),
            subject,
        ),
        (
            "milliseconds",
            timestamp(json!(1_800_000_000_000_u64)),
            time,
        ),
        ("a text as time", timestamp(json!("now")), time),
        (
            "a future event",
            timestamp(json!(253_402_300_799_u64)),
            time,
        ),
        ("a number as sub", set().claim("sub", 7), malformed),
    ] {
        let recorded = Recorded::start();
        let answer = push(&server, &set.build()).await;
        assert_eq!(answer.status, 400, "{name}");
        assert_refused(&answer, error, description);
        let refusals = events(&recorded, "a pushed token is refused");
        assert_eq!(refusals.len(), 1, "{name}");
        assert_eq!(refusals[0]["rule"], description, "{name}");
        assert_eq!(refusals[0]["by"], "SecurityEvents");
        assert_eq!(events(&recorded, REVOKES).len(), 0);
    }
    for body in ["", "x", "a.b.c", "\u{1F600}"] {
        assert_refused(&push(&server, body).await, malformed.0, malformed.1);
    }
    let expired = TokenBuilder::new(&world.issuer.key())
        .issuer(world.issuer.issuer())
        .token_type("secevent+jwt")
        .claims(json!({"aud": RECEIVER, "jti": "1", "events": {"x": {}}}))
        .expired();
    let answer = push(&server, &expired.build()).await;
    assert_refused(&answer, request, "The token expired");
    server.assert_nothing_revoked();
    server.assert_accepts(&access_token).await;
}

#[tokio::test]
async fn no_set_passes_as_an_access_token() {
    let world = World::new().await;
    let server = world.serve_events().await;
    let set = world
        .set()
        .audience("https://api.example.com")
        .expires_in(Duration::from_secs(60));
    for typ in ["JWT", "secevent+jwt"] {
        let answer = get_with(server.address, &set.clone().token_type(typ).build()).await;
        answer.assert_invalid_token("The token is not an access token for this server");
    }
}

#[tokio::test]
async fn another_type_is_a_setting() {
    let world = World::new().await;
    let settings = world.settings(RECEIVER).also_token_types(["JWT"]);
    let verifier = SecurityEventVerifier::new(settings).unwrap();
    let events = SecurityEvents::new(verifier, &world.revocations);
    let server = world.serve(events.router(PATH)).await;
    for typ in ["JWT", "secevent+jwt", "application/secevent+jwt"] {
        let set = world.set().token_type(typ).build();
        assert_received(&push(&server, &set).await);
    }
    let error = SecurityEventVerifier::new(JwtVerifier::builder()).unwrap_err();
    assert_eq!(error.problems().count(), 3, "{error}");
}

#[tokio::test]
async fn other_requests_are_refused() {
    let world = World::new().await;
    let server = world.serve_events().await;
    let set = world.set().build();
    for headers in [
        &[][..],
        &[("content-type", "application/jwt")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[SET, SET],
    ] {
        let answer = server.post(headers, set.clone()).await;
        let description = "The Content-Type is not application/secevent+jwt";
        assert_refused(&answer, "invalid_request", description);
    }
    let too_long = "x".repeat(64 * 1024 + 1);
    let answer = server.post(&[SET], too_long).await;
    assert_refused(&answer, "invalid_request", "The body is too long");
    assert_eq!(answer.header("connection"), Some("close"));

    let answer = get(server.address, PATH, &[SET]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, Some("POST"))
    );
    assert_eq!(answer.body, "");
    server.assert_nothing_revoked();
    assert_received(&server.post(&[SET], format!("{set}\r\n")).await);
}

#[tokio::test]
async fn a_push_must_have_the_required_authorization() {
    let world = World::new().await;
    let events = world
        .security_events()
        .require_authorization("Bearer stream-1");
    let server = world.serve(events.router(PATH)).await;
    let set = world.set().build();
    let good = ("authorization", "Bearer stream-1");
    for headers in [
        &[SET][..],
        &[SET, ("authorization", "Bearer stream-2")],
        &[SET, ("authorization", "Bearer stream-1x")],
        &[SET, ("authorization", "bearer stream-1")],
        &[SET, good, good],
    ] {
        let answer = server.post(headers, set.clone()).await;
        let description = "The Authorization header does not have the required value";
        assert_refused(&answer, "authentication_failed", description);
    }
    server.assert_nothing_revoked();
    assert_received(&server.post(&[SET, good], set).await);
}

#[tokio::test]
async fn it_is_a_tower_service() {
    let world = World::new().await;
    let address = serve(world.security_events()).await;
    let body = Full::from(world.set().build());
    let request = Request::post("/").header(SET.0, SET.1).body(body).unwrap();
    assert_received(&send(address, request).await);
    assert_eq!(world.revocations.status().revocations(), 1);
}
