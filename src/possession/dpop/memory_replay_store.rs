//! The replay store in the memory of one process.
//!
//! # Protocol
//!
//! A proof is for one token (`ath`), so each use of it has the same client. A hash of the client with a secret key
//! selects the shard. So one lock suffices to look up a proof, to count the proofs of its client and to record it. Of
//! two calls with the same proof, the second finds the record of the first.
//!
//! The number of all proofs is an atomic. A call reserves its place before it records the proof, so the number is never
//! above the capacity.
//!
//! A proof is removed at the end of the second in which its time ends. Each call removes a few ended proofs of its own
//! shard, and of one other shard in turn. So no call removes the proofs of a whole minute. Before a call returns that a
//! proof was used or that a bound is reached, it removes all ended proofs of its shard; if the whole store is full,
//! those of all shards. A call holds at most one lock at a time, and none while it calls a subscriber or a metrics
//! recorder.

mod limits;
mod shard;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tower::BoxError;

use self::limits::{Full, Limits};
use self::shard::{Record, Second, Shard, ShortId, Tag};
use super::replay_store::{ProofId, ReplayStore};
use crate::clock::Clock;
use crate::telemetry::{self, POSSESSION};

/// Remembers used proofs in the memory of this process. This is the default of a [`Dpop`](super::Dpop).
///
/// It keeps each proof as long as the proof could be used again, so its memory needs bounds. A request whose proof does
/// not fit is answered 503.
///
/// | bound | default | a request beyond it |
/// |---|---|---|
/// | all proofs: [`new`](Self::new) | 1 000 000 | is answered 503 |
/// | of one client, that is, one [principal](crate::AccessToken::principal): [`max_per_client`](Self::max_per_client) | an eighth of them, 125 000 | is answered 503; requests of other clients are not |
/// | of one key of a client: [`max_per_key`](Self::max_per_key) | a tenth of them, 100 000 | the same; requests of the client's other keys are not |
///
/// A proof is remembered until it is too old: for about the [window](super::Dpop::window) of 60 seconds, and for up to
/// twice that if the client's clock is ahead. With the default bounds, a client whose clock is right can send 1 000
/// requests per second with one key, and all clients together 15 000. A proof takes 40 to 120 bytes (180 in a store with
/// less than 20 000), so a full store takes up to 120 MB. Memory is allocated on demand and freed after a peak.
///
/// When the store becomes 80 % full, it emits a [`WARN`](crate::telemetry#other-events). If you see it, rate-limit the
/// clients, shorten the window, or enlarge the store:
///
/// ```
/// use tower_bearer_auth::possession::{Dpop, MemoryReplayStore};
///
/// let used = MemoryReplayStore::new(5_000_000).max_per_client(200_000);
/// let dpop = Dpop::new().replay_store(used.clone());
/// // For your health page.
/// assert_eq!(used.len(), 0);
/// # let _ = dpop;
/// ```
///
/// Clones share the memory. Processes do not: replicas of a server need a [`ReplayStore`] that they share. After a
/// restart, a proof that was used before it can be used once more, unless it is too old or has a
/// [nonce](super::DpopNonces) of another secret.
#[derive(Clone)]
pub struct MemoryReplayStore {
    memory: Arc<Memory>,
}

struct Memory {
    limits: Limits,
    clock: Clock,
    /// The number of proofs, including those that have ended and are not removed yet.
    total: AtomicUsize,
    has_warned: AtomicBool,
    next_shard: AtomicUsize,
    /// Allocated for the first proof.
    shards: OnceLock<Shards>,
}

/// Whether a shard has room for a proof.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    /// The proof is new, and its client and its key have room for it.
    Free,
    Used,
    Full(Full),
}

struct Shards {
    shards: Box<[Mutex<Shard>]>,
    hash: RandomState,
}

const DEFAULT_CAPACITY: usize = 1_000_000;

/// So many that the threads of a large machine rarely wait for each other.
const SHARDS: usize = 64;

/// How many ended proofs a call removes from a shard. A call adds one proof at most, so they do not pile up.
const REMOVED_PER_CALL: usize = 32;

impl MemoryReplayStore {
    /// Creates a store for up to `capacity` proofs. The [default](Self::default) is 1 000 000.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "the capacity of a replay store must not be zero"
        );
        let limits = Limits {
            capacity,
            per_client: None,
            per_key: None,
        };
        Self::with(limits, Clock::system())
    }

    /// Sets the maximum number of proofs of one client, that is, of one [principal](crate::AccessToken::principal), or
    /// of one key if the token has no principal. Default: an eighth of the capacity, rounded up.
    ///
    /// The store is empty afterwards: earlier clones have a memory of their own.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_per_client(self, proofs: usize) -> Self {
        assert!(proofs > 0, "a client needs room for one proof or more");
        let limits = Limits {
            per_client: Some(proofs),
            ..self.memory.limits
        };
        Self::with(limits, self.memory.clock.clone())
    }

    /// Sets the maximum number of proofs of one key of a client, so that one machine of a client leaves room for its
    /// others. Default: a tenth of the capacity, rounded up.
    ///
    /// The store is empty afterwards: earlier clones have a memory of their own.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_per_key(self, proofs: usize) -> Self {
        assert!(proofs > 0, "a key needs room for one proof or more");
        let limits = Limits {
            per_key: Some(proofs),
            ..self.memory.limits
        };
        Self::with(limits, self.memory.clock.clone())
    }

    /// Sets the clock that measures how long a proof is remembered. Default: a monotonic one, so changes of the
    /// system's time do not shorten it.
    ///
    /// The store is empty afterwards: earlier clones have a memory of their own.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self::with(self.memory.limits, clock)
    }

    fn with(limits: Limits, clock: Clock) -> Self {
        Self {
            memory: Arc::new(Memory {
                limits,
                clock,
                total: AtomicUsize::new(0),
                has_warned: AtomicBool::new(false),
                next_shard: AtomicUsize::new(0),
                shards: OnceLock::new(),
            }),
        }
    }

    /// The number of proofs that the store remembers. The call first removes the proofs that have ended. For a million
    /// of them, this takes a fraction of a second. It locks one part of the store after the other, never the whole
    /// store.
    pub fn len(&self) -> usize {
        self.memory.remove_all_ended();
        self.memory.total.load(Ordering::Relaxed)
    }

    /// Whether the store remembers no proof.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Like [`ReplayStore::first_use`], without a future.
    pub(super) fn first_use_now(&self, proof: &ProofId, keep: Duration) -> Result<bool, BoxError> {
        Ok(self.memory.first_use(proof, keep)?)
    }
}

impl Memory {
    fn first_use(&self, proof: &ProofId, keep: Duration) -> Result<bool, Full> {
        let shards = self.shards.get_or_init(Shards::new);
        let record = shards.record(proof);
        self.remove_some_ended(shards);
        match self.try_insert(shards, record, keep) {
            Err(Full::All(_)) => {
                self.remove_all_ended();
                self.try_insert(shards, record, keep)
            }
            inserted => inserted,
        }
    }

    fn try_insert(&self, shards: &Shards, record: Record, keep: Duration) -> Result<bool, Full> {
        let mut shard = shards.lock(shards.of_client(record.client));
        // Read under the lock, so that it is not before the time of an earlier call.
        let now = self.clock.monotonic();
        let mut removed = self.remove_ended(&mut shard, now, REMOVED_PER_CALL);
        let mut room = self.look_up(&shard, &record);
        if room != Room::Free {
            removed += self.remove_ended(&mut shard, now, usize::MAX);
            room = self.look_up(&shard, &record);
        }
        let total = match room {
            Room::Free => self.reserve().map(Some),
            Room::Used => Ok(None),
            Room::Full(full) => Err(full),
        };
        if let Ok(Some(_)) = total {
            shard.insert(record, end(now, keep));
        }
        drop(shard);

        show_removed(removed);
        let Some(total) = total? else {
            return Ok(false);
        };
        telemetry::add_replay_proofs(1);
        self.warn_if_nearly_full(total);
        Ok(true)
    }

    fn look_up(&self, shard: &Shard, record: &Record) -> Room {
        let (per_client, per_key) = (self.limits.per_client(), self.limits.per_key());
        if shard.contains(&record.id) {
            Room::Used
        } else if shard.count(&record.client) >= per_client {
            Room::Full(Full::Client(per_client))
        } else if shard.count(&record.key) >= per_key {
            Room::Full(Full::Key(per_key))
        } else {
            Room::Free
        }
    }

    /// Counts one more proof, if there is room for it. Returns their number.
    fn reserve(&self) -> Result<usize, Full> {
        let capacity = self.limits.capacity;
        let one_more = |total: usize| (total < capacity).then_some(total + 1);
        self.total
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map(|before| before + 1)
            .map_err(|_| Full::All(capacity))
    }

    /// Emits a `WARN` at 80 % of the capacity, and again only after the store was below 60 %.
    fn warn_if_nearly_full(&self, proofs: usize) {
        let capacity = self.limits.capacity;
        if proofs >= capacity - capacity / 5 {
            if !self.has_warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    target: POSSESSION,
                    proofs,
                    capacity,
                    "the memory of used proofs is nearly full: enlarge the MemoryReplayStore, or rate-limit clients"
                );
            }
        } else if proofs < capacity - capacity / 5 * 2 && self.has_warned.load(Ordering::Relaxed) {
            self.has_warned.store(false, Ordering::Relaxed);
        }
    }

    /// Removes some ended proofs of the next shard in turn. Otherwise the proofs of clients that send no more requests
    /// would stay.
    fn remove_some_ended(&self, shards: &Shards) {
        let next = self.next_shard.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let removed = match shards.shards[next].try_lock() {
            Ok(mut shard) => {
                self.remove_ended(&mut shard, self.clock.monotonic(), REMOVED_PER_CALL)
            }
            // Another call works on it.
            Err(_) => 0,
        };
        show_removed(removed);
    }

    fn remove_all_ended(&self) {
        let Some(shards) = self.shards.get() else {
            return;
        };
        for index in 0..SHARDS {
            let mut shard = shards.lock(index);
            let removed = self.remove_ended(&mut shard, self.clock.monotonic(), usize::MAX);
            drop(shard);
            show_removed(removed);
        }
    }

    /// Removes up to `max` ended proofs of a shard. Returns their number.
    fn remove_ended(&self, shard: &mut Shard, now: Duration, max: usize) -> usize {
        let removed = shard.remove_ended(now.as_secs(), max);
        self.total.fetch_sub(removed, Ordering::Relaxed);
        removed
    }
}

fn show_removed(proofs: usize) {
    if proofs > 0 {
        telemetry::remove_replay_proofs(proofs);
    }
}

/// The second at which a proof is removed. It is after `now`, and not before `keep` has elapsed.
fn end(now: Duration, keep: Duration) -> Second {
    let end = now.saturating_add(keep);
    end.as_secs().saturating_add(1)
}

impl Shards {
    fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hash: RandomState::new(),
        }
    }

    fn record(&self, proof: &ProofId) -> Record {
        let mut id = ShortId::default();
        id.copy_from_slice(&proof.id()[..size_of::<ShortId>()]);
        Record {
            id,
            client: self.tag(("client", proof.client())),
            key: self.tag(("key", proof.client(), proof.key())),
        }
    }

    fn tag(&self, of: impl std::hash::Hash) -> Tag {
        let [tag @ .., _, _] = self.hash.hash_one(of).to_ne_bytes();
        tag
    }

    fn of_client(&self, client: Tag) -> usize {
        usize::from(client[0]) % SHARDS
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // A panic cannot leave a shard half changed, except for one of the allocator.
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        show_removed(*self.total.get_mut());
    }
}

impl Default for MemoryReplayStore {
    /// A store for up to 1 000 000 proofs.
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl ReplayStore for MemoryReplayStore {
    async fn first_use(&self, proof: &ProofId, keep: Duration) -> Result<bool, BoxError> {
        self.first_use_now(proof, keep)
    }
}

/// Shows sizes only.
impl fmt::Debug for MemoryReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplayStore")
            .field("proofs", &self.memory.total.load(Ordering::Relaxed))
            .field("capacity", &self.memory.limits.capacity)
            .field("max_per_client", &self.memory.limits.per_client())
            .field("max_per_key", &self.memory.limits.per_key())
            .finish()
    }
}

#[cfg(test)]
mod tests;
