//! What was added since the file was opened, for the followers in this process.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tower_bearer_auth::revocation::{Followed, Position, Revocation};

/// The latest changes. Each has a number.
#[derive(Debug)]
pub(super) struct Changes {
    /// Distinguishes this opening of the file from others.
    opening: String,
    latest: Mutex<VecDeque<Revocation>>,
    /// The number of changes so far.
    count: watch::Sender<u64>,
}

/// How many changes are kept. A follower that is further behind loads everything.
const KEPT: usize = 10_000;

impl Changes {
    pub(super) fn new(opening: String) -> Self {
        Self {
            opening,
            latest: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    /// Adds changes that are in the file.
    pub(super) fn add(&self, revocations: &[Revocation]) {
        let mut latest = self.latest();
        latest.extend(revocations);
        let surplus = latest.len().saturating_sub(KEPT);
        latest.drain(..surplus);
        self.count
            .send_modify(|count| *count += revocations.len() as u64);
    }

    /// The position after all changes so far.
    pub(super) fn position(&self) -> Position {
        let _latest = self.latest();
        self.position_of(*self.count.borrow())
    }

    /// Waits for changes after a position.
    pub(super) async fn wait_after(&self, position: &Position) {
        if let Some(known) = self.count_of(position) {
            let mut count = self.count.subscribe();
            // The sender is a field of `self`, so this is no error.
            let _ = count.wait_for(|count| *count != known).await;
        }
    }

    /// The changes after a position.
    pub(super) fn after(&self, position: &Position) -> Followed {
        let latest = self.latest();
        let count = *self.count.borrow();
        let missed = self
            .count_of(position)
            .and_then(|known| count.checked_sub(known));
        let missed = missed.and_then(|missed| usize::try_from(missed).ok());
        match missed {
            Some(missed) if missed <= latest.len() => Followed::Changes {
                revocations: latest.range(latest.len() - missed..).copied().collect(),
                position: self.position_of(count),
            },
            Some(_) | None => Followed::Gap,
        }
    }

    fn position_of(&self, count: u64) -> Position {
        Position::new(format!("{} {count}", self.opening))
    }

    /// `None` if the position is of another opening.
    fn count_of(&self, position: &Position) -> Option<u64> {
        let (opening, count) = position.as_str().split_once(' ')?;
        (opening == self.opening)
            .then(|| count.parse().ok())
            .flatten()
    }

    fn latest(&self) -> MutexGuard<'_, VecDeque<Revocation>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
