//! When to fetch, when to wait and what to answer meanwhile: a pure function of state, time and event.
//!
//! This file is the specification. It fetches nothing and knows no clock; `cache.rs` carries out what
//! is decided here. Times are durations since an arbitrary start.

use std::time::Duration;

/// The numbers. Their defaults are in the documentation of [`Jwks`](super::Jwks), their bounds in that of
/// its builder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// How long a fetch may take. One that has not ended by then is lost with whoever ran it.
    pub(super) fetch_timeout: Duration,
    /// How long a document counts as fresh when its source does not say.
    pub(super) default_freshness: Duration,
    /// What the source says is kept within these two.
    pub(super) min_freshness: Duration,
    pub(super) max_freshness: Duration,
    /// After which part of its freshness a document is fetched anew, from 0 to 1.
    pub(super) refresh_ahead: f64,
    /// How long after the last successful fetch its keys may still be used.
    pub(super) serve_stale_for: Duration,
    /// How many fetches tokens with unknown keys may cause in a row.
    pub(super) unknown_key_burst: u32,
    /// After how long one such fetch becomes possible again.
    pub(super) unknown_key_interval: Duration,
    /// How long to leave a failing source alone: doubled with each failure, from the first to the
    /// second.
    pub(super) min_backoff: Duration,
    pub(super) max_backoff: Duration,
}

impl Policy {
    /// What a builder begins with.
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

/// How much longer than its timeout a fetch is given to report its end.
pub(super) const FETCH_GRACE: Duration = Duration::from_secs(1);

/// What is known about the source and the keys it gave.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct State {
    /// A fetch is under way, since then.
    fetching: Option<Duration>,
    /// The last successful fetch.
    loaded: Option<Loaded>,
    /// The failures since then.
    failed: Option<Failed>,
    /// What was taken out of the bucket, and since when it refills.
    spent: u32,
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
    /// A token names a key that is in the set, or would be verified by one.
    KnownKey,
    /// No key of the set verified a token, or there is no set yet. The key may have been published since, or may have
    /// replaced another with the same `kid`.
    UnknownKey {
        /// Whether the token may have been issued since the last successful fetch began.
        may_be_newer: bool,
    },
    /// The fetch that such a token waited for ended, and its key is still not there. Whether that fetch
    /// brought a document is for the executor to see.
    StillUnknownKey,
    /// Somebody asks for a refresh, and will wait for it.
    RefreshRequested,
    /// A fetch brought usable keys. Jitter, from -1 to 1, keeps many servers from refreshing in step.
    Fetched {
        freshness: Option<Duration>,
        jitter: f64,
    },
    /// A fetch brought none.
    FetchFailed,
    /// A fetch ended because whoever ran it was gone, which says nothing about the source.
    FetchInterrupted,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decision {
    /// Nothing: use what is there.
    Use,
    /// Use what is there, and start a fetch nobody waits for.
    UseAndFetch,
    /// Start a fetch and wait for it.
    Fetch,
    /// Wait for the fetch that is under way.
    Join,
    /// The key does not exist: it was not in the set that was fetched after the token was issued.
    NoSuchKey,
    /// Nobody can say, and asking again makes no sense before this much time has passed.
    Unavailable { retry_after: Duration },
}

impl Policy {
    /// The whole of it: the next state, and what to do.
    pub(super) fn decide(&self, state: State, now: Duration, event: Event) -> (State, Decision) {
        let state = self.forget_dead_keys(self.refill(state, now), now);
        let state = match event {
            // A fetch that says how it ended is not lost, however late it does.
            Event::Fetched { .. } | Event::FetchFailed => state,
            _ if self.has_lost_fetch(state, now) => self.fetch_failed(state, now),
            _ => state,
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

    /// Keys serve until the hard limit. When their refresh is due, traffic starts it and goes on. When
    /// nobody did before they became stale, because there was no traffic, they may have been withdrawn
    /// long since: then traffic waits, but only for a source that has not failed it.
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

    /// A key may have been added since the last fetch, so it is worth another one: but only as many
    /// as the bucket allows, because a client can invent key IDs. When the bucket is empty, the last fetch is
    /// the answer to a token that is older than it.
    fn unknown_key(&self, state: State, now: Duration, may_be_newer: bool) -> (State, Decision) {
        if state.loaded.is_none() {
            return self.first_load(state, now);
        }
        if state.fetching.is_some() {
            return (state, Decision::Join);
        }
        let empty = state.spent >= self.unknown_key_burst;
        match state.failed {
            // Whether the key exists, the failing source cannot say.
            Some(failed) if now < failed.retry_at => (state, unavailable(now, failed.retry_at)),
            Some(_) if empty => (state, unavailable(now, self.refilled_at(state))),
            None if empty && may_be_newer => (state, unavailable(now, self.refilled_at(state))),
            None if empty => (state, Decision::NoSuchKey),
            _ => {
                let spent = State {
                    spent: state.spent + 1,
                    // A full bucket does not refill; it starts to when the first is taken.
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

    /// Without any keys everybody waits for the same fetch, which spends nothing.
    fn first_load(&self, state: State, now: Duration) -> (State, Decision) {
        match state.failed {
            Some(failed) if state.fetching.is_none() && now < failed.retry_at => {
                (state, unavailable(now, failed.retry_at))
            }
            _ => state.fetch_or_join(now),
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
        // A tenth of it either way, but never past the point where it is no longer fresh.
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
            // It was lost, and counted then.
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

    /// A fetch has its timeout, and its task a little longer to say how it ended. After that there is no
    /// such task any more, or it does not run: nobody should wait for it, and it counts as failed.
    pub(super) fn has_lost_fetch(&self, state: State, now: Duration) -> bool {
        let lost_after = self.fetch_timeout.saturating_add(FETCH_GRACE);
        state
            .fetching
            .is_some_and(|since| now >= since.saturating_add(lost_after))
    }

    /// Past the hard limit keys are as good as never loaded.
    fn forget_dead_keys(&self, state: State, now: Duration) -> State {
        let loaded = state.loaded.filter(|loaded| now < loaded.dead_at);
        State { loaded, ..state }
    }

    /// One fetch comes back per interval.
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
    /// When keys are to be fetched anew, if there are any.
    pub(super) fn refresh_at(&self) -> Option<Duration> {
        self.loaded.map(|loaded| loaded.refresh_at)
    }

    /// Until when the keys may be used, if there are any.
    pub(super) fn dead_at(&self) -> Option<Duration> {
        self.loaded.map(|loaded| loaded.dead_at)
    }

    /// From when on traffic waits for fresh keys, if there are any.
    pub(super) fn stale_at(&self) -> Option<Duration> {
        self.loaded.map(|loaded| loaded.stale_at)
    }

    /// When the next refresh is possible: when it is due, or when a failing source may be asked again.
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
