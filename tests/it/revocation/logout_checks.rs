//! The checks of OpenID Connect Back-Channel Logout 1.0 §2.6, and those of the request.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::json;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::revocation::{BackChannelLogout, LogoutTokenVerifier};
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};

use super::endpoints::{PATH, World, events, now};
use super::logout::{CLIENT, EVENT, FORM, REVOKES, assert_logged_out, assert_refused, log_out};
use crate::support::{answer_of, get, get_with, read, send, serve};
use crate::telemetry::recorded::Recorded;

#[tokio::test]
async fn every_type_that_issuers_write_is_accepted() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let token = || world.logout_token();
    let untyped = json!({"alg": "ES256", "kid": "key-1"}).to_string();
    for token in [
        token().token_type("JWT"),
        token().token_type("logout+jwt"),
        token().token_type("application/logout+jwt"),
        token().raw_header(untyped),
        token().audiences(["another client", CLIENT]),
        token().claim("typ", "Logout"),
        token().claim(
            "events",
            json!({EVENT: {"x": 1}, "https://example.com/other": {}}),
        ),
    ] {
        assert_logged_out(&log_out(&server, &token.build()).await);
    }
}

#[tokio::test]
async fn each_check_refuses_a_token_and_nothing_is_revoked() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let access_token = world.access_token().claim("sid", "s1").build();
    server.assert_accepts(&access_token).await;
    let token = || world.logout_token();
    let other_key = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    let forged = TokenBuilder::new(&other_key)
        .issuer(world.issuer.issuer())
        .claims(json!({"aud": CLIENT, "sub": "alice", "jti": "1", "events": {EVENT: {}}}));
    let hour = Duration::from_secs(3600);
    let missing = "The token lacks a required claim";
    let bad_claim = "The token has an unacceptable claim";
    let kind = "The token is of another kind";
    let late = "The token is not valid yet";
    for (name, token, description) in [
        // First, because each altered token may cause a fetch of the keys, and fetches are limited.
        (
            "an unknown key",
            token().key_id("x"),
            "The token is signed with an unknown key",
        ),
        (
            "an unsigned token",
            token().unsigned(),
            "The token's algorithm is not accepted",
        ),
        (
            "no signature",
            token().stripped_signature(),
            "The token's signature does not match",
        ),
        (
            "a tampered token",
            token().tampered(),
            "The token's signature does not match",
        ),
        (
            "another key",
            forged,
            "The token's signature does not match",
        ),
        (
            "another issuer",
            token().issuer("https://x.example"),
            "The token is from another issuer",
        ),
        ("no issuer", token().without_claim("iss"), missing),
        (
            "another client",
            token().audience("other"),
            "The token is meant for another audience",
        ),
        ("no audience", token().without_claim("aud"), missing),
        ("no iat", token().without_claim("iat"), missing),
        ("a future iat", token().issued_at(now() + hour), late),
        ("an old token", token().expired(), "The token expired"),
        ("no exp", token().without_claim("exp"), missing),
        ("a future nbf", token().not_before(now() + hour), late),
        ("no jti", token().without_claim("jti"), missing),
        ("a null jti", token().claim("jti", json!(null)), missing),
        ("no events", token().without_claim("events"), missing),
        ("null events", token().claim("events", json!(null)), missing),
        (
            "events in a list",
            token().claim("events", json!([EVENT])),
            bad_claim,
        ),
        ("no event", token().claim("events", json!({})), bad_claim),
        (
            "another event",
            token().claim("events", json!({"x": {}})),
            kind,
        ),
        (
            "a text as event",
            token().claim("events", json!({EVENT: "x"})),
            bad_claim,
        ),
        (
            "a null event",
            token().claim("events", json!({EVENT: null})),
            bad_claim,
        ),
        (
            "no subject or session",
            token().without_claim("sid").without_claim("sub"),
            missing,
        ),
        (
            "a null session",
            token().without_claim("sub").claim("sid", json!(null)),
            missing,
        ),
        ("a number as session", token().claim("sid", 7), bad_claim),
        ("a nonce", token().claim("nonce", "n"), kind),
        ("a null nonce", token().claim("nonce", json!(null)), kind),
        (
            "a type of access tokens",
            token().token_type("at+jwt"),
            kind,
        ),
        ("a type of events", token().token_type("secevent+jwt"), kind),
        (
            "a bound token",
            token().claim("cnf", json!({"jkt": "x"})),
            "The token is bound to a key",
        ),
        (
            "critical extensions",
            token().critical(["exp"]),
            "The token is malformed",
        ),
    ] {
        let recorded = Recorded::start();
        let text = token.build();
        let answer = log_out(&server, &text).await;
        assert_eq!(answer.status, 400, "{name}");
        assert_refused(&answer, description);
        let refusals = events(&recorded, "a pushed token is refused");
        assert_eq!(refusals.len(), 1, "{name}");
        assert_eq!(refusals[0]["rule"], description, "{name}");
        assert_eq!(refusals[0]["by"], "BackChannelLogout");
        assert_eq!(events(&recorded, REVOKES).len(), 0);
    }
    assert_refused(&log_out(&server, "x").await, "The token is malformed");
    assert_refused(
        &log_out(&server, "%F0%9F%98%80").await,
        "The token is malformed",
    );
    server.assert_nothing_revoked();
    server.assert_accepts(&access_token).await;
}

#[tokio::test]
async fn no_token_passes_as_one_of_another_kind() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    // The API and the client have the same name, so that the audience does not help.
    let access = world
        .issuer
        .token()
        .audience(CLIENT)
        .subject("alice")
        .jwt_id("1");
    for typ in ["JWT", "at+jwt"] {
        let token = access.clone().token_type(typ).claim("sid", "s1").build();
        assert_eq!(log_out(&server, &token).await.status, 400);
    }
    let id_token = access.claim("nonce", "n").claim("at_hash", "h").build();
    assert_eq!(log_out(&server, &id_token).await.status, 400);
    server.assert_nothing_revoked();

    let logout = world.logout_token().audience("https://api.example.com");
    for typ in ["JWT", "logout+jwt"] {
        let answer = get_with(server.address, &logout.clone().token_type(typ).build()).await;
        answer.assert_invalid_token("The token is not an access token for this server");
    }
}

#[tokio::test]
async fn a_draft_without_exp_is_a_setting() {
    let world = World::new().await;
    let settings = world.settings(CLIENT).accept_missing_expiry();
    let verifier = LogoutTokenVerifier::new(settings.token_types(["logout+jwt"])).unwrap();
    let logout = BackChannelLogout::new(verifier, &world.revocations);
    let server = world.serve(logout.router(PATH)).await;
    let token = world.logout_token().without_claim("exp");
    let untyped = token.clone().token_type("JWT").build();
    assert_refused(
        &log_out(&server, &untyped).await,
        "The token is of another kind",
    );
    assert_logged_out(&log_out(&server, &token.build()).await);
}

#[tokio::test]
async fn settings_of_access_tokens_are_mistakes() {
    let world = World::new().await;
    let error = LogoutTokenVerifier::new(world.settings(CLIENT).rfc9068()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("rfc9068() requires the type at+jwt"),
        "{error}"
    );
    let error = LogoutTokenVerifier::new(tower_bearer_auth::JwtVerifier::builder()).unwrap_err();
    assert_eq!(error.problems().count(), 3, "{error}");
}

#[tokio::test]
async fn other_requests_are_refused() {
    let world = World::new().await;
    let server = world.serve_logout().await;
    let token = world.logout_token().build();
    let form = format!("logout_token={token}");
    let wrong_type = "The Content-Type is not application/x-www-form-urlencoded";
    for headers in [
        &[][..],
        &[("content-type", "application/json")],
        &[("content-type", "application/x-www-form-urlencodedx")],
        &[FORM, FORM],
    ] {
        assert_refused(&server.post(headers, form.clone()).await, wrong_type);
    }
    let none = "There is no logout_token";
    for body in [
        String::new(),
        token.clone(),
        format!("Logout_Token={token}"),
    ] {
        assert_refused(&server.post(&[FORM], body).await, none);
    }
    for body in [format!("{form}&{form}"), format!("{form}&logout_token=")] {
        assert_refused(
            &server.post(&[FORM], body).await,
            "There are two logout_tokens",
        );
    }
    server.assert_nothing_revoked();

    let answer = get(server.address, PATH, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, Some("POST"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.body, "");

    let typed = (
        "Content-Type",
        "Application/X-WWW-Form-URLEncoded; charset=UTF-8",
    );
    let answer = server
        .post(&[typed], format!("other=x&{form}&state=%20"))
        .await;
    assert_logged_out(&answer);
}

#[tokio::test]
async fn a_body_is_64_kib_at_most() {
    let world = World::new().await;
    let logout = world.logout();
    let address = serve(logout.clone()).await;
    let form = format!("logout_token={}&other=", world.logout_token().build());
    let padded = |length: usize| form.clone() + &"x".repeat(length - form.len());
    let request = |body: String| {
        let request = Request::post("/").header(FORM.0, FORM.1);
        request.body(Full::<Bytes>::from(body)).unwrap()
    };
    let too_long = "The body is too long";
    let answer = answer_of(logout.clone(), request(padded(64 * 1024 + 1))).await;
    assert_refused(&answer, too_long);
    assert_eq!(answer.header("connection"), Some("close"));
    // Without a length that is announced.
    let frames = padded(64 * 1024 + 1);
    let frames = frames
        .as_bytes()
        .chunks(1000)
        .map(|part| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(part))));
    let frames: Vec<_> = frames.collect();
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed();
    let streamed = request(String::new()).map(|_| body);
    let response = tower::ServiceExt::oneshot(logout, streamed).await.unwrap();
    assert_refused(&read(response).await, too_long);
    assert_eq!(world.revocations.status().revocations(), 0);

    let broken = futures_util::stream::iter([
        Ok(Frame::data(Bytes::from(form.clone()))),
        Err(std::io::Error::other("the connection ended")),
    ]);
    let broken = request(String::new()).map(|_| StreamBody::new(broken).boxed());
    let response = tower::ServiceExt::oneshot(world.logout(), broken).await;
    let answer = read(response.unwrap()).await;
    assert_refused(&answer, "The body is incomplete");
    assert_eq!(world.revocations.status().revocations(), 0);

    assert_logged_out(&send(address, request(padded(64 * 1024))).await);
}
