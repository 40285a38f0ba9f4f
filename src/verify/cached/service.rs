use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tower::util::ServiceExt;
use tower_service::Service;

use super::flight::Course;
use super::flights::{Flights, Joined};
use super::future::CachedFuture;
use super::store::{Store, fingerprint};
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::telemetry;
use crate::verify::Verifier;
use crate::verify_error::VerifyError;

/// A verifier with a cache; see the [module](crate::verify::cached). Clones share the cache.
#[derive(Clone)]
pub struct Cached<V> {
    verifier: V,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) flights: Arc<Flights>,
}

impl<V> Cached<V> {
    pub(super) fn new(verifier: V, shared: Shared) -> Self {
        Self {
            verifier,
            shared: Arc::new(shared),
        }
    }

    /// Counts of the cache lookups so far.
    pub fn stats(&self) -> CacheStats {
        let counts = &self.shared.store.counts;
        CacheStats {
            hits: counts.hits.load(Ordering::Relaxed),
            misses: counts.misses.load(Ordering::Relaxed),
            joined: counts.joined.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            entries: self.shared.store.len(),
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
        let digest = fingerprint(&token);
        let store = &self.shared.store;
        let joined = match store.get(&digest) {
            Some(outcome) => Joined::Known(outcome),
            None => {
                // Cloned here, since that is foreign code, which must not run under the lock of the flights.
                let verifier = self.verifier.clone();
                let verify = || -> Course {
                    let (token, shared) = (token.clone(), Arc::clone(&self.shared));
                    let since = store.now();
                    Box::pin(async move {
                        let verified = verifier.oneshot(token).await.map_err(Into::into);
                        let outcome = verified.map(AccessToken::into_verified);
                        shared.store.put(digest, &outcome, since);
                        outcome
                    })
                };
                let known = || store.get(&digest);
                self.shared.flights.join(digest, known, verify)
            }
        };
        let counts = &store.counts;
        let (count, result) = match &joined {
            Joined::Known(Ok(_)) => (&counts.hits, "hit"),
            Joined::Known(Err(_)) => (&counts.refused, "refused"),
            Joined::Own(_) => (&counts.misses, "miss"),
            Joined::Theirs(_) => (&counts.joined, "joined"),
        };
        count.fetch_add(1, Ordering::Relaxed);
        telemetry::count_lookup(result);
        match joined {
            Joined::Known(outcome) => CachedFuture::ready(outcome, token),
            Joined::Own(flight) | Joined::Theirs(flight) => CachedFuture::waiting(flight, token),
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
