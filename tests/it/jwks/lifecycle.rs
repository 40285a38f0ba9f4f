//! The life cycle of a key, and of the tokens that it has verified.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Fixture, eventually, refused};
use tower_bearer_auth::InvalidReason;
use tower_bearer_auth::jwks::{Fetched, KeySource, Validators};
use tower_bearer_auth::testing::{Fault, SigningKey};
use tower_bearer_auth::{Jwks, JwtVerifier};

#[tokio::test]
async fn nothing_is_fetched_before_the_first_token_and_all_first_tokens_share_one_fetch() {
    let fixture = Arc::new(Fixture::new().await);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.fetches(), 0);
    let slow = Duration::from_millis(50);
    fixture.issuer.jwks_fault(Some(Fault::Delay(slow)));
    let mut requests = JoinSet::new();
    for _ in 0..200 {
        let fixture = Arc::clone(&fixture);
        requests.spawn(async move { fixture.accept(fixture.token()).await });
    }
    requests.join_all().await;
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn a_url_is_the_only_required_setting() {
    let fixture = Fixture::new().await;
    let verifiers = [
        JwtVerifier::builder().jwks_url(fixture.issuer.jwks_url()),
        JwtVerifier::builder().jwks(Jwks::from_url(fixture.issuer.jwks_url()).unwrap()),
    ];
    for verifier in verifiers {
        let verifier = verifier
            .issuer(fixture.issuer.issuer())
            .audience(super::AUDIENCE)
            .clock(fixture.clock.clone())
            .build()
            .unwrap();
        let token = fixture.token().build();
        super::verify(&verifier, &token).await.unwrap();
    }
    assert_eq!(fixture.fetches(), 2);
}

#[tokio::test]
async fn verifiers_that_share_a_set_share_its_fetches() {
    let fixture = Fixture::loaded().await;
    let other = JwtVerifier::builder()
        .jwks(fixture.jwks.clone())
        .issuer(fixture.issuer.issuer())
        .audience("https://other.test")
        .clock(fixture.clock.clone())
        .build()
        .unwrap();
    let token = fixture.token().audience("https://other.test").build();
    super::at_once(&other, &token).unwrap();
    assert_eq!(
        refused(fixture.at_once(&token)),
        InvalidReason::WrongAudience
    );
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn the_tokens_of_a_removed_key_are_refused() {
    let fixture = Fixture::loaded().await;
    let old = fixture.token().build();
    let verified_by_old = fixture.at_once(&old).unwrap();
    fixture.issuer.rotate();
    fixture.jwks.refresh().await.unwrap();
    let verified_by_new = fixture.at_once(&fixture.token().build()).unwrap();
    assert!(verified_by_old.is_current());

    fixture.issuer.retire_old_keys();
    // Until the refresh, the verifier does not know about the removal.
    assert!(verified_by_old.is_current());
    fixture.at_once(&old).unwrap();
    fixture.jwks.refresh().await.unwrap();
    assert!(!verified_by_old.is_current());
    assert!(verified_by_new.is_current());
    assert_eq!(
        refused(fixture.verify(&old).await),
        InvalidReason::UnknownKey
    );
}

#[tokio::test]
async fn a_key_that_comes_back_verifies_again() {
    let fixture = Fixture::loaded().await;
    let key = fixture.issuer.key();
    let token = fixture.token().build();
    let before = fixture.at_once(&token).unwrap();
    let without = SigningKey::generate(key.algorithm()).with_key_id("other");
    fixture
        .issuer
        .publish(Some(SigningKey::jwk_set([&without])));
    fixture.jwks.refresh().await.unwrap();
    fixture
        .issuer
        .publish(Some(SigningKey::jwk_set([&without, &key])));
    fixture.jwks.refresh().await.unwrap();
    assert!(fixture.at_once(&token).unwrap().is_current());
    assert!(!before.is_current());
}

#[tokio::test]
async fn a_key_whose_material_stays_keeps_its_tokens_through_any_refresh() {
    let fixture = Fixture::loaded().await;
    let key = fixture.issuer.key();
    let token = fixture.token().build();
    let verified = fixture.at_once(&token).unwrap();
    let mut another = 0;
    let mut publish = |key: SigningKey| {
        another += 1;
        let other = SigningKey::generate(key.algorithm()).with_key_id(another.to_string());
        fixture
            .issuer
            .publish(Some(SigningKey::jwk_set([&other, &key])));
    };
    // Together with other keys, at another position, and under another key ID.
    for name in ["key-1", "key-1", "renamed"] {
        publish(key.clone().with_key_id(name));
        fixture.jwks.refresh().await.unwrap();
        assert!(verified.is_current());
    }
    assert_eq!(
        refused(fixture.verify(&token).await),
        InvalidReason::UnknownKey
    );
    fixture
        .at_once(&fixture.token().key_id("renamed").build())
        .unwrap();
    // It is still the same key, so removing it still refuses its tokens.
    assert!(fixture.jwks.withdraw("renamed"));
    assert!(!verified.is_current());
}

#[tokio::test]
async fn another_key_under_a_known_key_id_is_a_different_key() {
    let fixture = Fixture::loaded().await;
    let token = fixture.token().build();
    let verified = fixture.at_once(&token).unwrap();
    let impostor = SigningKey::generate(fixture.issuer.key().algorithm()).with_key_id("key-1");
    fixture
        .issuer
        .publish(Some(SigningKey::jwk_set([&impostor])));
    fixture.jwks.refresh().await.unwrap();
    assert!(!verified.is_current());
    assert_eq!(
        refused(fixture.verify(&token).await),
        InvalidReason::BadSignature
    );
    fixture
        .at_once(&fixture.signed_by(&impostor).build())
        .unwrap();
}

#[tokio::test]
async fn a_key_withdrawn_by_hand_is_refused_at_once_and_stays_so_while_it_is_published() {
    let fixture = Fixture::new().await;
    assert!(!fixture.jwks.withdraw("key-1"));
    fixture.jwks.refresh().await.unwrap();
    let token = fixture.token().issued_at(fixture.an_hour_ago()).build();
    let verified = fixture.at_once(&token).unwrap();
    fixture.issuer.rotate();
    fixture.jwks.refresh().await.unwrap();

    assert!(!fixture.jwks.withdraw("unknown"));
    assert!(fixture.jwks.withdraw("key-1"));
    assert!(!verified.is_current());
    assert_eq!(fixture.jwks.status().keys(), 1);
    // As if the key were absent: the issuer may have another key with that ID.
    assert_eq!(
        refused(fixture.verify(&token).await),
        InvalidReason::UnknownKey
    );
    fixture.at_once(&fixture.token().build()).unwrap();

    // After an unchanged document, and after a changed one.
    for left in [1, 2] {
        fixture.jwks.refresh().await.unwrap();
        assert_eq!(
            refused(fixture.verify(&token).await),
            InvalidReason::UnknownKey
        );
        assert_eq!(fixture.jwks.status().keys(), left);
        fixture.issuer.rotate();
    }
    assert!(!verified.is_current());
}

#[tokio::test]
async fn the_status_describes_the_state_of_the_set() {
    let fixture = Fixture::new().await;
    let status = fixture.jwks.status();
    assert!(!status.is_usable());
    assert_eq!((status.keys(), status.skipped().count()), (0, 0));
    assert_eq!((status.age(), status.last_success()), (None, None));
    assert_eq!((status.last_error(), status.next_refresh()), (None, None));

    fixture.issuer.cache_control("max-age=1000");
    fixture.jwks.refresh().await.unwrap();
    let loaded_at = fixture.clock.now();
    fixture.advance(700);
    let status = fixture.jwks.status();
    assert!(status.is_usable());
    assert_eq!(status.keys(), 1);
    assert_eq!(status.age(), Some(Duration::from_secs(700)));
    assert_eq!(status.last_success(), Some(loaded_at));
    let next = status.next_refresh().unwrap();
    assert!((Duration::from_secs(19)..Duration::from_secs(181)).contains(&next));

    fixture.issuer.jwks_fault(Some(Fault::Reset));
    let error = fixture.jwks.refresh().await.unwrap_err().to_string();
    let status = fixture.jwks.status();
    assert!(error.contains(status.last_error().unwrap()), "{error}");
    assert_eq!(status.last_success(), Some(loaded_at));
    fixture.issuer.jwks_fault(None);
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(fixture.jwks.status().last_error(), None);
}

#[tokio::test]
async fn refreshes_at_the_same_time_share_a_fetch_that_began_after_them() {
    let fixture = Arc::new(Fixture::new().await);
    let slow = Duration::from_millis(50);
    fixture.issuer.jwks_fault(Some(Fault::Delay(slow)));
    let mut refreshes = JoinSet::new();
    for _ in 0..20 {
        let fixture = Arc::clone(&fixture);
        refreshes.spawn(async move { fixture.jwks.refresh().await.unwrap() });
    }
    refreshes.join_all().await;
    // One fetch for the first refresh, and one for all refreshes that began while it was in flight.
    assert_eq!(fixture.fetches(), 2);
    eventually(|| fixture.jwks.status().is_usable()).await;
}

#[tokio::test]
async fn a_verifier_returns_its_key_set() {
    let fixture = Fixture::new().await;
    let (issuer, url) = (fixture.issuer.issuer(), fixture.issuer.jwks_url());
    let builder = || JwtVerifier::builder().audience(super::AUDIENCE);
    for builder in [
        builder().issuer(&issuer).jwks(fixture.jwks.clone()),
        builder().issuer(&issuer).jwks_url(&url),
        builder().discover(&issuer),
        builder()
            .issuer(&issuer)
            .discover_from(format!("{issuer}/.well-known/openid-configuration")),
    ] {
        let verifier = builder.build().unwrap();
        let jwks = verifier.jwks().unwrap();
        jwks.ready().await.unwrap();
        assert_eq!(jwks.status().keys(), 1);
        let token = fixture.issuer.token().audience(super::AUDIENCE).build();
        assert!(jwks.withdraw("key-1"));
        super::verify(&verifier, &token).await.unwrap_err();
    }
    assert!(!fixture.jwks.status().is_usable(), "it is the very set");
    let local = builder()
        .issuer(&issuer)
        .key(fixture.issuer.key().verifying_key());
    assert!(local.build().unwrap().jwks().is_none());
}

/// An error with a cause that has a cause.
struct FailsForAReason;

impl KeySource for FailsForAReason {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, tower::BoxError> {
        let cause = std::io::Error::other("no route to host");
        let source = tower_bearer_auth::VerifyError::unavailable(cause);
        Err(Box::new(source))
    }
}

#[tokio::test]
async fn the_cause_of_an_outage_is_in_the_error_the_status_and_the_log() {
    let jwks = Jwks::builder(FailsForAReason).build().unwrap();
    let refreshed = jwks.refresh().await.unwrap_err().to_string();
    let ready = jwks.ready().await.unwrap_err().to_string();
    let status = jwks.status();
    for text in [&*refreshed, &ready, status.last_error().unwrap()] {
        assert!(text.ends_with("now: no route to host"), "{text}");
    }
}

#[test]
fn a_verifier_has_one_key_source_and_reports_all_its_problems() {
    let error = JwtVerifier::builder()
        .jwks_url("http://issuer.test/jwks")
        .discover("ftp://issuer.test")
        .build()
        .unwrap_err();
    // Two sources, two URLs, and no audience.
    assert_eq!(error.problems().count(), 4, "{error}");
}
