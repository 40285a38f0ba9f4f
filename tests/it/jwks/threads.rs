//! Real threads that verify tokens while keys rotate. These tests check that each thread sees consistent keys. The
//! model in `src/verify/jwks/cache/tests/` checks the states during a rotation.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tower::{BoxError, ServiceExt};
use tower_bearer_auth::jwks::{Fetched, Jwks, KeyDocument, KeySource, Validators};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, Algorithm, Cached, JwtVerifier, Verifier, VerifierExt, VerifyError,
};

use super::AUDIENCE;

const ISSUER: &str = "https://issuer.test";
const ROTATIONS: usize = 300;
const READERS: usize = 4;

/// A source with the document that is published at the moment.
#[derive(Clone)]
struct Published(Arc<Mutex<KeyDocument>>);

impl KeySource for Published {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, BoxError> {
        let document = self.0.lock().unwrap().clone();
        // Lets other tasks run between the read of the document and the end of the fetch.
        tokio::task::yield_now().await;
        Ok(Fetched::Document(document))
    }
}

fn key(name: &str) -> SigningKey {
    SigningKey::generate(Algorithm::EdDSA).with_key_id(name)
}

fn document(keys: [&SigningKey; 2]) -> KeyDocument {
    KeyDocument::from_json(SigningKey::jwk_set(keys).to_string().as_bytes()).unwrap()
}

fn token(key: &SigningKey) -> String {
    let token = key.token().issuer(ISSUER).audience(AUDIENCE);
    token.build()
}

/// A token of a key that is always published, and tokens of two keys of which one is published at a time.
struct Tokens {
    lasting: String,
    changing: [String; 2],
}

/// The published set: `2 * n` while set `n % 2` is published and fetched, and odd during a rotation.
#[derive(Default)]
struct Phase(AtomicUsize);

async fn ask(verifier: &impl Verifier, token: &str) -> Result<AccessToken, VerifyError> {
    let token = token.parse().unwrap();
    verifier.clone().oneshot(token).await.map_err(Into::into)
}

/// Verifies every token. If no rotation occurred meanwhile, asserts that the results match the published set.
async fn look<V: Verifier>(
    phase: &Phase,
    tokens: &Tokens,
    verifier: &JwtVerifier,
    cached: &Cached<V>,
) {
    let before = phase.0.load(Ordering::SeqCst);
    let lasting = ask(verifier, &tokens.lasting).await;
    assert!(lasting.is_ok_and(|token| token.is_current()));
    assert!(ask(cached, &tokens.lasting).await.is_ok());
    for (number, token) in tokens.changing.iter().enumerate() {
        let direct = ask(verifier, token).await;
        let first = ask(cached, token).await;
        let second = ask(cached, token).await;
        let [direct, first, second] =
            [direct, first, second].map(|seen| seen.ok().map(|token| token.is_current()));
        if before.is_multiple_of(2) && phase.0.load(Ordering::SeqCst) == before {
            let expected = (before / 2 % 2 == number).then_some(true);
            assert_eq!(direct, expected, "key {number} in phase {before}");
            assert_eq!(second, expected, "key {number} in phase {before}, cached");
            // The request may have joined a verification from before the rotation. That may refuse the token, but
            // must not accept it.
            assert!(
                first.is_none() || first == expected,
                "key {number} in phase {before}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_thread_sees_one_set_of_keys_and_the_new_one_once_it_is_there() {
    let (lasting, changing) = (key("lasting"), [key("first"), key("second")]);
    let sets = changing.each_ref().map(|key| document([&lasting, key]));
    let published = Published(Arc::new(Mutex::new(sets[0].clone())));
    let jwks = Jwks::builder(published.clone()).build().unwrap();
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let cached = verifier.clone().cached(100);
    let tokens = Arc::new(Tokens {
        lasting: token(&lasting),
        changing: changing.each_ref().map(token),
    });
    jwks.refresh().await.unwrap();

    let (phase, over) = (Arc::new(Phase::default()), Arc::new(AtomicBool::default()));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (phase, over, tokens) = (phase.clone(), over.clone(), tokens.clone());
            let (verifier, cached) = (verifier.clone(), cached.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    look(&phase, &tokens, &verifier, &cached).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for rotation in 1..=ROTATIONS {
        let old = ask(&verifier, &tokens.changing[(rotation - 1) % 2]).await;
        phase.0.store(2 * rotation - 1, Ordering::SeqCst);
        *published.0.lock().unwrap() = sets[rotation % 2].clone();
        jwks.refresh().await.unwrap();
        phase.0.store(2 * rotation, Ordering::SeqCst);
        // A verified token of the removed key is no longer current.
        assert!(!old.unwrap().is_current());
        look(&phase, &tokens, &verifier, &cached).await;
    }
    over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}
