//! What the clones of [`Revocations`](super::Revocations) share: the revocations in memory, and the state of the feed.
//!
//! # Protocol
//!
//! `mark` is one atomic word that decides what a request has to do. Each change of the table or of the feed publishes a
//! new mark, after the change, under the lock of the feed. A mark that names a generation is never used again by this
//! process. So a token that was looked up at a mark need not be looked up again at this mark: since then nothing was
//! revoked.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::end_clock::EndClock;
use super::entry::{Revocation, RevocationId, RevocationKind};
use super::feed::{Feed, Standing, Step};
use super::settings::Settings;
use super::table::Table;
use crate::access_token::{RevocationCheck, Verified};
use crate::telemetry::{self, REVOCATION};
use crate::verify_error::{InvalidReason, VerifyError};

pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) end_clock: EndClock,
    table: Table,
    mark: AtomicU64,
    /// `None` without a store.
    feed: Mutex<Option<Feed>>,
    lookups: AtomicU64,
    has_warned_of_life: AtomicBool,
}

/// One in this many lookups checks whether a sweep is due, since the check reads the clock.
const LOOKUPS_PER_SWEEP: u64 = 16;

/// The mark while nothing is revoked, and the replica is up to date.
const NOTHING: u64 = 0;

/// The mark while revocations may be missing: each request is checked anew.
const INCOMPLETE: u64 = 1;

/// The next mark that names a generation. All sets of revocations of the process share it, since a token can be
/// checked by several of them.
static NEXT_GENERATION: AtomicU64 = AtomicU64::new(2);

impl State {
    pub(super) fn in_memory(settings: Settings) -> Self {
        Self {
            end_clock: EndClock::new(settings.clock.clone()),
            settings,
            table: Table::default(),
            mark: AtomicU64::new(NOTHING),
            feed: Mutex::new(None),
            lookups: AtomicU64::new(0),
            has_warned_of_life: AtomicBool::new(false),
        }
    }

    pub(super) fn with_feed(settings: Settings) -> Self {
        let feed = Feed::new(settings.clock.monotonic());
        let mut state = Self::in_memory(settings);
        state.feed = Mutex::new(Some(feed));
        state.mark = AtomicU64::new(INCOMPLETE);
        state
    }

    /// Adds revocations, which are in effect when it returns.
    pub(super) fn add(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let now = self.end_clock.now();
        let (mut change, mut is_changed) = (0, false);
        for revocation in revocations {
            change += self.table.add(revocation, now);
            is_changed = true;
        }
        if is_changed {
            self.publish(&self.feed());
        }
        telemetry::add_revocations(change);
    }

    /// Changes the state of the feed. Returns the result of `change`, or `None` without a store.
    pub(super) fn update_feed<T>(&self, change: impl FnOnce(&mut Feed) -> T) -> Option<T> {
        let mut feed = self.feed();
        let known = feed.as_mut()?;
        let was_complete = known.standing() == Standing::Complete;
        let result = change(known);
        // While nothing changes, tokens need not be looked up again.
        if !was_complete || known.standing() != Standing::Complete {
            self.publish(&feed);
        }
        Some(result)
    }

    /// What the follower does next. `None` without a store.
    pub(super) fn next_step(&self) -> Option<Step> {
        self.feed().as_ref().map(Feed::next_step)
    }

    pub(super) fn standing(&self) -> Standing {
        self.feed()
            .as_ref()
            .map_or(Standing::Complete, Feed::standing)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn live(&self) -> Vec<Revocation> {
        self.table.live(self.end_clock.now())
    }

    /// Whether there is room for another revocation.
    pub(super) fn has_room(&self) -> bool {
        let has_room = || self.table.len() < self.settings.capacity;
        has_room() || {
            let change = self.table.sweep_all(self.end_clock.now());
            telemetry::add_revocations(change);
            has_room()
        }
    }

    /// Whether requests are refused, because revocations may be missing.
    pub(super) fn refuses_requests(&self, standing: Standing) -> bool {
        let settings = &self.settings;
        match standing {
            Standing::Complete => false,
            Standing::Starting => true,
            Standing::Behind(_) => !settings.accept_during_outage,
            Standing::Unreachable(since) => {
                let outage = settings.clock.monotonic().saturating_sub(since);
                !settings.accept_during_outage && outage > settings.tolerate_outage
            }
        }
    }

    fn check_anew(&self, verified: &Verified, mark: u64) -> Result<(), VerifyError> {
        if self.is_revoked(verified) {
            return Err(VerifyError::invalid(InvalidReason::Revoked));
        }
        if self
            .lookups
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(LOOKUPS_PER_SWEEP)
        {
            self.sweep_one();
        }
        if mark == INCOMPLETE {
            if self.refuses_requests(self.standing()) {
                return Err(VerifyError::unavailable(Incomplete).with_retry_after(RETRY_AFTER));
            }
        } else {
            self.warn_of_life(verified);
            verified.not_revoked.set(mark);
        }
        Ok(())
    }

    /// Removes some of the revocations that have ended. With the last one, tokens need not be looked up any more.
    fn sweep_one(&self) {
        let change = self.table.sweep_one(self.end_clock.now());
        if change != 0 && self.table.len() == 0 {
            self.publish(&self.feed());
        }
        telemetry::add_revocations(change);
    }

    fn is_revoked(&self, verified: &Verified) -> bool {
        // A token without an issuer has the empty one.
        let issuer = verified.issuer().unwrap_or_default();
        let revokes = |kind, name: &str| {
            let id = RevocationId::new(kind, issuer, name);
            self.table.revokes(&id, verified.issued_at, &self.end_clock)
        };
        RevocationKind::ALL.into_iter().any(|kind| {
            self.table.has(kind)
                && match kind {
                    RevocationKind::Token => verified.jwt_id().is_some_and(|id| revokes(kind, id)),
                    RevocationKind::Subject => {
                        verified.subject().is_some_and(|id| revokes(kind, id))
                    }
                    RevocationKind::Session => {
                        verified.session_id().is_some_and(|id| revokes(kind, &id))
                    }
                    RevocationKind::Client => {
                        verified.client_id().is_some_and(|id| revokes(kind, id))
                    }
                }
        })
    }

    /// Warns, once, of a token that is valid for longer than the revocations of subjects, sessions and clients are
    /// kept.
    fn warn_of_life(&self, verified: &Verified) {
        let longest = self.settings.longest_token_life;
        let life = match (verified.expires_at, verified.issued_at) {
            (Some(expires_at), Some(issued_at)) => Some(expires_at.saturating_sub(issued_at)),
            (Some(_), None) => return,
            (None, _) => None,
        };
        let is_longer = life.is_none_or(|life| life > longest);
        if is_longer && !self.has_warned_of_life.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: REVOCATION,
                longest_token_life = longest.as_secs(),
                life = life.map(|life| life.as_secs()),
                "a token is valid for longer than revocations are kept: set longest_token_life(..)"
            );
        }
    }

    /// Publishes the mark of the current state.
    fn publish(&self, feed: &MutexGuard<'_, Option<Feed>>) {
        let standing = feed.as_ref().map_or(Standing::Complete, Feed::standing);
        let mark = match standing {
            Standing::Complete if self.table.len() == 0 => NOTHING,
            Standing::Complete => NEXT_GENERATION.fetch_add(1, Ordering::Relaxed),
            Standing::Unreachable(_) | Standing::Behind(_) | Standing::Starting => INCOMPLETE,
        };
        self.mark.store(mark, Ordering::Release);
    }

    fn feed(&self) -> MutexGuard<'_, Option<Feed>> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RevocationCheck for State {
    #[inline]
    fn check(&self, verified: &Verified) -> Result<(), VerifyError> {
        let mark = self.mark.load(Ordering::Acquire);
        if mark == NOTHING || verified.not_revoked.is(mark) {
            return Ok(());
        }
        self.check_anew(verified, mark)
    }
}

/// When a client should retry: the follower has retried by then.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The error for requests while revocations may be missing.
#[derive(Debug)]
struct Incomplete;

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of revocations cannot be reached")
    }
}

impl std::error::Error for Incomplete {}

impl Drop for State {
    fn drop(&mut self) {
        telemetry::add_revocations(-(self.table.len() as isize));
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("revocations", &self.len())
            .field("standing", &self.standing())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
