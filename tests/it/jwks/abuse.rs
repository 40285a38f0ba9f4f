//! Made-up tokens, which any client can send, cause almost no fetches.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::{Fixture, refused, unavailable};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, InvalidReason};

/// A token of an unknown key, older than the fetched keys.
fn unknown(fixture: &Fixture, key_id: impl ToString) -> String {
    let key_id = format!("unknown-{}", key_id.to_string());
    let token = fixture.token().issued_at(fixture.an_hour_ago());
    token.key_id(key_id).build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_unknown_keys_cause_two_fetches_and_good_tokens_never_wait() {
    let fixture = Arc::new(Fixture::loaded().await);
    let good = fixture.token().build();
    // Slow fetches, so that a token could have to wait.
    let slow = Duration::from_millis(50);
    fixture.issuer.jwks_fault(Some(Fault::Delay(slow)));
    for batch in 0..10 {
        let mut requests = JoinSet::new();
        for n in 0..1000 {
            let token = unknown(&fixture, 1000 * batch + n);
            let flooded = Arc::clone(&fixture);
            requests.spawn(async move { refused(flooded.verify(&token).await) });
            fixture.at_once(&good).unwrap();
        }
        let reasons = requests.join_all().await;
        assert_eq!(reasons, vec![InvalidReason::UnknownKey; 1000]);
    }
    assert_eq!(fixture.fetches(), 1 + 2);
}

#[tokio::test]
async fn the_bucket_gets_one_fetch_back_every_fifteen_seconds() {
    let fixture = Fixture::loaded().await;
    for n in 0..10 {
        let reason = refused(fixture.verify(&unknown(&fixture, n)).await);
        assert_eq!(reason, InvalidReason::UnknownKey);
    }
    assert_eq!(fixture.fetches(), 1 + 2);
    for (seconds, fetches) in [(14, 3), (1, 4), (14, 4), (1, 5), (15, 6)] {
        fixture.advance(seconds);
        for n in 0..10 {
            refused(fixture.verify(&unknown(&fixture, n)).await);
        }
        assert_eq!(fixture.fetches(), fetches);
        // The bucket is empty, so the result is immediate.
        let reason = refused(fixture.at_once(&unknown(&fixture, "last")));
        assert_eq!(reason, InvalidReason::UnknownKey);
    }
}

#[tokio::test]
async fn the_size_of_the_bucket_is_configurable() {
    let fixture =
        Fixture::configured(|jwks| jwks.unknown_key_fetches(5, Duration::from_secs(60))).await;
    fixture.jwks.refresh().await.unwrap();
    for (seconds, fetches) in [(0, 6), (59, 6), (1, 7)] {
        fixture.advance(seconds);
        for n in 0..10 {
            refused(fixture.verify(&unknown(&fixture, n)).await);
        }
        assert_eq!(fixture.fetches(), fetches);
    }
}

#[tokio::test]
async fn first_loads_and_refreshes_take_nothing_from_the_bucket() {
    let fixture = Fixture::new().await;
    // A token with an unknown key causes the first fetch. Manual refreshes follow.
    refused(fixture.verify(&unknown(&fixture, 0)).await);
    assert_eq!(fixture.fetches(), 1);
    for _ in 0..3 {
        fixture.jwks.refresh().await.unwrap();
    }
    // A token starts the scheduled refresh that is due.
    fixture.advance(800);
    fixture.at_once(&fixture.token().build()).unwrap();
    fixture.jwks.refresh().await.unwrap();
    // The manual refresh joined the scheduled fetch, and fetched again because that one began earlier.
    assert_eq!(fixture.fetches(), 6);
    for n in 0..10 {
        refused(fixture.verify(&unknown(&fixture, n)).await);
    }
    assert_eq!(fixture.fetches(), 8);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_keep_a_new_key_out_for_long() {
    let fixture = Fixture::loaded().await;
    for n in 0..10 {
        refused(fixture.verify(&unknown(&fixture, n)).await);
    }
    fixture.issuer.rotate();
    let token = fixture.token().build();
    assert_eq!(unavailable(fixture.at_once(&token)), 15);
    fixture.advance(15);
    fixture.verify(&token).await.unwrap();
    assert_eq!(fixture.fetches(), 4);
}

/// Tokens that are invalid with any key, each with the reason.
fn hopeless(fixture: &Fixture) -> Vec<(String, InvalidReason)> {
    let foreign = SigningKey::generate(Algorithm::ES256).with_key_id("foreign");
    let secret = SigningKey::generate(Algorithm::HS256).with_key_id("key-1");
    let now = fixture.clock.now();
    let foreign = || fixture.signed_by(&foreign);
    let mut tokens: Vec<_> = ["a", "a.b", "a.b.c", "a.b.c.d.e", "...."]
        .map(|text| (text.to_owned(), InvalidReason::Malformed))
        .into();
    tokens.extend([
        (
            "eyJhbGciOiJFUzI1NiJ9..".to_owned(),
            InvalidReason::BadSignature,
        ),
        (
            foreign().stripped_signature().build(),
            InvalidReason::BadSignature,
        ),
        (foreign().expired().build(), InvalidReason::Expired),
        (
            foreign().not_before(now + Duration::from_secs(120)).build(),
            InvalidReason::NotYetValid,
        ),
        (
            foreign().issuer("https://other.test").build(),
            InvalidReason::WrongIssuer,
        ),
        (
            foreign().issuer(fixture.issuer.issuer() + "/").build(),
            InvalidReason::WrongIssuer,
        ),
        (
            foreign().audience("https://other.test").build(),
            InvalidReason::WrongAudience,
        ),
        (
            foreign().without_claim("exp").build(),
            InvalidReason::MissingClaim,
        ),
        (
            foreign().token_type("logout+jwt").build(),
            InvalidReason::WrongType,
        ),
        (
            foreign().critical(["b64"]).build(),
            InvalidReason::Malformed,
        ),
        (
            foreign().unsigned().build(),
            InvalidReason::UnsupportedAlgorithm,
        ),
        (
            fixture.signed_by(&secret).build(),
            InvalidReason::UnsupportedAlgorithm,
        ),
        (
            foreign().header("alg", "ES256K").build(),
            InvalidReason::UnsupportedAlgorithm,
        ),
        (foreign().header("kid", 7).build(), InvalidReason::Malformed),
    ]);
    tokens
}

#[tokio::test]
async fn a_token_that_is_invalid_with_any_key_causes_no_fetch() {
    let fixture = Fixture::new().await;
    for (token, reason) in hopeless(&fixture) {
        assert_eq!(refused(fixture.at_once(&token)), reason, "{token}");
    }
    assert_eq!(fixture.fetches(), 0);

    fixture.jwks.refresh().await.unwrap();
    for (token, reason) in hopeless(&fixture) {
        assert_eq!(refused(fixture.at_once(&token)), reason, "{token}");
    }
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn a_key_in_the_header_of_a_token_is_neither_used_nor_fetched() {
    let fixture = Fixture::loaded().await;
    let elsewhere = TestIssuer::start().await;
    let mallory = elsewhere.key();
    let urls = elsewhere.jwks_url();
    for header in [
        ("jku", json!(urls)),
        ("x5u", json!(urls)),
        ("jwk", mallory.jwk()),
        ("x5c", json!(["MIIB"])),
    ] {
        let token = fixture.signed_by(&mallory).header(header.0, header.1);
        // With a known key ID, and with an unknown one.
        let named = token.clone().key_id("key-1").build();
        assert_eq!(
            refused(fixture.verify(&named).await),
            InvalidReason::BadSignature
        );
        let unnamed = token.issued_at(fixture.an_hour_ago()).key_id("mallory");
        let unnamed = unnamed.build();
        assert_eq!(
            refused(fixture.verify(&unnamed).await),
            InvalidReason::UnknownKey
        );
    }
    assert_eq!(fixture.fetches(), 1 + 2);
    assert_eq!(elsewhere.jwks_requests() + elsewhere.metadata_requests(), 0);
}
