//! Rare coincidences: keys that change during a request, and misleading key IDs and issuers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{AUDIENCE, Fixture, eventually, manual_clock, unavailable};
use tower_bearer_auth::jwks::{Fetched, HttpKeySource, KeySource, Validators};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, Jwks, JwtVerifier};

fn slow() -> Option<Fault> {
    Some(Fault::Delay(Duration::from_millis(100)))
}

#[tokio::test]
async fn a_key_published_after_a_fetch_was_answered_is_fetched_again() {
    let fixture = Fixture::loaded().await;
    fixture.issuer.jwks_fault(slow());
    // The response to the background refresh is in flight. It does not have the key that the issuer publishes now.
    fixture.advance(800);
    fixture.at_once(&fixture.token().build()).unwrap();
    eventually(|| fixture.fetches() == 2).await;
    fixture.issuer.rotate();
    fixture.accept(fixture.token()).await;
}

#[tokio::test]
async fn a_key_published_while_the_first_load_is_answered_is_fetched_again() {
    let fixture = Fixture::new().await;
    fixture.issuer.jwks_fault(slow());
    let old = fixture.token().build();
    let first = async { fixture.verify(&old).await.unwrap() };
    let second = async {
        eventually(|| fixture.fetches() == 1).await;
        fixture.issuer.rotate();
        fixture.accept(fixture.token()).await
    };
    tokio::join!(first, second);
}

#[tokio::test]
async fn a_refresh_brings_what_was_published_before_it_was_asked_for() {
    let fixture = Fixture::loaded().await;
    fixture.issuer.jwks_fault(slow());
    fixture.advance(800);
    fixture.at_once(&fixture.token().build()).unwrap();
    eventually(|| fixture.fetches() == 2).await;
    fixture.issuer.rotate();
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.jwks.status().keys(), 2);
}

#[tokio::test]
async fn material_published_twice_stays_withdrawn_by_hand() {
    let fixture = Fixture::new().await;
    let key = fixture.issuer.key();
    let (a, b) = (key.clone().with_key_id("a"), key.with_key_id("b"));
    fixture.issuer.publish(Some(SigningKey::jwk_set([&a, &b])));
    fixture.jwks.refresh().await.unwrap();
    let token = fixture.signed_by(&b).build();
    fixture.at_once(&token).unwrap();
    assert!(fixture.jwks.withdraw("b"));
    fixture.verify(&token).await.unwrap_err();
    fixture.jwks.refresh().await.unwrap();
    fixture.verify(&token).await.unwrap_err();
    // The same with another document.
    fixture.issuer.publish(Some(SigningKey::jwk_set([&b, &a])));
    fixture.jwks.refresh().await.unwrap();
    fixture.verify(&token).await.unwrap_err();
}

#[tokio::test]
async fn material_published_twice_takes_all_its_tokens_along() {
    let fixture = Fixture::new().await;
    let key = fixture.issuer.key();
    let (a, b) = (key.clone().with_key_id("a"), key.with_key_id("b"));
    let c = SigningKey::generate(Algorithm::ES256).with_key_id("c");
    fixture.issuer.publish(Some(SigningKey::jwk_set([&a, &b])));
    fixture.jwks.refresh().await.unwrap();
    let by_a = fixture.at_once(&fixture.signed_by(&a).build()).unwrap();
    let by_b = fixture.at_once(&fixture.signed_by(&b).build()).unwrap();
    // A changed document with the same material.
    fixture
        .issuer
        .publish(Some(SigningKey::jwk_set([&a, &b, &c])));
    fixture.jwks.refresh().await.unwrap();
    fixture.issuer.publish(Some(SigningKey::jwk_set([&c])));
    fixture.jwks.refresh().await.unwrap();
    assert!(!by_a.is_current());
    assert!(!by_b.is_current());
}

#[tokio::test]
async fn past_the_hard_limit_there_is_no_next_refresh() {
    let fixture = Fixture::loaded().await;
    fixture.advance(24 * 3600);
    let status = fixture.jwks.status();
    assert_eq!((status.keys(), status.next_refresh()), (0, None));
}

#[tokio::test]
async fn a_query_and_a_fragment_in_the_url_do_no_harm() {
    let issuer = TestIssuer::start().await;
    for suffix in ["?p=b2c_1a", "?p=b2c_1a#keys"] {
        let url = issuer.jwks_url() + suffix;
        let source = HttpKeySource::builder(url).build().unwrap();
        let jwks = Jwks::builder(source).build().unwrap();
        jwks.refresh().await.unwrap();
    }
    assert_eq!(issuer.jwks_requests(), 2);
}

#[test]
fn metadata_elsewhere_needs_an_issuer_to_be_about() {
    let verifier = JwtVerifier::builder()
        .discover_from("https://issuer.test/metadata")
        .accept_any_issuer()
        .audience(AUDIENCE)
        .clock(manual_clock());
    assert!(verifier.build().is_err());
}

#[tokio::test]
async fn a_modulus_with_a_leading_zero_is_known_again_without_it() {
    let fixture = Fixture::new().await;
    let key = SigningKey::generate(Algorithm::RS256).with_key_id("rsa");
    let mut jwk = key.jwk();
    let mut padded = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    padded.insert(0, 0);
    jwk["n"] = URL_SAFE_NO_PAD.encode(padded).into();
    fixture.issuer.publish(Some(json!({"keys": [jwk]})));
    let token = fixture.accept(fixture.signed_by(&key)).await;
    fixture.issuer.publish(Some(json!({"keys": [key.jwk()]})));
    fixture.jwks.refresh().await.unwrap();
    assert!(token.is_current());
}

#[tokio::test]
async fn a_withdrawn_key_does_not_hide_a_new_one_from_tokens_without_name() {
    let fixture = Fixture::loaded().await;
    assert!(fixture.jwks.withdraw("key-1"));
    fixture.issuer.rotate();
    fixture.accept(fixture.token().without_header("kid")).await;
}

#[tokio::test]
async fn a_withdrawn_key_does_not_hide_its_replacement_of_the_same_name() {
    let fixture = Fixture::loaded().await;
    assert!(fixture.jwks.withdraw("key-1"));
    let new = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    fixture.issuer.publish(Some(SigningKey::jwk_set([&new])));
    fixture.accept(fixture.signed_by(&new)).await;
}

#[tokio::test]
async fn withdrawn_keys_do_not_count_among_the_four_that_are_tried() {
    let fixture = Fixture::new().await;
    let mut keys: Vec<_> = (0..5)
        .map(|n| SigningKey::generate(Algorithm::ES256).with_key_id(n.to_string()))
        .collect();
    fixture.issuer.publish(Some(SigningKey::jwk_set(&keys)));
    fixture.jwks.refresh().await.unwrap();
    for n in 0..4 {
        fixture.jwks.withdraw(&n.to_string());
    }
    let fifth = keys.pop().unwrap();
    fixture
        .accept(fixture.signed_by(&fifth).without_header("kid"))
        .await;
}

#[tokio::test]
async fn a_day_without_metadata_is_no_harm_while_the_key_url_works() {
    let issuer = TestIssuer::start().await;
    let clock = manual_clock();
    let source = tower_bearer_auth::jwks::Discovery::builder(issuer.issuer()).clock(clock.clone());
    let fixture = Fixture::with_clock(clock, issuer, source.build().unwrap(), |jwks| jwks);
    fixture.jwks.refresh().await.unwrap();
    // The metadata URL fails at once, and then after a timeout.
    let down = Fault::Status(http::StatusCode::INTERNAL_SERVER_ERROR);
    for fault in [down, Fault::Hang] {
        fixture.issuer.metadata_fault(Some(fault));
        fixture.advance(24 * 3600);
        fixture.jwks.refresh().await.unwrap();
    }
}

#[tokio::test]
async fn metadata_that_changes_to_another_issuer_is_no_longer_used() {
    let issuer = TestIssuer::start().await;
    let clock = manual_clock();
    let source = tower_bearer_auth::jwks::Discovery::builder(issuer.issuer()).clock(clock.clone());
    let fixture = Fixture::with_clock(clock, issuer, source.build().unwrap(), |jwks| jwks);
    fixture.jwks.refresh().await.unwrap();
    let other = json!({"issuer": "https://other.test", "jwks_uri": fixture.issuer.jwks_url()});
    fixture.issuer.metadata(Some(other));
    fixture.advance(24 * 3600);
    for _ in 0..2 {
        assert!(fixture.jwks.refresh().await.is_err());
        fixture.advance(60);
    }
    assert_eq!(fixture.fetches(), 1);
}

/// A source that, while `is_blocked`, blocks its thread until the sender is dropped.
struct Blocks {
    source: HttpKeySource,
    is_blocked: Arc<AtomicBool>,
    release: Mutex<mpsc::Receiver<()>>,
}

impl KeySource for Blocks {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, tower::BoxError> {
        if self.is_blocked.load(Ordering::Relaxed) {
            let _ = self.release.lock().unwrap().recv();
        }
        self.source.fetch(known).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fetch_that_never_ends_is_no_reason_to_refuse_or_to_wait_for_ever() {
    let issuer = TestIssuer::start().await;
    let (hold, release) = mpsc::channel();
    let is_blocked = Arc::<AtomicBool>::default();
    let source = Blocks {
        source: HttpKeySource::builder(issuer.jwks_url()).build().unwrap(),
        is_blocked: Arc::clone(&is_blocked),
        release: release.into(),
    };
    let limit = Duration::from_millis(100);
    let fixture = Fixture::from_source(issuer, source, |jwks| jwks.fetch_timeout(limit));
    fixture.recover().await;
    let first = fixture.issuer.key();
    fixture.issuer.rotate();
    is_blocked.store(true, Ordering::Relaxed);
    // The source does not respond, so the key may exist.
    unavailable(fixture.verify(&fixture.token().build()).await);
    // The manual clock stands still, so the fetch has not reached its timeout on that clock.
    assert!(fixture.jwks.refresh().await.is_err());
    assert_eq!(fixture.jwks.status().last_error(), None);
    fixture.advance(1000);
    let known = fixture.signed_by(&first);
    fixture.accept(known).await;
    let status = fixture.jwks.status();
    assert_eq!(
        status.last_error(),
        Some("a fetch did not report its end in time")
    );
    drop(hold);
}

#[tokio::test]
async fn a_place_that_is_too_busy_is_not_passed_over() {
    let issuer = TestIssuer::start().await;
    issuer.metadata_at("/.well-known/oauth-authorization-server");
    let busy = Fault::Status(http::StatusCode::TOO_MANY_REQUESTS);
    issuer.fault_at("/.well-known/openid-configuration", Some(busy));
    let source = tower_bearer_auth::jwks::Discovery::builder(issuer.issuer());
    let fixture = Fixture::from_source(issuer, source.build().unwrap(), |jwks| jwks);
    assert!(fixture.jwks.refresh().await.is_err());
}

/// A race that an incorrect implementation loses in a few of a hundred rounds: a request searches for its key right
/// before a fetch completes, and calls the policy right after it, when the bucket is empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_comes_between_looking_and_asking_is_found() {
    let fixture =
        Fixture::configured(|jwks| jwks.unknown_key_fetches(1, Duration::from_secs(1))).await;
    let fixture = Arc::new(fixture);
    fixture.jwks.refresh().await.unwrap();
    for round in 0..300 {
        fixture.advance(1);
        fixture.issuer.rotate();
        fixture.issuer.retire_old_keys();
        let before = fixture.fetches();
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let fixture = Arc::clone(&fixture);
            let token = fixture.token().build();
            requests.spawn(async move { fixture.verify(&token).await.map(drop) });
        }
        for result in requests.join_all().await {
            assert!(result.is_ok(), "round {round}: {result:?}");
        }
        assert_eq!(fixture.fetches(), before + 1, "round {round}");
    }
}
