//! The order of the steps within a refresh, as concurrent requests can observe it.

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower::{BoxError, ServiceExt};

use crate::access_token::AccessToken;
use crate::testing::SigningKey;
use crate::verify::jwks::{Fetched, Jwks, KeyDocument, KeySource, Validators};
use crate::verify::jwt::JwtVerifier;
use crate::verify::keys::Algorithm;

/// A key source that returns each of two keys once: the first fetch gets the first key.
struct InTurn {
    keys: [SigningKey; 2],
    fetches: AtomicUsize,
}

impl KeySource for InTurn {
    fn fetch(
        &self,
        _: Option<&Validators>,
    ) -> impl Future<Output = Result<Fetched, BoxError>> + Send {
        let key = &self.keys[self.fetches.fetch_add(1, Ordering::Relaxed)];
        let set = SigningKey::jwk_set([key]).to_string();
        let document = KeyDocument::from_json(set.as_bytes());
        ready(document.map(Fetched::Document).map_err(Into::into))
    }
}

thread_local! {
    static WATCHED: RefCell<Option<(AccessToken, Jwks)>> = const { RefCell::new(None) };
    /// Whether the token was current, and the generation of the visible keys.
    static SEEN: Cell<Option<(bool, u64)>> = const { Cell::new(None) };
}

/// The cache calls the jitter function after it has read the new keys and before it publishes them. This one records
/// what a concurrent request would see at that time.
fn look() -> f64 {
    WATCHED.with_borrow(|watched| {
        let seen = watched.as_ref();
        SEEN.set(seen.map(|(token, jwks)| (token.is_current(), jwks.cache.generation())));
    });
    0.0
}

/// In the opposite order, a request could see the new keys while a token of the removed key is still current.
#[tokio::test]
async fn tokens_of_a_removed_key_become_invalid_before_the_new_keys_are_visible() {
    let keys = ["old", "new"].map(|id| SigningKey::generate(Algorithm::ES256).with_key_id(id));
    let (issuer, audience) = ("https://issuer.test", "https://api.test");
    let token = keys[0].token().issuer(issuer).audience(audience).build();
    let source = InTurn {
        keys,
        fetches: AtomicUsize::default(),
    };
    let mut jwks = Jwks::builder(source).build().unwrap();
    Arc::get_mut(&mut jwks.cache).unwrap().jitter = look;
    let verifier = JwtVerifier::builder()
        .jwks(jwks.clone())
        .issuer(issuer)
        .audience(audience)
        .build()
        .unwrap();
    let token = verifier.oneshot(token.parse().unwrap()).await.unwrap();
    WATCHED.set(Some((token.clone(), jwks.clone())));
    jwks.refresh().await.unwrap();
    assert_eq!(SEEN.get(), Some((false, 1)));
    assert_eq!((token.is_current(), jwks.cache.generation()), (false, 2));
}
