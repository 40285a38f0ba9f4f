//! The cached keys of a set, and what is known about their source.
//!
//! # From a document to a key in use
//!
//! 1. An event comes: a token ([`lookup`](super::lookup)), a refresh or a probe ([`Jwks`](super::Jwks)).
//! 2. [`KeyCache::plan`] applies the [policy](super::policy) under the lock. If a fetch is due, the plan has a
//!    [`FetchOrder`] with a new ticket.
//! 3. The caller releases the lock, and starts the [task](super::fetch::FetchTask) of the order. The task fetches the
//!    document, selects its keys, and calls [`KeyCache::deliver`].
//! 4. `deliver` applies the policy once more. On success it replaces the [`Snapshot`], from which lookups read keys
//!    without a lock. Only then the task wakes the requests that wait for it.
//!
//! The lock guards [`Control`]. Each snapshot is stored under it, so a thread that holds it sees the newest one. Nothing
//! that runs code from outside happens under it: no event is emitted, no task spawned, no source called.
//!
//! At most one fetch is in progress. The result of a fetch that was lost and replaced by another one has an old ticket,
//! and is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwapOption, Guard};

use super::document::{KeyRules, Validators};
use super::fetch_order::{FetchOrder, PendingFetch};
use super::fetch_outcome::FetchOutcome;
use super::left_out::LeftOutKeys;
use super::policy::{Decision, Event, FETCH_GRACE, Policy, State};
use super::snapshot::{Snapshot, continued};
use super::source::{ErasedSource, FetchedKeys};
use super::status::JwksStatus;
use crate::clock::Clock;
use crate::verify::keys::VerifyingKey;

/// The keys of a set, with its settings. Clones of a [`Jwks`](super::Jwks) share it.
pub(super) struct KeyCache {
    pub(super) source: Arc<dyn ErasedSource>,
    pub(super) policy: Policy,
    pub(super) rules: KeyRules,
    pub(super) clock: Clock,
    /// The name of the source, read once when the set is built.
    name: Box<str>,
    snapshot: ArcSwapOption<Snapshot>,
    control: Mutex<Control>,
    /// From -1 to 1: how much earlier or later than usual keys are refreshed.
    jitter: fn() -> f64,
}

/// The error of a fetch that has not reported its end in time.
pub(super) const LOST: &str = "a fetch did not report its end in time";

/// What the policy decides by, and what the status shows.
#[derive(Default)]
struct Control {
    state: State,
    /// The fetch in progress.
    pending: Option<PendingFetch>,
    /// The number of the last fetch. The result of an earlier one is dropped.
    ticket: u64,
    /// When the last fetch began, since 1970.
    began: Duration,
    /// When the last successful fetch began, since 1970. The set lacks keys that were published later.
    as_of: Duration,
    validators: Option<Validators>,
    left_out: Arc<LeftOutKeys>,
    last_success: Option<(SystemTime, Duration)>,
    last_error: Option<String>,
}

/// What to do about an event. It was decided under the lock, and is carried out without it.
pub(super) struct Plan {
    pub(super) decision: Decision,
    /// The fetch to wait for.
    pub(super) pending: Option<PendingFetch>,
    /// The fetch to start.
    pub(super) order: Option<FetchOrder>,
    /// The outcome of an earlier fetch that this event found lost, to be logged.
    pub(super) lost: Option<FetchOutcome>,
}

/// The result of a fetch, or what went wrong. `None` if the fetch was interrupted.
pub(super) type Delivery = Option<Result<FetchedKeys, String>>;

/// # Lookups
impl KeyCache {
    pub(super) fn new(
        source: Arc<dyn ErasedSource>,
        policy: Policy,
        rules: KeyRules,
        clock: Clock,
        jitter: fn() -> f64,
    ) -> Self {
        Self {
            name: source.name().into(),
            source,
            policy,
            rules,
            clock,
            snapshot: ArcSwapOption::empty(),
            control: Mutex::default(),
            jitter,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The current keys, without a lock.
    pub(super) fn snapshot(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.snapshot.load()
    }

    /// How often the keys were replaced.
    pub(super) fn generation(&self) -> u64 {
        let snapshot = self.snapshot.load();
        snapshot.as_ref().map_or(0, |snapshot| snapshot.generation)
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.control().last_error.clone()
    }

    /// Withdraws the keys with this key ID. Returns whether there were any.
    pub(super) fn withdraw(&self, key_id: &str) -> bool {
        let Some(snapshot) = self.snapshot.load_full() else {
            return false;
        };
        let named = |key: &&VerifyingKey| key.key_id() == Some(key_id);
        for key in snapshot.keys.iter().filter(named) {
            key.state().withdraw();
        }
        snapshot.keys.iter().any(|key| named(&key))
    }

    pub(super) fn status(&self) -> JwksStatus {
        let now = self.clock.monotonic();
        let snapshot = self.snapshot.load();
        let keys = snapshot.as_ref().filter(|snapshot| now < snapshot.dead_at);
        let in_use = |key: &&VerifyingKey| !key.state().is_withdrawn();
        let keys = keys.map_or(0, |snapshot| snapshot.keys.iter().filter(in_use).count());
        let control = self.control();
        JwksStatus {
            keys,
            left_out: Arc::clone(&control.left_out),
            age: control.last_success.map(|(_, at)| now.saturating_sub(at)),
            last_success: control.last_success.map(|(at, _)| at),
            last_error: control.last_error.clone(),
            next_refresh: control
                .state
                .next_refresh_at()
                .filter(|_| keys > 0)
                .map(|at| at.saturating_sub(now)),
        }
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # Events
impl KeyCache {
    /// Applies the policy to an event.
    pub(super) fn plan(&self, event: Event) -> Plan {
        self.plan_locked(self.control(), event)
    }

    /// As [`plan`](Self::plan), unless another thread holds the lock.
    pub(super) fn plan_unless_locked(&self, event: Event) -> Option<Plan> {
        let control = match self.control.try_lock() {
            Ok(control) => control,
            // The thread that held the lock panicked and released it. `Control` is consistent at each point where that
            // can happen.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(self.plan_locked(control, event))
    }

    /// As [`plan`](Self::plan), for a token that no key of the generation `seen` verified. `None` if the keys were
    /// replaced since: they may verify the token, which must then neither be refused nor cost a fetch.
    pub(super) fn plan_for_unknown_key(
        &self,
        seen: u64,
        issued_by: Option<Duration>,
    ) -> Option<Plan> {
        let control = self.control();
        if self.generation() != seen {
            return None;
        }
        let may_be_newer = issued_by.is_none_or(|issued_by| issued_by >= control.as_of);
        Some(self.plan_locked(control, Event::UnknownKey { may_be_newer }))
    }

    fn plan_locked(&self, mut control: MutexGuard<'_, Control>, event: Event) -> Plan {
        let (decision, lost) = self.decide(&mut control, event);
        let order = match decision {
            Decision::Fetch | Decision::UseAndFetch => Some(self.order_fetch(&mut control)),
            Decision::Use | Decision::Join | Decision::NoSuchKey | Decision::Unavailable { .. } => {
                None
            }
        };
        let pending = match decision {
            Decision::Fetch | Decision::Join => control.pending.clone(),
            Decision::Use
            | Decision::UseAndFetch
            | Decision::NoSuchKey
            | Decision::Unavailable { .. } => None,
        };
        Plan {
            decision,
            pending,
            order,
            lost,
        }
    }

    /// The policy's decision, and the outcome of the fetch that it found lost.
    fn decide(&self, control: &mut Control, event: Event) -> (Decision, Option<FetchOutcome>) {
        let now = self.clock.monotonic();
        let is_lost = self.policy.has_lost_fetch(control.state, now);
        let lost = is_lost.then(|| control.failed(LOST.into()));
        let decision;
        (control.state, decision) = self.policy.decide(control.state, now, event);
        (decision, lost)
    }

    fn order_fetch(&self, control: &mut Control) -> FetchOrder {
        control.ticket += 1;
        control.began = self.clock.since_epoch();
        let limit = self.policy.fetch_timeout.saturating_add(FETCH_GRACE);
        let known = control.validators.clone();
        let (order, pending) = FetchOrder::new(control.ticket, known, limit);
        control.pending = Some(pending);
        order
    }
}

/// # Results of fetches
impl KeyCache {
    /// Takes the result of the fetch with this ticket. Returns the outcome for the set as a whole.
    pub(super) fn deliver(&self, ticket: u64, delivery: Delivery) -> FetchOutcome {
        let mut control = self.control();
        if control.ticket != ticket {
            return FetchOutcome::Superseded;
        }
        let control = &mut *control;
        control.pending = None;
        let fetched = match delivery {
            Some(Ok(fetched)) => fetched,
            Some(Err(problem)) => return self.fail(control, problem),
            None => {
                let (_, lost) = self.decide(control, Event::FetchInterrupted);
                return lost.unwrap_or(FetchOutcome::Interrupted);
            }
        };
        let previous = self.snapshot.load_full();
        let mut newly_left_out = None;
        let (unchanged, keys, freshness) = match (fetched, previous) {
            (FetchedKeys::Document(document), previous) => {
                control.validators = document.validators;
                let selection = document.selection;
                newly_left_out = selection.left_out.changed_since(&control.left_out);
                control.left_out = Arc::new(selection.left_out);
                let previous = previous.as_ref().map_or(&[][..], |before| &before.keys);
                let keys = continued(selection.keys, previous, &self.clock);
                (false, keys, document.freshness)
            }
            (FetchedKeys::Unchanged { freshness }, Some(snapshot)) => {
                (true, snapshot.keys.clone(), freshness)
            }
            (FetchedKeys::Unchanged { .. }, None) => {
                let problem = "the source has nothing new, but there are no keys";
                return self.fail(control, problem.into());
            }
        };
        let outcome = FetchOutcome::Renewed {
            unchanged,
            keys: keys.len(),
            was_failing: control.last_error.is_some(),
            left_out: newly_left_out,
        };
        self.succeed(control, keys, freshness);
        outcome
    }

    /// Replaces the snapshot. Keys that are gone were withdrawn before, in [`continued`]: the other way round, a token of
    /// a removed key could be current while one of a new key is already accepted.
    fn succeed(&self, control: &mut Control, keys: Vec<VerifyingKey>, freshness: Option<Duration>) {
        let now = self.clock.monotonic();
        let jitter = (self.jitter)();
        let event = Event::Fetched { freshness, jitter };
        (control.state, _) = self.policy.decide(control.state, now, event);
        control.last_success = Some((self.clock.now(), now));
        control.as_of = control.began;
        control.last_error = None;

        let refresh_at = control.state.refresh_at().unwrap_or(now);
        for key in &keys {
            key.state().refresh_at(refresh_at);
        }
        self.snapshot.store(Some(Arc::new(Snapshot {
            generation: self.generation() + 1,
            keys,
            refresh_at,
            stale_at: control.state.stale_at().unwrap_or(now),
            dead_at: control.state.dead_at().unwrap_or(now),
        })));
    }

    fn fail(&self, control: &mut Control, problem: String) -> FetchOutcome {
        let now = self.clock.monotonic();
        (control.state, _) = self.policy.decide(control.state, now, Event::FetchFailed);
        control.failed(problem)
    }
}

impl Control {
    fn failed(&mut self, problem: String) -> FetchOutcome {
        let was_failing = self.last_error.replace(problem.clone()).is_some();
        FetchOutcome::Failed {
            problem,
            was_failing,
        }
    }
}

#[cfg(test)]
mod tests;
