//! New key material under an existing key ID, and forged signatures under that key ID.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};

use super::{AUDIENCE, Fixture, refused, unavailable};
use tower_bearer_auth::testing::{Fault, SigningKey, TokenBuilder};
use tower_bearer_auth::verify::cached::CacheLayer;
use tower_bearer_auth::{Algorithm, InvalidReason, JwtVerifier};

const DOWN: Fault = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);

impl Fixture {
    /// Replaces the only published key with another one that has the same key ID.
    fn replace_key(&self) -> SigningKey {
        let new = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
        self.issuer.publish(Some(SigningKey::jwk_set([&new])));
        new
    }

    fn forged(&self) -> TokenBuilder {
        self.token().tampered()
    }

    /// Asserts that the token is refused for its signature, after a fetch if one is needed.
    async fn refuses(&self, token: TokenBuilder) {
        let reason = refused(self.verify(&token.build()).await);
        assert_eq!(reason, InvalidReason::BadSignature);
    }

    /// Asserts that the token is refused for its signature without a fetch.
    fn refuses_at_once(&self, token: TokenBuilder) {
        let reason = refused(self.at_once(&token.build()));
        assert_eq!(reason, InvalidReason::BadSignature);
    }
}

#[tokio::test]
async fn the_first_token_of_a_replacement_key_causes_its_fetch() {
    let fixture = Arc::new(Fixture::loaded().await);
    let old = fixture.token().build();
    let new = fixture.replace_key();
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (fixture, token) = (Arc::clone(&fixture), fixture.signed_by(&new));
        requests.spawn(async move { fixture.accept(token).await });
    }
    requests.join_all().await;
    assert_eq!(fixture.fetches(), 2);
    // The old key is no longer published.
    let reason = refused(fixture.verify(&old).await);
    assert_eq!(reason, InvalidReason::BadSignature);
}

#[tokio::test]
async fn a_key_that_is_replaced_during_a_fetch_is_fetched_again() {
    let fixture = Fixture::loaded().await;
    fixture
        .issuer
        .jwks_fault(Some(Fault::Delay(Duration::from_millis(100))));
    // The background refresh is in flight, and its response has the old key.
    fixture.advance(800);
    fixture.at_once(&fixture.token().build()).unwrap();
    super::eventually(|| fixture.fetches() == 2).await;
    let new = fixture.replace_key();
    fixture.accept(fixture.signed_by(&new)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_tokens_cause_as_many_fetches_as_unknown_keys() {
    let fixture = Arc::new(Fixture::loaded().await);
    let good = fixture.token().build();
    fixture
        .issuer
        .jwks_fault(Some(Fault::Delay(Duration::from_millis(50))));
    for batch in 0..10 {
        let mut requests = JoinSet::new();
        for n in 0..500 {
            let subject = format!("{batch}-{n}");
            let (token, expected) = match n % 2 {
                0 => (
                    fixture.forged().subject(subject),
                    InvalidReason::BadSignature,
                ),
                _ => {
                    let older = fixture.token().issued_at(fixture.an_hour_ago());
                    (older.key_id(subject), InvalidReason::UnknownKey)
                }
            };
            let flooded = Arc::clone(&fixture);
            requests.spawn(async move {
                let reason = refused(flooded.verify(&token.build()).await);
                assert_eq!(reason, expected);
            });
            fixture.at_once(&good).unwrap();
        }
        requests.join_all().await;
    }
    assert_eq!(fixture.fetches(), 1 + 2);
    // Both kinds of token take from the same bucket.
    fixture.refuses_at_once(fixture.forged());
    fixture.advance(15);
    fixture.refuses(fixture.forged()).await;
    assert_eq!(fixture.fetches(), 1 + 3);
    assert_eq!(
        unavailable(fixture.at_once(&fixture.token().key_id("new").build())),
        15
    );
}

#[tokio::test]
async fn a_forged_token_is_refused_in_every_state_of_the_key_source() {
    let fixture = Fixture::loaded().await;
    // In turn: the fetch succeeds, it fails, the backoff has not elapsed, the bucket is empty.
    fixture.refuses(fixture.forged()).await;
    fixture.issuer.jwks_fault(Some(DOWN));
    fixture.refuses(fixture.forged()).await;
    fixture.refuses_at_once(fixture.forged());
    fixture.advance(1);
    fixture.refuses_at_once(fixture.forged());
    assert_eq!(fixture.fetches(), 1 + 2);
    // Stale keys.
    fixture.advance(1000);
    fixture.refuses(fixture.forged()).await;
    // A response that is not a JWK Set.
    fixture.advance(60);
    fixture.issuer.jwks_fault(Some(Fault::Body("{}".into())));
    fixture.refuses(fixture.forged()).await;
    // A token of an unknown key gets 503 instead.
    unavailable(fixture.verify(&fixture.token().key_id("new").build()).await);
}

#[tokio::test]
async fn a_forged_token_is_refused_when_the_keys_expire_during_its_fetch() {
    let fixture = Fixture::loaded().await;
    fixture.advance(24 * 3600 - 1);
    fixture.issuer.jwks_fault(Some(DOWN));
    fixture.refuses(fixture.forged()).await;
    fixture.advance(60);
    // Past the hard limit no key remains whose signature check could fail.
    unavailable(fixture.verify(&fixture.forged().build()).await);
}

#[tokio::test]
async fn a_forged_token_that_fails_another_check_causes_no_fetch() {
    let fixture = Fixture::loaded().await;
    let other = "https://other.test";
    for (token, reason) in [
        (fixture.forged().expired(), InvalidReason::BadSignature),
        (
            fixture.forged().audience(other),
            InvalidReason::BadSignature,
        ),
        (
            fixture.forged().without_claim("exp"),
            InvalidReason::BadSignature,
        ),
        (fixture.forged().issuer(other), InvalidReason::WrongIssuer),
    ] {
        assert_eq!(refused(fixture.at_once(&token.build())), reason);
    }
    assert_eq!(fixture.fetches(), 1);
}

/// A verifier that caches refusals, with the fixture's clock.
macro_rules! remembering {
    ($fixture:expr) => {
        CacheLayer::new(100)
            .clock($fixture.clock.clone())
            .remember_refusals(Duration::from_secs(600))
            .layer($fixture.verifier.clone())
    };
}

#[tokio::test]
async fn a_bad_signature_is_not_cached_before_the_keys_are_refetched() {
    let fixture = Fixture::loaded().await;
    let verifier = remembering!(fixture);
    let new = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    let token = fixture.signed_by(&new).build();
    let verify = || verifier.clone().oneshot(token.parse().unwrap());
    // In turn: the fetch fails, the backoff has not elapsed, the bucket is empty.
    fixture.issuer.jwks_fault(Some(DOWN));
    for seconds in [0, 0, 1, 1] {
        fixture.advance(seconds);
        assert_eq!(refused(verify().await), InvalidReason::BadSignature);
    }
    assert_eq!((fixture.fetches(), verifier.stats().refused), (1 + 2, 0));
    fixture.issuer.jwks_fault(None);
    fixture.issuer.publish(Some(SigningKey::jwk_set([&new])));
    fixture.jwks.refresh().await.unwrap();
    verify().await.unwrap();
}

#[tokio::test]
async fn a_bad_signature_is_cached_after_the_keys_are_refetched() {
    let fixture = Fixture::loaded().await;
    let verifier = remembering!(fixture);
    let token = fixture.forged().build();
    for _ in 0..3 {
        let answer = verifier.clone().oneshot(token.parse().unwrap()).await;
        assert_eq!(refused(answer), InvalidReason::BadSignature);
    }
    assert_eq!((fixture.fetches(), verifier.stats().refused), (1 + 1, 2));
}

#[tokio::test]
async fn a_token_of_a_replaced_key_that_is_not_yet_valid_is_not_cached_as_forged() {
    let fixture = Fixture::loaded().await;
    let verifier = remembering!(fixture);
    let new = fixture.replace_key();
    let from = fixture.clock.now() + Duration::from_secs(90);
    let token = fixture.signed_by(&new).not_before(from).build();
    let verify = || verifier.clone().oneshot(token.parse().unwrap());
    assert_eq!(refused(verify().await), InvalidReason::NotYetValid);
    assert_eq!(fixture.fetches(), 1);
    fixture.advance(90);
    verify().await.unwrap();
}

/// A token with a signature of `length` octets, the length that an RSA key of that size produces.
fn short_signature(fixture: &Fixture, algorithm: &str, length: usize) -> String {
    let token = fixture
        .token()
        .key_id("weak")
        .header("alg", algorithm)
        .build();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.encode(vec![0x5a; length]);
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn the_weak_key_behind_a_short_signature_is_fetched_and_never_used() {
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        for (length, is_fetched) in [
            (0, false),
            (63, false),
            (64, true),
            (128, true),
            (255, true),
            (256, true),
            (1024, true),
        ] {
            let fixture = Fixture::loaded().await;
            let weak = URL_SAFE_NO_PAD.encode(vec![0xa5; length.max(1)]);
            let weak = json!({"kty": "RSA", "kid": "weak", "n": weak, "e": "AQAB"});
            let good = fixture.issuer.key().jwk();
            fixture.issuer.publish(Some(json!({"keys": [weak, good]})));
            let token = short_signature(&fixture, algorithm, length);
            let reason = refused(fixture.verify(&token).await);
            let case = format!("{algorithm}, {length} octets: {reason:?}");
            assert_eq!(fixture.fetches(), 1 + usize::from(is_fetched), "{case}");
            let unknown = is_fetched && length < 256;
            assert!(!unknown || reason == InvalidReason::UnknownKey, "{case}");
        }
    }
}

#[tokio::test]
async fn a_set_with_only_a_weak_key_is_not_an_outage_for_its_tokens() {
    let fixture = Fixture::new().await;
    let weak = URL_SAFE_NO_PAD.encode([0xa5; 128]);
    let weak = json!({"kty": "RSA", "kid": "weak", "n": weak, "e": "AQAB"});
    fixture.issuer.publish(Some(json!({"keys": [weak]})));
    let token = short_signature(&fixture, "RS256", 128);
    for _ in 0..2 {
        let reason = refused(fixture.verify(&token).await);
        assert_eq!(reason, InvalidReason::BadSignature);
    }
    let status = fixture.jwks.status();
    let problem = status.last_error().unwrap();
    assert!(problem.contains("\"weak\": weak_rsa"), "{problem}");
}

#[tokio::test]
async fn the_verifier_limits_how_many_keys_are_tried() {
    let keys: Vec<_> = (0..66)
        .map(|n| SigningKey::generate(Algorithm::EdDSA).with_key_id(n.to_string()))
        .collect();
    let fixture = Fixture::new().await;
    fixture.issuer.publish(Some(SigningKey::jwk_set(&keys)));
    fixture.jwks.refresh().await.unwrap();
    for attempts in [1, 4, 5, 64] {
        let verifier = JwtVerifier::builder()
            .jwks(fixture.jwks.clone())
            .issuer(fixture.issuer.issuer())
            .audience(AUDIENCE)
            .clock(fixture.clock.clone())
            .key_attempts(attempts)
            .build()
            .unwrap();
        for (position, key) in keys.iter().enumerate() {
            let token = fixture.signed_by(key).without_header("kid");
            let token = token.issued_at(fixture.an_hour_ago()).build();
            let is_good = super::verify(&verifier, &token).await.is_ok();
            assert_eq!(is_good, position < attempts, "{position} of {attempts}");
        }
    }
}
