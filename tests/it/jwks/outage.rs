//! Outages of a provider, from seconds to days.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use tokio::task::JoinSet;

use super::{Fixture, eventually, refused, unavailable};
use crate::support::{get_with, serve_axum};
use tower_bearer_auth::testing::Fault;
use tower_bearer_auth::{BearerAuthLayer, InvalidReason};

const HOUR: u64 = 3600;

fn down() -> Option<Fault> {
    Some(Fault::Status(StatusCode::SERVICE_UNAVAILABLE))
}

impl Fixture {
    /// Waits until no fetch is in flight. Only for a source that is failing: the token either waits for the fetch or
    /// gets `Retry-After` for the backoff.
    async fn failed(&self) {
        unavailable(self.verify(&self.token().key_id("unknown").build()).await);
    }
}

#[tokio::test]
async fn known_keys_serve_for_a_day_of_outage_and_recover_without_a_restart() {
    let fixture = Fixture::loaded().await;
    fixture.issuer.jwks_fault(down());
    // The first token detects the outage, and no token waits after it.
    fixture.advance(HOUR);
    fixture.accept(fixture.token()).await;
    for _ in 0..22 {
        fixture.advance(HOUR);
        fixture.at_once(&fixture.token().build()).unwrap();
        fixture.failed().await;
    }
    fixture.advance(HOUR - 1);
    let last = fixture.at_once(&fixture.token().build()).unwrap();
    fixture.failed().await;
    assert!(fixture.jwks.status().is_usable());

    // The keys reach the hard limit before the backoff has elapsed.
    fixture.advance(1);
    assert!(!fixture.jwks.status().is_usable());
    let attempts = fixture.fetches();
    assert_eq!(unavailable(fixture.at_once(&fixture.token().build())), 59);
    assert_eq!(fixture.fetches(), attempts);
    // The hard limit does not revoke tokens that were verified before it.
    assert!(last.is_current());

    fixture.advance(59);
    let token = fixture.token().build();
    assert_eq!(unavailable(fixture.verify(&token).await), 60);
    assert_eq!(fixture.fetches(), attempts + 1);

    fixture.issuer.jwks_fault(None);
    fixture.advance(59);
    assert_eq!(unavailable(fixture.at_once(&token)), 1);
    fixture.advance(1);
    fixture.verify(&token).await.unwrap();
    // The document is unchanged, so the source responded with 304.
    assert_eq!(fixture.issuer.unchanged_answers(), 1);
    let status = fixture.jwks.status();
    assert_eq!((status.keys(), status.last_error()), (1, None));
    assert!(last.is_current());
}

#[tokio::test]
async fn tries_during_an_outage_follow_the_backoff() {
    let fixture = Fixture::loaded().await;
    fixture.issuer.jwks_fault(down());
    fixture.advance(800);
    let mut tries = Vec::new();
    for second in 0..310 {
        let before = fixture.fetches();
        fixture.at_once(&fixture.token().build()).unwrap();
        fixture.failed().await;
        if fixture.fetches() > before {
            assert_eq!(fixture.fetches(), before + 1);
            tries.push(second);
        }
        fixture.advance(1);
    }
    assert_eq!(tries, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303]);

    fixture.issuer.jwks_fault(None);
    fixture.advance(60);
    fixture.at_once(&fixture.token().build()).unwrap();
    eventually(|| fixture.jwks.status().last_error().is_none()).await;
    // The next outage starts with the shortest backoff again.
    fixture.issuer.jwks_fault(down());
    fixture.advance(800);
    fixture.at_once(&fixture.token().build()).unwrap();
    let unknown = fixture.token().key_id("unknown").build();
    assert_eq!(unavailable(fixture.verify(&unknown).await), 1);
}

#[tokio::test]
async fn a_failing_refresh_leaves_the_keys() {
    let fixture = Fixture::loaded().await;
    let loaded = fixture.jwks.status().last_success();
    fixture.issuer.jwks_fault(down());
    fixture.advance(800);
    let token = fixture.at_once(&fixture.token().build()).unwrap();
    fixture.failed().await;

    let status = fixture.jwks.status();
    assert_eq!((status.keys(), status.last_success()), (1, loaded));
    assert_eq!(status.age().unwrap().as_secs(), 800);
    assert!(status.last_error().unwrap().contains("503"));
    assert!(token.is_current());
}

#[tokio::test]
async fn an_unknown_key_during_an_outage_is_not_refused() {
    let fixture = Fixture::loaded().await;
    fixture.issuer.jwks_fault(down());
    let new = fixture.issuer.rotate();
    let token = fixture.signed_by(&new).build();
    assert_eq!(unavailable(fixture.verify(&token).await), 1);
    assert_eq!(unavailable(fixture.at_once(&token)), 1);
    assert_eq!(fixture.fetches(), 2);

    fixture.issuer.jwks_fault(None);
    fixture.advance(1);
    fixture.verify(&token).await.unwrap();
}

#[tokio::test]
async fn with_an_empty_bucket_an_unknown_key_is_refused_only_if_the_last_fetch_succeeded() {
    let fixture = Fixture::loaded().await;
    let older = fixture.token().issued_at(fixture.an_hour_ago());
    let unknown = older.key_id("unknown").build();
    assert_eq!(
        refused(fixture.verify(&unknown).await),
        InvalidReason::UnknownKey
    );
    fixture.issuer.jwks_fault(down());
    assert_eq!(unavailable(fixture.verify(&unknown).await), 1);
    // The backoff has elapsed, but the bucket is empty for 15 s.
    fixture.advance(5);
    assert_eq!(unavailable(fixture.at_once(&unknown)), 10);
    assert_eq!(fixture.fetches(), 3);

    fixture.issuer.jwks_fault(None);
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(
        refused(fixture.at_once(&unknown)),
        InvalidReason::UnknownKey
    );
}

#[tokio::test]
async fn a_set_that_never_loaded_is_unavailable_only_for_tokens_that_could_be_good() {
    let fixture = Fixture::new().await;
    fixture.issuer.jwks_fault(down());
    let hopeless = [
        (fixture.token().expired(), InvalidReason::Expired),
        (
            fixture.token().issuer("https://other.test"),
            InvalidReason::WrongIssuer,
        ),
        (
            fixture.token().audience("https://other.test"),
            InvalidReason::WrongAudience,
        ),
        (
            fixture.token().unsigned(),
            InvalidReason::UnsupportedAlgorithm,
        ),
        (fixture.token().raw_claims("{"), InvalidReason::Malformed),
    ];
    for _ in 0..2 {
        for (token, reason) in hopeless.clone() {
            assert_eq!(refused(fixture.at_once(&token.build())), reason);
        }
        unavailable(fixture.verify(&fixture.token().build()).await);
    }
    assert_eq!(fixture.fetches(), 1);
    assert!(!fixture.jwks.status().is_usable());
}

#[tokio::test]
async fn a_failing_first_load_is_shared() {
    let fixture = Arc::new(Fixture::new().await);
    fixture.issuer.jwks_fault(down());
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let fixture = Arc::clone(&fixture);
        requests.spawn(async move { unavailable(fixture.verify(&fixture.token().build()).await) });
    }
    assert_eq!(requests.join_all().await, [1; 50]);
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn an_outage_has_a_retry_after_and_no_challenge() {
    let fixture = Fixture::new().await;
    fixture.issuer.jwks_fault(down());
    let layer = BearerAuthLayer::new(fixture.verifier.clone()).realm("api");
    let app = Router::new().route("/", get(|| async { "in" }));
    let server = serve_axum(app.layer(layer)).await;

    let good = fixture.token().build();
    // The first request fails. The second one waits for another fetch, which fails as well.
    for retry_after in ["1", "2"] {
        fixture.advance(1);
        let answer = get_with(server, &good).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some(retry_after));
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
        assert!(!answer.body.contains("127.0.0.1"), "{}", answer.body);
    }
    let answer = get_with(server, &fixture.token().expired().build()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("invalid_token"), "{challenge}");
    assert_eq!(answer.header("retry-after"), None);

    fixture.issuer.jwks_fault(None);
    fixture.advance(2);
    let answer = get_with(server, &good).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, "in")
    );
}

#[tokio::test]
async fn an_issuer_that_no_longer_exists_is_an_outage() {
    let Fixture {
        issuer,
        clock,
        jwks,
        verifier,
    } = Fixture::loaded().await;
    let token = issuer
        .token()
        .audience(super::AUDIENCE)
        .clock(clock.clone());
    drop(issuer);
    clock.advance(std::time::Duration::from_secs(800));
    assert!(jwks.refresh().await.is_err());
    super::at_once(&verifier, &token.clone().build()).unwrap();
    let unknown = token.key_id("unknown").build();
    assert_eq!(unavailable(super::verify(&verifier, &unknown).await), 1);
}
