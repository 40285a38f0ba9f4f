use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tower::util::ServiceExt;
use tower_service::Service;

use super::future::CachedFuture;
use super::in_progress::{InProgress, Joined};
use super::shared_verification::VerificationFuture;
use super::store::Store;
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::telemetry;
use crate::verify::Verifier;
use crate::verify_error::VerifyError;

/// A verifier with a cache; see the [module](crate::verify::cached). Clones share the cache.
pub struct Cached<V> {
    // The verifier too is in it, so that a clone touches one reference count.
    inner: Arc<Inner<V>>,
}

struct Inner<V> {
    verifier: V,
    store: Store,
    in_progress: Arc<InProgress>,
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<V> Cached<V> {
    pub(super) fn new(verifier: V, store: Store) -> Self {
        let inner = Inner {
            verifier,
            store,
            in_progress: Arc::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Counts of the cache lookups so far.
    pub fn stats(&self) -> CacheStats {
        let counts = &self.inner.store.counts;
        CacheStats {
            hits: counts.hits.load(Ordering::Relaxed),
            misses: counts.misses.load(Ordering::Relaxed),
            joined: counts.joined.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            entries: self.inner.store.len(),
        }
    }
}

/// Counts of the cache lookups of a [`Cached`] verifier. Each lookup counts as one of the first four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Accepted from the cache.
    pub hits: u64,
    /// Not cached, so a verification was started.
    pub misses: u64,
    /// Joined a verification of the same token that was in progress.
    pub joined: u64,
    /// Refused from the cache.
    pub refused: u64,
    /// The current number of entries, including stale ones that have not been removed yet.
    pub entries: usize,
}

impl<V: Verifier> Service<BearerToken> for Cached<V> {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = CachedFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> CachedFuture {
        let store = &self.inner.store;
        let fingerprint = store.fingerprint(&token);
        let joined = match store.get(&fingerprint) {
            Some(outcome) => Joined::Cached(outcome),
            None => {
                // Cloned outside of `join`, whose lock must not be held while foreign code runs.
                let verifier = self.inner.verifier.clone();
                let verify = || -> VerificationFuture {
                    let (token, inner) = (token.clone(), Arc::clone(&self.inner));
                    let since = store.now();
                    Box::pin(async move {
                        let possession_mark = token.possession_mark().cloned();
                        let verified = verifier.oneshot(token).await.map_err(Into::into);
                        let outcome = verified.and_then(|token| {
                            // The cache does not store the mark, so a token that has lost its key must not be cached.
                            if let Some(mark) = &possession_mark {
                                token
                                    .check_still_bound(mark)
                                    .map_err(VerifyError::invalid)?;
                            }
                            Ok(token.into_verified())
                        });
                        inner.store.put(fingerprint, &outcome, since);
                        outcome
                    })
                };
                let cached = || store.get(&fingerprint);
                self.inner.in_progress.join(fingerprint, cached, verify)
            }
        };
        let counts = &store.counts;
        let (count, result) = match &joined {
            Joined::Cached(Ok(_)) => (&counts.hits, "hit"),
            Joined::Cached(Err(_)) => (&counts.refused, "refused"),
            Joined::Started(_) => (&counts.misses, "miss"),
            Joined::Existing(_) => (&counts.joined, "joined"),
        };
        count.fetch_add(1, Ordering::Relaxed);
        telemetry::count_lookup(result);
        match joined {
            Joined::Cached(outcome) => CachedFuture::ready(outcome, token),
            Joined::Started(verification) | Joined::Existing(verification) => {
                CachedFuture::waiting(verification, token)
            }
        }
    }
}

impl<V> fmt::Debug for Cached<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
