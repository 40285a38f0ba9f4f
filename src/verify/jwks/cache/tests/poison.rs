//! A key set works after a thread has panicked while it held the lock.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use tower::{BoxError, ServiceExt};

use crate::clock::Clock;
use crate::testing::SigningKey;
use crate::verify::jwks::{Fetched, Jwks, KeyDocument, KeySource, Validators};
use crate::verify::jwt::JwtVerifier;
use crate::verify::keys::Algorithm;

struct Same(KeyDocument);

impl KeySource for Same {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, BoxError> {
        Ok(Fetched::Document(self.0.clone()))
    }
}

#[tokio::test]
async fn keys_are_refreshed_ahead_of_time_also_after_a_panic_with_the_lock() {
    let key = SigningKey::generate(Algorithm::ES256).with_key_id("key");
    let document = KeyDocument::from_json(SigningKey::jwk_set([&key]).to_string().as_bytes());
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let jwks = Jwks::builder(Same(document.unwrap())).clock(clock.clone());
    let jwks = jwks.build().unwrap();
    jwks.refresh().await.unwrap();

    let inner = Arc::clone(&jwks.cache);
    let poisons = thread::spawn(move || {
        let _held = inner.control.lock();
        // Unwinds like a panic, but does not call the panic hook, which would print a message.
        std::panic::resume_unwind(Box::new("with the lock"));
    });
    poisons.join().unwrap_err();
    assert!(jwks.cache.control.is_poisoned());

    let (issuer, audience) = ("https://issuer.test", "https://api.test");
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(issuer)
        .audience(audience)
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = key.token().clock(clock.clone());
    let token = token.issuer(issuer).audience(audience).build();
    for fetches in 2..5 {
        // The keys are due for a refresh but not stale: the token is accepted, and starts a refresh.
        clock.advance(Duration::from_secs(14 * 60));
        let bearer = token.parse().unwrap();
        verifier.clone().oneshot(bearer).await.unwrap();
        jwks.refresh().await.unwrap();
        // Two fetches: one that the token began, and one for `refresh`, which does not accept the result of a fetch
        // that began before the call.
        assert_eq!(jwks.cache.control().ticket, 1 + 2 * (fetches - 1));
    }
}
