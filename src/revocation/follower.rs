//! The task that loads the revocations of a store, and follows its changes.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower::BoxError;

use super::entry::Revocation;
use super::feed::{Feed, Standing, Step};
use super::state::State;
use super::store::{ErasedStore, Followed, Misconfigured, Snapshot};
use crate::error_chain::{error_chain, find_error};
use crate::telemetry::{self, REVOCATION};

/// The longest time for an answer about changes. A store answers about once a second.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time for a load, which may be a million revocations.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest time for a revocation to be stored.
pub(super) const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// How many revocations are written back at once to a store that has lost them.
const APPENDED_AT_ONCE: usize = 1_000;

/// Follows a store until the last clone of its revocations is dropped.
pub(super) struct Follower {
    state: Weak<State>,
    store: Arc<dyn ErasedStore>,
    /// What was logged last.
    logged: Logged,
    is_running: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logged {
    /// Nothing, or that the store works.
    Working,
    /// That the store is out of reach.
    Unreachable,
    /// That requests are refused for it.
    Refusing,
}

impl Follower {
    pub(super) fn new(state: &Arc<State>, store: Arc<dyn ErasedStore>) -> Self {
        Self {
            state: Arc::downgrade(state),
            store,
            logged: Logged::Working,
            is_running: false,
        }
    }

    /// Runs in a task of its own, after a first step with this result.
    pub(super) async fn run(mut self, mut last: Option<Result<Duration, Failure>>) {
        self.is_running = true;
        while let Some(result) = last {
            self.log(result.as_ref().err());
            sleep(result.unwrap_or_else(|failure| failure.delay)).await;
            last = self.step().await;
        }
    }

    /// Makes one step, and returns the time to wait before the next one. `None` if the revocations were dropped.
    pub(super) async fn step(&mut self) -> Option<Result<Duration, Failure>> {
        let state = self.state.upgrade()?;
        let step = state.next_step()?;
        // What is added from now on may be missing in the answer.
        let asked_at = state.settings.clock.monotonic();
        let result = match step {
            Step::Load => self.load(&state, asked_at).await.map(|()| Duration::ZERO),
            Step::Follow(position) => {
                // The state can be dropped while the store waits for changes.
                let store = Arc::clone(&self.store);
                drop(state);
                let followed = in_time(FOLLOW_TIMEOUT, store.follow(position)).await;
                let state = self.state.upgrade()?;
                followed.map(|followed| take_changes(&state, followed, asked_at))
            }
        };
        let state = self.state.upgrade()?;
        Some(result.map_err(|error| Failure {
            delay: state.update_feed(Feed::failed).unwrap_or_default(),
            error,
        }))
    }

    /// Loads everything, and adds to the store what is missing there.
    async fn load(&self, state: &State, asked_at: Duration) -> Result<(), BoxError> {
        let snapshot = in_time(LOAD_TIMEOUT, Arc::clone(&self.store).load()).await?;
        let Snapshot {
            revocations,
            position,
        } = snapshot;
        for missing in missing_in(&revocations, state.live()).chunks(APPENDED_AT_ONCE) {
            let append = Arc::clone(&self.store).append(missing.to_vec());
            in_time(APPEND_TIMEOUT, append).await?;
        }
        state.add(revocations);
        state.update_feed(|feed| feed.loaded(position, asked_at));
        Ok(())
    }

    fn log(&mut self, failure: Option<&Failure>) {
        let Some(state) = self.state.upgrade() else {
            return;
        };
        let error = || failure.map(|failure| error_chain(&*failure.error));
        let standing = state.standing();
        let revocations = state.len();
        let found = match standing {
            Standing::Complete => Logged::Working,
            Standing::Unreachable(_) | Standing::Behind(_) | Standing::Starting => {
                match (failure, state.refuses_requests(standing)) {
                    (None, _) => return,
                    (Some(_), true) => Logged::Refusing,
                    (Some(_), false) => Logged::Unreachable,
                }
            }
        };
        telemetry::set_revocation_store(found == Logged::Working);
        if found == self.logged {
            if let Some(error) = error() {
                tracing::debug!(target: REVOCATION, error, "the store of revocations still cannot be reached");
            }
            return;
        }
        self.logged = found;
        match found {
            Logged::Working => {
                tracing::info!(target: REVOCATION, revocations, "the store of revocations works again");
            }
            Logged::Unreachable => {
                let error = error();
                tracing::warn!(target: REVOCATION, error, "the store of revocations cannot be reached");
            }
            Logged::Refusing => {
                let error = error();
                tracing::warn!(
                    target: REVOCATION,
                    error,
                    "the store of revocations cannot be reached, requests are refused until it can"
                );
            }
        }
    }
}

impl Drop for Follower {
    /// A panic of the store or the end of its runtime counts as an outage, not as a store without changes.
    fn drop(&mut self) {
        if !self.is_running {
            return;
        }
        if let Some(state) = self.state.upgrade() {
            state.update_feed(Feed::failed);
            telemetry::set_revocation_store(false);
            tracing::error!(target: REVOCATION, "the task that follows the store of revocations has ended");
        }
    }
}

/// A step that has failed.
pub(super) struct Failure {
    delay: Duration,
    pub(super) error: BoxError,
}

impl Failure {
    /// Whether a retry cannot help.
    pub(super) fn is_misconfiguration(&self) -> bool {
        find_error::<Misconfigured>(&*self.error).is_some()
    }
}

fn take_changes(state: &State, followed: Followed, asked_at: Duration) -> Duration {
    let delay = match followed {
        Followed::Changes {
            revocations,
            position,
        } => {
            state.add(revocations);
            state.update_feed(|feed| feed.followed(position, asked_at));
            None
        }
        Followed::Gap => state.update_feed(|feed| feed.fell_behind(asked_at)),
    };
    delay.unwrap_or_default()
}

/// The revocations in memory that a snapshot does not cover.
fn missing_in(snapshot: &[Revocation], live: Vec<Revocation>) -> Vec<Revocation> {
    let mut covered = HashMap::with_capacity(snapshot.len());
    for stored in snapshot {
        let (cutoff, ends_at) = covered.entry(stored.id).or_insert((0, 0));
        *cutoff = stored.cutoff.max(*cutoff);
        *ends_at = stored.ends_at.max(*ends_at);
    }
    let is_missing = |known: &Revocation| match covered.get(&known.id) {
        Some((cutoff, ends_at)) => *cutoff < known.cutoff || *ends_at < known.ends_at,
        None => true,
    };
    live.into_iter().filter(is_missing).collect()
}

/// Awaits a call of a store.
pub(super) async fn in_time<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    match timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {} seconds", limit.as_secs()).into()),
    }
}

#[cfg(test)]
mod tests;
