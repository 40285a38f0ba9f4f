//! When to fetch, when to wait, and which keys to use meanwhile: a pure function of state, time and event.
//!
//! This file is the specification. It fetches nothing and reads no clock. `cache.rs` and `handle.rs` carry out its
//! decisions. Times are durations since an arbitrary start.

use std::time::Duration;

/// The settings. The documentation of [`Jwks`](super::Jwks) has their defaults, that of its builder their bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// The time limit of a fetch. A fetch that has not reported its end [soon after](FETCH_GRACE) is lost.
    pub(super) fetch_timeout: Duration,
    /// The freshness lifetime of a document whose source does not give one.
    pub(super) default_freshness: Duration,
    /// The bounds of the lifetime that the source gives.
    pub(super) min_freshness: Duration,
    pub(super) max_freshness: Duration,
    /// Fraction of the freshness lifetime after which the document is refetched, from 0 to 1.
    pub(super) refresh_ahead: f64,
    /// How long after the last successful fetch its keys may still be used.
    pub(super) serve_stale_for: Duration,
    /// The number of fetches that tokens with unknown keys may cause in a row.
    pub(super) unknown_key_burst: u32,
    /// The time after which one more such fetch is possible.
    pub(super) unknown_key_interval: Duration,
    /// The backoff after a failed fetch: the minimum, doubled with each further failure up to the maximum.
    pub(super) min_backoff: Duration,
    pub(super) max_backoff: Duration,
}

impl Policy {
    /// The defaults.
    pub(super) const DEFAULT: Self = Self {
        fetch_timeout: Duration::from_secs(5),
        default_freshness: Duration::from_secs(15 * 60),
        min_freshness: Duration::from_secs(5 * 60),
        max_freshness: Duration::from_secs(60 * 60),
        refresh_ahead: 0.8,
        serve_stale_for: Duration::from_secs(24 * 60 * 60),
        unknown_key_burst: 2,
        unknown_key_interval: Duration::from_secs(15),
        min_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(60),
    };
}

/// The time after its time limit within which a fetch must report its end.
pub(super) const FETCH_GRACE: Duration = Duration::from_secs(1);

/// What is known about the source and its keys.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct State {
    /// When the fetch in progress began.
    fetching: Option<Duration>,
    /// The last successful fetch.
    loaded: Option<Loaded>,
    /// The failures since then.
    failed: Option<Failed>,
    /// The number of fetches taken from the bucket of [`unknown_key_burst`](Policy::unknown_key_burst).
    spent: u32,
    /// When the bucket began to refill.
    refilling_since: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Loaded {
    refresh_at: Duration,
    stale_at: Duration,
    dead_at: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Failed {
    times: u32,
    retry_at: Duration,
}

/// What happens to a key set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A key of the set may verify a token, or a probe needs one.
    KnownKey,
    /// No key of the set verified a token, or there is no set yet. The issuer may have published the key since, or
    /// replaced another one with the same `kid`.
    UnknownKey {
        /// Whether the token may have been issued since the last successful fetch began.
        may_be_newer: bool,
    },
    /// The fetch that such a token waited for has ended, and its key is still missing. The executor checks whether that
    /// fetch brought a document.
    StillUnknownKey,
    /// The user calls [`Jwks::refresh`](super::Jwks::refresh), and waits for it.
    RefreshRequested,
    /// A fetch returned usable keys. The jitter, from -1 to 1, keeps many servers from refreshing at the same time.
    Fetched {
        freshness: Option<Duration>,
        jitter: f64,
    },
    /// A fetch failed.
    FetchFailed,
    /// The task of a fetch was dropped, which says nothing about the source.
    FetchInterrupted,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decision {
    /// Use the current keys.
    Use,
    /// Use the current keys, and start a fetch in the background.
    UseAndFetch,
    /// Start a fetch and wait for it.
    Fetch,
    /// Wait for the fetch in progress.
    Join,
    /// The key does not exist: a document that was fetched after the token was issued does not have it.
    NoSuchKey,
    /// It is unknown whether the key exists. A retry before this time has elapsed cannot succeed.
    Unavailable { retry_after: Duration },
}

impl Policy {
    /// The next state, and the decision.
    pub(super) fn decide(&self, state: State, now: Duration, event: Event) -> (State, Decision) {
        let state = self.forget_dead_keys(self.refill(state, now), now);
        let state = match event {
            // A fetch that reports its end is not lost, however late it is.
            Event::Fetched { .. } | Event::FetchFailed => state,
            Event::KnownKey
            | Event::UnknownKey { .. }
            | Event::StillUnknownKey
            | Event::RefreshRequested
            | Event::FetchInterrupted => match self.has_lost_fetch(state, now) {
                true => self.fetch_failed(state, now),
                false => state,
            },
        };
        match event {
            Event::KnownKey => self.known_key(state, now),
            Event::UnknownKey { may_be_newer } => self.unknown_key(state, now, may_be_newer),
            Event::StillUnknownKey => match (state.loaded, state.failed) {
                (Some(_), None) => (state, Decision::NoSuchKey),
                (_, Some(failed)) => (state, unavailable(now, failed.retry_at)),
                (None, None) => (state, unavailable(now, now)),
            },
            Event::RefreshRequested => state.fetch_or_join(now),
            Event::Fetched { freshness, jitter } => {
                (self.fetched(state, now, freshness, jitter), Decision::Use)
            }
            Event::FetchFailed => (self.fetch_failed(state, now), Decision::Use),
            Event::FetchInterrupted => (state.without_fetch(), Decision::Use),
        }
    }

    /// Keys are used until the hard limit. Traffic refreshes them ahead of time, in the background. Without traffic they
    /// become stale, and may have been removed long ago: then requests wait for a fetch, unless the source is failing.
    fn known_key(&self, state: State, now: Duration) -> (State, Decision) {
        let Some(loaded) = state.loaded else {
            return self.first_load(state, now);
        };
        if now >= loaded.stale_at && state.failed.is_none() {
            return state.fetch_or_join(now);
        }
        let due = now >= loaded.refresh_at && state.may_retry(now);
        match due && state.fetching.is_none() {
            true => (state.with_fetch(now), Decision::UseAndFetch),
            false => (state, Decision::Use),
        }
    }

    /// The issuer may have added the key since the last fetch, so a new fetch may find it. The bucket limits these fetches,
    /// because clients can invent key IDs. When it is empty, the last fetch decides about tokens that are older than it.
    fn unknown_key(&self, state: State, now: Duration, may_be_newer: bool) -> (State, Decision) {
        if state.loaded.is_none() {
            return self.first_load(state, now);
        }
        if state.fetching.is_some() {
            return (state, Decision::Join);
        }
        let empty = state.spent >= self.unknown_key_burst;
        match state.failed {
            // It is unknown whether the key exists.
            Some(failed) if now < failed.retry_at => (state, unavailable(now, failed.retry_at)),
            Some(_) if empty => (state, unavailable(now, self.refilled_at(state))),
            None if empty && may_be_newer => (state, unavailable(now, self.refilled_at(state))),
            None if empty => (state, Decision::NoSuchKey),
            Some(_) | None => {
                let spent = State {
                    spent: state.spent + 1,
                    // A full bucket does not refill. It begins when the first fetch is taken.
                    refilling_since: match state.spent {
                        0 => now,
                        _ => state.refilling_since,
                    },
                    ..state
                };
                (spent.with_fetch(now), Decision::Fetch)
            }
        }
    }

    /// Without any keys all requests wait for the same fetch, which takes nothing from the bucket.
    fn first_load(&self, state: State, now: Duration) -> (State, Decision) {
        match state.failed {
            Some(failed) if state.fetching.is_none() && now < failed.retry_at => {
                (state, unavailable(now, failed.retry_at))
            }
            Some(_) | None => state.fetch_or_join(now),
        }
    }

    fn fetched(
        &self,
        state: State,
        now: Duration,
        freshness: Option<Duration>,
        jitter: f64,
    ) -> State {
        let freshness = freshness.map_or(self.default_freshness, |said| {
            said.clamp(self.min_freshness, self.max_freshness)
        });
        // Up to a tenth earlier or later, and never after the end of the freshness lifetime.
        let part = (self.refresh_ahead * (1.0 + 0.1 * jitter)).clamp(0.0, 1.0);
        State {
            fetching: None,
            failed: None,
            loaded: Some(Loaded {
                refresh_at: now.saturating_add(freshness.mul_f64(part)),
                stale_at: now.saturating_add(freshness),
                dead_at: now.saturating_add(self.serve_stale_for),
            }),
            ..state
        }
    }

    fn fetch_failed(&self, state: State, now: Duration) -> State {
        let before = state.failed.map_or(0, |failed| failed.times);
        let times = match state.fetching {
            Some(_) => before.saturating_add(1),
            // The fetch was lost, and counted when that was found.
            None => before.max(1),
        };
        let doubled = 2_u32.saturating_pow(times - 1);
        let backoff = self
            .min_backoff
            .saturating_mul(doubled)
            .min(self.max_backoff);
        State {
            fetching: None,
            failed: Some(Failed {
                times,
                retry_at: now.saturating_add(backoff),
            }),
            ..state
        }
    }

    /// Whether the fetch in progress has not reported its end within its time limit and the grace. Its task is gone or
    /// does not run, so no request waits for it any longer, and it counts as failed.
    pub(super) fn has_lost_fetch(&self, state: State, now: Duration) -> bool {
        let lost_after = self.fetch_timeout.saturating_add(FETCH_GRACE);
        state
            .fetching
            .is_some_and(|since| now >= since.saturating_add(lost_after))
    }

    /// Past the hard limit, the keys count as never loaded.
    fn forget_dead_keys(&self, state: State, now: Duration) -> State {
        let loaded = state.loaded.filter(|loaded| now < loaded.dead_at);
        State { loaded, ..state }
    }

    /// Returns one fetch to the bucket per interval.
    fn refill(&self, state: State, now: Duration) -> State {
        let interval = self.unknown_key_interval.as_nanos().max(1);
        let waited = now.saturating_sub(state.refilling_since).as_nanos();
        let refilled = u32::try_from(waited / interval).unwrap_or(u32::MAX);
        let whole_intervals = self.unknown_key_interval.saturating_mul(refilled);
        State {
            spent: state.spent.saturating_sub(refilled),
            refilling_since: state.refilling_since.saturating_add(whole_intervals),
            ..state
        }
    }

    fn refilled_at(&self, state: State) -> Duration {
        state
            .refilling_since
            .saturating_add(self.unknown_key_interval)
    }
}

impl State {
    /// When the keys are due for a refresh, if there are any.
    pub(super) fn refresh_at(&self) -> Option<Duration> {
        self.loaded.map(|loaded| loaded.refresh_at)
    }

    /// When the keys expire, if there are any.
    pub(super) fn dead_at(&self) -> Option<Duration> {
        self.loaded.map(|loaded| loaded.dead_at)
    }

    /// When the keys become stale, so that requests wait for a refresh, if there are any.
    pub(super) fn stale_at(&self) -> Option<Duration> {
        self.loaded.map(|loaded| loaded.stale_at)
    }

    /// When the next refresh is possible: when it is due and the backoff has elapsed.
    pub(super) fn next_refresh_at(&self) -> Option<Duration> {
        let retry_at = self.failed.map_or(Duration::ZERO, |failed| failed.retry_at);
        self.loaded.map(|loaded| loaded.refresh_at.max(retry_at))
    }

    fn may_retry(&self, now: Duration) -> bool {
        self.failed.is_none_or(|failed| now >= failed.retry_at)
    }

    fn fetch_or_join(self, now: Duration) -> (Self, Decision) {
        match self.fetching {
            Some(_) => (self, Decision::Join),
            None => (self.with_fetch(now), Decision::Fetch),
        }
    }

    fn with_fetch(self, now: Duration) -> Self {
        Self {
            fetching: Some(now),
            ..self
        }
    }

    fn without_fetch(self) -> Self {
        Self {
            fetching: None,
            ..self
        }
    }
}

fn unavailable(now: Duration, until: Duration) -> Decision {
    Decision::Unavailable {
        retry_after: until.saturating_sub(now),
    }
}

#[cfg(test)]
mod tests;
