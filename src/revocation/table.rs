//! The revocations in memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use foldhash::quality::RandomState;

use super::end_clock::EndClock;
use super::entry::{Revocation, RevocationId, RevocationKind};

/// The revocations in memory, by their ID.
///
/// A sweep of a shard removes its ended revocations. Lookups of tokens sweep one shard per second at most. A shard that
/// has doubled is swept as well, so that ended revocations do not make the memory grow.
#[derive(Debug)]
pub(super) struct Table {
    shards: Box<[RwLock<Shard>]>,
    /// The number of revocations of each kind, so that a kind that does not occur is not looked up.
    counts: [AtomicUsize; RevocationKind::ALL.len()],
    /// The second in which a shard was swept last, and the shard that is swept next.
    last_sweep: AtomicU64,
    next_sweep: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    /// The IDs are digests, so a cheap hash suffices. Its random seed differs from process to process.
    revocations: HashMap<RevocationId, Ends, RandomState>,
    /// The number of revocations at which the shard is swept.
    sweep_at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    cutoff: u64,
    ends_at: u64,
}

const SHARDS: usize = 64;

/// A shard is not swept for its size below this number.
const SMALL_SHARD: usize = 64;

impl Default for Table {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            counts: Default::default(),
            last_sweep: AtomicU64::new(0),
            next_sweep: AtomicUsize::new(0),
        }
    }
}

impl Table {
    /// Adds a revocation, or extends the one with the same ID. Returns by how much the number of revocations changes.
    pub(super) fn add(&self, revocation: Revocation, now: Duration) -> isize {
        if !revocation.is_live(now) {
            return 0;
        }
        let mut change = 0;
        let mut shard = write(self.shard(&revocation.id));
        if shard.revocations.len() >= shard.sweep_at.max(SMALL_SHARD) {
            change -= self.sweep(&mut shard, now);
            shard.sweep_at = shard.revocations.len() * 2;
        }
        let ends = Ends {
            cutoff: revocation.cutoff,
            ends_at: revocation.ends_at,
        };
        match shard.revocations.entry(revocation.id) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if known.ends_at <= now.as_secs() {
                    *known = ends;
                }
                known.cutoff = known.cutoff.max(ends.cutoff);
                known.ends_at = known.ends_at.max(ends.ends_at);
            }
            Entry::Vacant(place) => {
                place.insert(ends);
                self.count(revocation.kind())
                    .fetch_add(1, Ordering::Relaxed);
                change += 1;
            }
        }
        change
    }

    /// Whether a token with this ID that was issued at this time is revoked. One without a date is always revoked. The
    /// clock is read only if there is a revocation.
    pub(super) fn revokes(
        &self,
        id: &RevocationId,
        issued_at: Option<Duration>,
        clock: &EndClock,
    ) -> bool {
        let shard = read(self.shard(id));
        let Some(ends) = shard.revocations.get(id).copied() else {
            return false;
        };
        drop(shard);
        let is_covered = issued_at.is_none_or(|at| at.as_millis() <= u128::from(ends.cutoff));
        is_covered && clock.now().as_secs() < ends.ends_at
    }

    /// Whether there are revocations of this kind.
    pub(super) fn has(&self, kind: RevocationKind) -> bool {
        self.count(kind).load(Ordering::Relaxed) > 0
    }

    /// The number of revocations, including those that have ended and are not removed yet.
    pub(super) fn len(&self) -> usize {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// All revocations that have not ended.
    pub(super) fn live(&self, now: Duration) -> Vec<Revocation> {
        let mut live = Vec::new();
        for shard in &self.shards {
            let shard = read(shard);
            let all = shard.revocations.iter().map(|(id, ends)| Revocation {
                id: *id,
                cutoff: ends.cutoff,
                ends_at: ends.ends_at,
            });
            live.extend(all.filter(|revocation| revocation.is_live(now)));
        }
        live
    }

    /// Sweeps a shard, unless one was swept in this second. Returns by how much the number of revocations changes.
    pub(super) fn sweep_one(&self, now: Duration) -> isize {
        let last = self.last_sweep.load(Ordering::Relaxed);
        let is_due = now.as_secs() != last
            && self
                .last_sweep
                .compare_exchange(last, now.as_secs(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !is_due {
            return 0;
        }
        let next = self.next_sweep.fetch_add(1, Ordering::Relaxed);
        -self.sweep(&mut write(&self.shards[next % SHARDS]), now)
    }

    /// Sweeps all shards. Returns by how much the number of revocations changes.
    pub(super) fn sweep_all(&self, now: Duration) -> isize {
        let shards = self.shards.iter();
        -shards
            .map(|shard| self.sweep(&mut write(shard), now))
            .sum::<isize>()
    }

    /// Removes the revocations that have ended, and returns their number.
    fn sweep(&self, shard: &mut Shard, now: Duration) -> isize {
        let mut removed = 0;
        shard.revocations.retain(|id, ends| {
            let is_live = now.as_secs() < ends.ends_at;
            if !is_live {
                self.count(id.kind()).fetch_sub(1, Ordering::Relaxed);
                removed += 1;
            }
            is_live
        });
        if shard.revocations.capacity() > 4 * shard.revocations.len().max(SMALL_SHARD) {
            shard.revocations.shrink_to_fit();
        }
        removed
    }

    fn count(&self, kind: RevocationKind) -> &AtomicUsize {
        &self.counts[kind.index()]
    }

    fn shard(&self, id: &RevocationId) -> &RwLock<Shard> {
        &self.shards[id.spread() % SHARDS]
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
