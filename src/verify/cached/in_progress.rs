//! Single flight: requests with the same token share one verification.
//!
//! # Protocol
//!
//! [`InProgress`] maps a token's fingerprint to the verification that is in progress, without keeping it alive: only the
//! requests that wait do. A request that finds no entry looks into the cache once more, under the lock. The verification
//! stores its outcome before it removes its entry, so one of the two is there, and no token is verified twice in a row.
//!
//! The entry is removed by [`RemoveEntry`], which the verification's future owns: when it has ended, when it panics, and
//! when the last request drops it. An entry may be replaced before that, by a request that comes between the drop of the
//! last handle and the drop of the future. So a removal compares the identity of the entry.
//!
//! The lock is held while the cache is read and never while foreign code runs. Wakers and the verifier are called
//! without it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError};

use super::fingerprint::Fingerprint;
use super::shared_verification::{SharedVerification, VerificationFuture, WeakVerification};
use super::store::Outcome;
use super::sync::Mutex;

/// The verifications in progress.
#[derive(Default)]
pub(super) struct InProgress {
    by_token: Mutex<HashMap<Fingerprint, Listed>>,
}

struct Listed {
    verification: WeakVerification,
    /// Tells this entry from an earlier or later one of the same token.
    identity: Arc<()>,
}

/// How a request gets the outcome for its token.
pub(super) enum Joined {
    /// From a verification that another request started.
    Existing(SharedVerification),
    /// From a verification that this request started.
    Started(SharedVerification),
    /// From the cache.
    Cached(Outcome),
}

impl InProgress {
    /// Joins the verification of a token that is in progress. If there is none, returns the outcome that `cached` finds,
    /// or else starts a verification.
    pub(super) fn join(
        self: &Arc<Self>,
        token: Fingerprint,
        cached: impl FnOnce() -> Option<Outcome>,
        verify: impl FnOnce() -> VerificationFuture,
    ) -> Joined {
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = by_token.entry(token);
        if let Entry::Occupied(entry) = &entry
            && let Some(verification) = entry.get().verification.upgrade()
        {
            return Joined::Existing(verification);
        }
        // A verification that ended since this request's first lookup has stored its outcome.
        if let Some(outcome) = cached() {
            return Joined::Cached(outcome);
        }
        let verify = verify();
        let identity = Arc::default();
        let remove_entry = RemoveEntry {
            in_progress: Arc::clone(self),
            token,
            identity: Arc::clone(&identity),
        };
        let verification = SharedVerification::new(Box::pin(async move {
            let outcome = verify.await;
            drop(remove_entry);
            outcome
        }));
        entry.insert_entry(Listed {
            verification: verification.downgrade(),
            identity,
        });
        Joined::Started(verification)
    }
}

/// Removes the entry of a verification when it is dropped. A `Drop`, since a verification also ends by a panic, or with
/// its last request.
struct RemoveEntry {
    in_progress: Arc<InProgress>,
    token: Fingerprint,
    identity: Arc<()>,
}

impl Drop for RemoveEntry {
    fn drop(&mut self) {
        let by_token = self.in_progress.by_token.lock();
        let mut by_token = by_token.unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(entry) = by_token.entry(self.token)
            && Arc::ptr_eq(&entry.get().identity, &self.identity)
        {
            entry.remove();
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests;
