//! How current the revocations of a replica are, and what it does next. It has no clock and does no I/O.

use std::time::Duration;

use super::store::Position;

/// How current a replica is.
#[derive(Debug)]
pub(super) struct Feed {
    phase: Phase,
    /// When the last call that the store has answered began.
    last_contact: Duration,
    /// The number of errors in a row.
    failures: u32,
    /// The number of gaps in a row.
    gaps: u32,
}

#[derive(Debug)]
enum Phase {
    /// Nothing was loaded yet.
    Starting,
    /// It has missed something, and has to load everything anew.
    Behind,
    Following(Position),
}

/// What the follower does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Load,
    Follow(Position),
}

/// Whether a replica has all revocations of its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has all of them.
    Complete,
    /// The store has not answered since this time.
    Unreachable(Duration),
    /// It has missed something, and the store does not answer a load since this time.
    Behind(Duration),
    /// Nothing was loaded yet.
    Starting,
}

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

impl Feed {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            phase: Phase::Starting,
            last_contact: now,
            failures: 0,
            gaps: 0,
        }
    }

    pub(super) fn next_step(&self) -> Step {
        match &self.phase {
            Phase::Starting | Phase::Behind => Step::Load,
            Phase::Following(position) => Step::Follow(position.clone()),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match (&self.phase, self.failures) {
            (Phase::Starting, _) => Standing::Starting,
            (Phase::Behind, _) => Standing::Behind(self.last_contact),
            (Phase::Following(_), 0) => Standing::Complete,
            (Phase::Following(_), _) => Standing::Unreachable(self.last_contact),
        }
    }

    /// Everything was loaded, and is in memory.
    pub(super) fn loaded(&mut self, position: Position, asked_at: Duration) {
        self.phase = Phase::Following(position);
        self.last_contact = asked_at;
        self.failures = 0;
    }

    /// The changes until this position are in memory.
    pub(super) fn followed(&mut self, position: Position, asked_at: Duration) {
        self.loaded(position, asked_at);
        self.gaps = 0;
    }

    /// The store cannot return what was missed. Returns how long to wait before everything is loaded, so that a store
    /// whose log always has a gap is not polled without pause.
    pub(super) fn fell_behind(&mut self, asked_at: Duration) -> Duration {
        self.phase = Phase::Behind;
        self.last_contact = asked_at;
        self.failures = 0;
        self.gaps = self.gaps.saturating_add(1);
        match self.gaps {
            1 => Duration::ZERO,
            more => delay_after(more - 1),
        }
    }

    /// The store has not answered, or its answer is malformed. Returns how long to wait.
    pub(super) fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        delay_after(self.failures)
    }
}

/// The time to wait after this number of failures in a row.
fn delay_after(failures: u32) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST_DELAY)
}
