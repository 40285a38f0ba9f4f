//! Verifiers that return a token some time after it was verified. The layer refuses a token that has expired meanwhile.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::yield_now;
use tower::ServiceExt;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, ByIssuer, Clock, ErasedVerifier, JwtVerifier,
    VerifierExt, verify_fn,
};
use tower_layer::Layer;

use crate::support::{Inner, get_with, serve};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const LIFETIME: Duration = Duration::from_secs(60);
const EXPIRED: &str = "The access token expired";

/// A verifier, its clock, and a token that it accepts for a while.
struct Scene {
    clock: Clock,
    jwts: JwtVerifier,
    token: String,
}

impl Scene {
    fn new() -> Self {
        let start: SystemTime = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = Clock::manual(start);
        let key = SigningKey::generate(Algorithm::EdDSA);
        let jwts = JwtVerifier::builder()
            .key(key.verifying_key())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .leeway(Duration::ZERO)
            .clock(clock.clone())
            .build()
            .unwrap();
        let token = key.token().issuer(ISSUER).audience(AUDIENCE);
        let token = token.expires_at(start + LIFETIME).build();
        Self { clock, jwts, token }
    }

    /// The verifiers of this crate that answer at once for a token that they know or verify.
    fn verifiers(&self) -> [ErasedVerifier; 4] {
        let jwts = &self.jwts;
        [
            jwts.clone().erased(),
            jwts.clone().cached(10).erased(),
            ByIssuer::new().issuer(ISSUER, jwts.clone()).erased(),
            jwts.clone().or_else(jwts.clone()).erased(),
        ]
    }
}

#[tokio::test]
async fn a_verifier_may_keep_its_tokens() {
    for kind in 0..4 {
        let scene = Scene::new();
        let verifier = scene.verifiers()[kind].clone();
        let kept = Arc::new(Mutex::new(None::<AccessToken>));
        let keeping = verify_fn(move |token| {
            let (verifier, kept) = (verifier.clone(), Arc::clone(&kept));
            async move {
                if let Some(token) = &*kept.lock().unwrap() {
                    return Ok(token.clone());
                }
                let token = verifier.oneshot(token).await?;
                *kept.lock().unwrap() = Some(token.clone());
                Ok(token)
            }
        });
        let address = serve(BearerAuthLayer::new(keeping).layer(Inner::default())).await;
        get_with(address, &scene.token).await.assert_passed();
        scene.clock.advance(LIFETIME - Duration::from_secs(1));
        get_with(address, &scene.token).await.assert_passed();
        scene.clock.advance(Duration::from_secs(1));
        let answer = get_with(address, &scene.token).await;
        answer.assert_invalid_token(EXPIRED);
    }
}

#[tokio::test]
async fn a_verifier_may_take_its_time() {
    for kind in 0..4 {
        let scene = Scene::new();
        let verifier = scene.verifiers()[kind].clone();
        // So that the cache answers at once.
        let token = scene.token.parse().unwrap();
        verifier.clone().oneshot(token).await.unwrap();
        let clock = scene.clock.clone();
        let slow = verify_fn(move |token| {
            let (verifier, clock) = (verifier.clone(), clock.clone());
            async move {
                let token: AccessToken = verifier.oneshot(token).await?;
                clock.advance(LIFETIME);
                yield_now().await;
                Ok(token)
            }
        });
        let inner = Inner::default();
        let address = serve(BearerAuthLayer::new(slow).layer(inner.clone())).await;
        let answer = get_with(address, &scene.token).await;
        answer.assert_invalid_token(EXPIRED);
        assert_eq!(inner.calls(), 0);
    }
}

#[tokio::test]
async fn a_verifier_may_return_the_very_token_of_an_earlier_call() {
    for kind in 0..4 {
        let scene = Scene::new();
        let verifier = scene.verifiers()[kind].clone();
        // It verifies ahead, and hands out without a copy what it has.
        let ahead = Arc::new(Mutex::new(None::<AccessToken>));
        let ahead_of_time = verify_fn(move |token| {
            let (verifier, ahead) = (verifier.clone(), Arc::clone(&ahead));
            async move {
                if let Some(token) = ahead.lock().unwrap().take() {
                    return Ok(token);
                }
                let first = verifier.clone().oneshot(token.clone()).await?;
                let second = verifier.oneshot(token).await?;
                *ahead.lock().unwrap() = Some(second);
                Ok(first)
            }
        });
        let inner = Inner::default();
        let address = serve(BearerAuthLayer::new(ahead_of_time).layer(inner.clone())).await;
        get_with(address, &scene.token).await.assert_passed();
        scene.clock.advance(LIFETIME);
        let answer = get_with(address, &scene.token).await;
        answer.assert_invalid_token(EXPIRED);
        assert_eq!(inner.calls(), 1, "{kind}");
    }
}
