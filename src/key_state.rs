//! The state of a key: whether it was withdrawn, and when its set has to be refreshed. The key set shares it with every
//! token that the key verified.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::Clock;

/// The state of a key. A new key is not withdrawn.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    /// Becomes true once: when the key leaves its set, or `Jwks::withdraw` names it.
    withdrawn: AtomicBool,
    /// For keys that are fetched: the clock of the key set, and the monotonic time in milliseconds from which on the set
    /// has to be refreshed.
    refresh: Option<(Clock, AtomicU64)>,
}

impl KeyState {
    /// The state of a key whose set is refreshed by this clock.
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

    /// Sets when the key's set has to be refreshed, by the monotonic time of its clock.
    #[cfg(feature = "jwks")]
    pub(crate) fn refresh_at(&self, at: std::time::Duration) {
        if let Some((_, refresh_at)) = &self.refresh {
            refresh_at.store(millis(at), Ordering::Release);
        }
    }

    /// Whether the key's set has to be refreshed. A cached token does not do that, so it must be verified again.
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
