//! Carries out the policy: one snapshot that readers load without a lock, one fetch at a time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;

use super::document::KeyRules;
use super::document::Validators;
use super::fetch::{Fetch, Outcome, UnderWay};
use super::left_out::LeftOutKeys;
use super::policy::{Decision, Event, FETCH_GRACE, Policy, State};
use super::snapshot::{Snapshot, continued};
use super::source::{ErasedSource, FetchedKeys};
use super::status::JwksStatus;
use super::status::RefreshError;
use crate::clock::Clock;
use crate::verify::jwks::fetch_outcome::FetchOutcome;
use crate::verify::keys::VerifyingKey;

/// The keys of an issuer, fetched when they are needed and kept through its rotations and outages.
///
/// See the [module](crate::jwks) for examples. Clones share everything, and several verifiers may use
/// one set. A tokio runtime with time and I/O enabled is needed when keys are fetched, not before.
///
/// # What happens when
///
/// Nothing is fetched before the first token needs it, and no task runs while there is no traffic.
///
/// | event | what happens | default | set by |
/// |---|---|---|---|
/// | first token | it waits for the fetch with all others | 5 s at most | [`fetch_timeout`](super::JwksBuilder::fetch_timeout) |
/// | document arrives | fresh for its `max-age` less `Age`, within bounds | 5 min to 1 h | [`freshness_between`](super::JwksBuilder::freshness_between) |
/// | … without `max-age` | fresh for | 15 min | [`default_freshness`](super::JwksBuilder::default_freshness) |
/// | freshness is about to run out | traffic starts a fetch in the background, and goes on with the keys there are | at 80 % ± 8 % of it | [`refresh_ahead`](super::JwksBuilder::refresh_ahead) |
/// | freshness ran out before that fetch ended, or without traffic | tokens wait for it; if it fails, they use the keys there are | | |
/// | a token names an unknown key, or a known one that did not sign it | it waits for a fetch, which it shares with other tokens, while the bucket is not empty; if that fetch had begun before, for one more | 2, one back every 15 s | [`unknown_key_fetches`](super::JwksBuilder::unknown_key_fetches) |
/// | … and the bucket is empty | 401 at once if the last fetch succeeded and the token was issued before it, by its `iat` and the verifier's leeway; 503 otherwise, with `Retry-After` | | |
/// | … and a known key did not sign it | 401 at once, also in an outage | | |
/// | a fetch fails | the keys stay, and the source is left alone for a while | 1 s, doubling to 60 s | [`backoff`](super::JwksBuilder::backoff) |
/// | the outage goes on | the keys serve this long after the last success, then 503 | 24 h | [`serve_stale_for`](super::JwksBuilder::serve_stale_for) |
/// | a key leaves the document | tokens it signed are refused, and [no longer current](crate::AccessToken::is_current) | at the next refresh | [`withdraw`](Self::withdraw) acts at once |
/// | a document is empty or unreadable | as a failed fetch | | |
/// | a document is too large | as a failed fetch | 512 KiB | [`max_bytes`](super::HttpKeySourceBuilder::max_bytes) |
/// | a document has many keys | the rest is left out, counted and logged | 1,000 | [`max_keys`](super::JwksBuilder::max_keys) |
/// | a key has another `use` | it is left out | `sig` | [`key_uses`](super::JwksBuilder::key_uses) |
///
/// 503 is only for tokens that could still be good: those whose issuer, audience, dates and type are in
/// order. Others are refused, and cause no fetch but those that are due by the clock.
///
/// Keys that are left out are in the [status](Self::status), and are logged whenever they change: faulty keys (weak,
/// private, symmetric, malformed, invalid, too many) at `WARN`, and keys for other purposes at `DEBUG`.
///
/// URLs are https; the configured one may be http on a loopback address. Redirects are not followed.
/// `ETag`s are sent back.
#[derive(Clone)]
pub struct Jwks {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) source: Box<dyn ErasedSource>,
    /// The source's.
    pub(super) name: Box<str>,
    pub(super) policy: Policy,
    pub(super) rules: KeyRules,
    pub(super) clock: Clock,
    pub(super) snapshot: ArcSwapOption<Snapshot>,
    pub(super) control: Mutex<Control>,
    /// From -1 to 1: how much sooner or later than in the middle keys are refreshed.
    pub(super) jitter: fn() -> f64,
}

/// The problem with a fetch that does not even end when its time is over.
pub(super) const LOST: &str = "a fetch does not come to its end";

/// What only those see who have something to decide.
#[derive(Default)]
pub(super) struct Control {
    state: State,
    /// The fetch that is under way.
    under_way: Option<UnderWay>,
    /// The number of that fetch, or of the last one. What comes from an earlier one is too late.
    ticket: u64,
    /// The time since 1970 at which that fetch began.
    began: Duration,
    /// The time since 1970 at which the last successful fetch began. Keys that were published later are not in the set.
    as_of: Duration,
    validators: Option<Validators>,
    left_out: Arc<LeftOutKeys>,
    last_success: Option<(SystemTime, Duration)>,
    pub(super) last_error: Option<String>,
}

impl Jwks {
    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Fetches the keys now, after the fetch that may be under way: at startup to have them before the
    /// first request, or when something else knows that they changed.
    ///
    /// # Errors
    ///
    /// When the fetch failed. Keys that were there before stay.
    pub async fn refresh(&self) -> Result<(), RefreshError> {
        // A fetch that is under way already may have begun before the keys changed, and then another one counts.
        let mut before = 0;
        for _ in 0..2 {
            before = self.inner.generation();
            let (decision, fetch) = self.inner.ask(Event::RefreshRequested);
            if let Some(fetch) = fetch {
                self.inner.end_of(fetch).await;
            }
            if decision != Decision::Join {
                break;
            }
        }
        if self.inner.generation() > before {
            return Ok(());
        }
        let problem = self.inner.control().last_error.clone();
        let problem = problem.unwrap_or_else(|| "the fetch was interrupted".into());
        Err(RefreshError { problem })
    }

    /// Whether there are keys to verify with, after fetching them if there are none: for readiness
    /// probes. A failing source is left alone as long as it would be for requests.
    ///
    /// # Errors
    ///
    /// When there are no keys, and the fetch failed.
    pub async fn ready(&self) -> Result<(), RefreshError> {
        if self.status().is_usable() {
            return Ok(());
        }
        if let (_, Some(fetch)) = self.inner.ask(Event::KnownKey) {
            self.inner.end_of(fetch).await;
        }
        let status = self.status();
        match status.is_usable() {
            true => Ok(()),
            false => Err(RefreshError {
                problem: status
                    .last_error()
                    .unwrap_or("there are no keys")
                    .to_owned(),
            }),
        }
    }

    /// Stops using the keys with this key ID, under every name, as long as they stay in the set; says
    /// whether there were any. Tokens they verified are [no longer current](crate::AccessToken::is_current).
    pub fn withdraw(&self, key_id: &str) -> bool {
        let Some(snapshot) = self.inner.snapshot.load_full() else {
            return false;
        };
        let named = |key: &&VerifyingKey| key.key_id() == Some(key_id);
        for key in snapshot.keys.iter().filter(named) {
            key.state().withdraw();
        }
        snapshot.keys.iter().any(|key| named(&key))
    }

    /// How the set is doing, for logs and metrics. It fetches nothing; a readiness probe asks
    /// [`ready`](Self::ready).
    pub fn status(&self) -> JwksStatus {
        let now = self.inner.clock.monotonic();
        let snapshot = self.inner.snapshot.load();
        let keys = snapshot.as_ref().filter(|snapshot| now < snapshot.dead_at);
        let in_use = |key: &&VerifyingKey| !key.state().is_withdrawn();
        let keys = keys.map_or(0, |snapshot| snapshot.keys.iter().filter(in_use).count());
        let control = self.inner.control();
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
}

impl Inner {
    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the policy, and starts a fetch when it says so; with the fetch that it says to wait for.
    pub(super) fn ask(self: &Arc<Self>, event: Event) -> (Decision, Option<UnderWay>) {
        self.ask_with(self.control(), event)
    }

    /// As [`ask`](Self::ask), but does nothing if another request holds the lock: that request starts the fetch.
    pub(super) fn ask_if_not_busy(self: &Arc<Self>, event: Event) {
        match self.control.try_lock() {
            Ok(control) => drop(self.ask_with(control, event)),
            // A thread that panicked has released the lock.
            Err(TryLockError::Poisoned(poisoned)) => {
                drop(self.ask_with(poisoned.into_inner(), event));
            }
            Err(TryLockError::WouldBlock) => {}
        }
    }

    pub(super) fn ask_with(
        self: &Arc<Self>,
        mut control: MutexGuard<'_, Control>,
        event: Event,
    ) -> (Decision, Option<UnderWay>) {
        let (decision, lost) = self.decide(&mut control, event);
        let starts = matches!(decision, Decision::Fetch | Decision::UseAndFetch);
        let fetch = starts.then(|| {
            control.ticket += 1;
            control.began = self.clock.since_epoch();
            let (inner, ticket) = (Arc::clone(self), control.ticket);
            let end = move |outcome| {
                let ending = inner.end_fetch(ticket, outcome);
                ending.log(&inner.name);
                ending
            };
            let (fetch, under_way) = Fetch::new(end);
            control.under_way = Some(under_way);
            (fetch, control.validators.clone())
        });
        let waits = matches!(decision, Decision::Fetch | Decision::Join);
        let under_way = control.under_way.clone().filter(|_| waits);
        // A fetch takes the lock when it ends, and it may end as soon as it starts: a runtime that
        // shuts down drops it at once.
        drop(control);
        if let Some(lost) = lost {
            lost.log(&self.name);
        }
        if let Some((fetch, known)) = fetch {
            let inner = Arc::clone(self);
            let document = async move {
                let fetched = inner.source.fetch(known.as_ref()).await?;
                Ok(fetched.select(&inner.rules)?)
            };
            fetch.start(&self.name, document, self.policy.fetch_timeout);
        }
        (decision, under_way)
    }

    /// What the policy says; and what is to be told, where that took a fetch for lost.
    fn decide(&self, control: &mut Control, event: Event) -> (Decision, Option<FetchOutcome>) {
        let now = self.clock.monotonic();
        let is_lost = self.policy.has_lost_fetch(control.state, now);
        let lost = is_lost.then(|| control.failed(LOST.into()));
        let decision;
        (control.state, decision) = self.policy.decide(control.state, now, event);
        (decision, lost)
    }

    pub(super) fn generation(&self) -> u64 {
        let snapshot = self.snapshot.load();
        snapshot.as_ref().map_or(0, |snapshot| snapshot.generation)
    }

    /// Waits for a fetch, for as long as one can take.
    pub(super) fn end_of(&self, fetch: UnderWay) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let limit = self.policy.fetch_timeout.saturating_add(FETCH_GRACE);
        Box::pin(fetch.ended(limit))
    }

    /// Ends a fetch, and says how it ended. Without an outcome it was interrupted.
    fn end_fetch(&self, ticket: u64, outcome: Outcome) -> FetchOutcome {
        let mut control = self.control();
        if control.ticket != ticket {
            return FetchOutcome::Superseded;
        }
        let control = &mut *control;
        control.under_way = None;
        let Some(outcome) = outcome else {
            let (_, lost) = self.decide(control, Event::FetchInterrupted);
            return lost.unwrap_or(FetchOutcome::Interrupted);
        };
        let previous = self.snapshot.load_full();
        let mut newly_left_out = None;
        let (unchanged, keys, freshness) = match outcome {
            Ok(FetchedKeys::Document(document)) => {
                control.validators = document.validators;
                let selection = document.selection;
                newly_left_out = selection.left_out.changed_since(&control.left_out);
                control.left_out = Arc::new(selection.left_out);
                let previous = previous.as_ref().map_or(&[][..], |before| &before.keys);
                let keys = continued(selection.keys, previous, &self.clock);
                (false, keys, document.freshness)
            }
            Ok(FetchedKeys::Unchanged { freshness }) => match previous {
                Some(snapshot) => (true, snapshot.keys.clone(), freshness),
                None => {
                    let problem = "the source has nothing new, but there are no keys";
                    return self.fail(control, problem.into());
                }
            },
            Err(problem) => return self.fail(control, problem),
        };
        let ending = FetchOutcome::Renewed {
            unchanged,
            keys: keys.len(),
            was_failing: control.last_error.is_some(),
            left_out: newly_left_out,
        };
        self.succeed(control, keys, freshness);
        ending
    }

    fn succeed(&self, control: &mut Control, keys: Vec<VerifyingKey>, freshness: Option<Duration>) {
        let now = self.clock.monotonic();
        let jitter = (self.jitter)();
        let event = Event::Fetched { freshness, jitter };
        (control.state, _) = self.policy.decide(control.state, now, event);
        control.last_success = Some((self.clock.now(), now));
        control.as_of = control.began;
        control.last_error = None;

        let previous = self.snapshot.load();
        let generation = previous.as_ref().map_or(0, |snapshot| snapshot.generation);
        let refresh_at = control.state.refresh_at().unwrap_or(now);
        for key in &keys {
            key.state().refresh_at(refresh_at);
        }
        self.snapshot.store(Some(Arc::new(Snapshot {
            generation: generation + 1,
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
    /// Whether a token that was issued at this time or before may be newer than the set, so that its key is missing.
    pub(super) fn may_be_newer(&self, issued_by: Option<Duration>) -> bool {
        issued_by.is_none_or(|issued_by| issued_by >= self.as_of)
    }

    fn failed(&mut self, problem: String) -> FetchOutcome {
        let was_failing = self.last_error.replace(problem.clone()).is_some();
        FetchOutcome::Failed {
            problem,
            was_failing,
        }
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
