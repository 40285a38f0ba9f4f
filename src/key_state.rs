//! The state of a key, shared by its key set and every token that it verified: whether it was withdrawn, and when its set
//! is due for a refresh.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::Clock;

/// The state of a key. A new key is not withdrawn.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    /// Set once, when the key leaves its set or is withdrawn by hand.
    withdrawn: AtomicBool,
    /// For fetched keys: the clock of their set, and the time in milliseconds at which the set is due for a refresh.
    refresh: Option<(Clock, AtomicU64)>,
}

impl KeyState {
    /// The state of a fetched key. This is the clock of its set.
    #[cfg(feature = "jwks")]
    pub(crate) fn fetched(clock: Clock) -> Self {
        Self {
            withdrawn: AtomicBool::new(false),
            refresh: Some((clock, AtomicU64::new(0))),
        }
    }

    pub(crate) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
    }

    /// Whether the key can be withdrawn: it is in a set that is fetched.
    pub(crate) fn is_revocable(&self) -> bool {
        self.refresh.is_some()
    }

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }

    /// Sets the monotonic time at which the key's set is due for a refresh.
    #[cfg(feature = "jwks")]
    pub(crate) fn refresh_at(&self, at: std::time::Duration) {
        if let Some((_, refresh_at)) = &self.refresh {
            refresh_at.store(millis(at), Ordering::Release);
        }
    }

    /// Whether the key's set is due for a refresh. A cached token is then verified again, which starts the refresh.
    #[cfg(feature = "cache")]
    pub(crate) fn is_refresh_due(&self) -> bool {
        match &self.refresh {
            Some((clock, at)) => millis(clock.monotonic()) >= at.load(Ordering::Acquire),
            None => false,
        }
    }
}

#[cfg(any(feature = "jwks", feature = "cache"))]
fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
