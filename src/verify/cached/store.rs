//! The cached results, and whether each may still be served.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use foldhash::quality::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::fingerprint::{Fingerprint, Fingerprints};
use crate::access_token::Verified;
use crate::clock::Clock;
use crate::credentials::BearerToken;
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// The result of a verification.
pub(super) type Outcome = Result<Arc<Verified>, VerifyError>;

/// The bounded cache.
pub(super) struct Store {
    fingerprints: Fingerprints,
    good: Table<Good>,
    /// A separate table, so that made-up tokens cannot evict valid ones.
    refused: Option<Table<Refused>>,
    max_age: Duration,
    refused_for: Duration,
    clock: Clock,
    pub(super) counts: Counts,
}

type Table<T> = Cache<Fingerprint, T, UnitWeighter, RandomState>;

/// A table with a random seed of its own.
fn table<T: Clone>(capacity: usize) -> Table<T> {
    let seed = RandomState::default();
    let lifecycle = DefaultLifecycle::default();
    Cache::with(capacity, capacity as u64, UnitWeighter, seed, lifecycle)
}

#[derive(Clone)]
struct Good {
    verified: Arc<Verified>,
    since: Duration,
}

#[derive(Clone)]
struct Refused {
    error: VerifyError,
    since: Duration,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) joined: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Store {
    pub(super) fn new(
        capacity: usize,
        max_age: Duration,
        refused_for: Option<Duration>,
        clock: Clock,
    ) -> Self {
        Self {
            fingerprints: Fingerprints::random(),
            good: table(capacity),
            refused: refused_for.map(|_| table(capacity)),
            max_age,
            refused_for: refused_for.unwrap_or_default(),
            clock,
            counts: Counts::default(),
        }
    }

    pub(super) fn fingerprint(&self, token: &BearerToken) -> Fingerprint {
        self.fingerprints.of(token)
    }

    /// The cached result for a token, if it may still be served.
    pub(super) fn get(&self, token: &Fingerprint) -> Option<Outcome> {
        let now = self.clock.monotonic();
        if let Some(good) = self.good.get(token) {
            if now.saturating_sub(good.since) < self.max_age && good.verified.is_servable() {
                return Some(Ok(good.verified));
            }
            // This may remove a newer result, which costs one more verification.
            self.good.remove(token);
            return None;
        }
        let refused = self.refused.as_ref()?.get(token)?;
        let is_fresh = now.saturating_sub(refused.since) < self.refused_for;
        is_fresh.then_some(Err(refused.error))
    }

    /// Stores the result of a verification that began at `since`.
    pub(super) fn put(&self, token: Fingerprint, outcome: &Outcome, since: Duration) {
        match outcome {
            Ok(verified) => {
                let verified = Arc::clone(verified);
                self.good.insert(token, Good { verified, since });
            }
            Err(error) => {
                if let Some(refused) = self.refused.as_ref().filter(|_| is_lasting(error)) {
                    let error = error.clone();
                    refused.insert(token, Refused { error, since });
                }
            }
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn len(&self) -> usize {
        self.good.len() + self.refused.as_ref().map_or(0, Table::len)
    }
}

/// Whether a token will most likely be refused again. An unknown key may still be published, and a token that is not
/// valid yet will become valid.
fn is_lasting(error: &VerifyError) -> bool {
    if error.is_provisional() {
        return false;
    }
    match error.kind() {
        VerifyErrorKind::Invalid(InvalidReason::UnknownKey | InvalidReason::NotYetValid) => false,
        VerifyErrorKind::Invalid(_) => true,
        VerifyErrorKind::InsufficientScope(_)
        | VerifyErrorKind::InsufficientAuthentication(_)
        | VerifyErrorKind::InvalidProof(_)
        | VerifyErrorKind::NonceRequired(_)
        | VerifyErrorKind::Unavailable => false,
    }
}
