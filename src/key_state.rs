//! Whether a key is still its issuer's, and until when nobody has to ask: shared by the key set and
//! every token the key verified.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::Clock;

/// What is known of a key. A new one is good until further notice.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    /// Flips once, when the key leaves its set or is withdrawn by hand.
    withdrawn: AtomicBool,
    /// For keys that are fetched: by whose clock, and from which of its milliseconds on, their set is to
    /// be refreshed.
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

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }

    /// Sets when the key's set is to be refreshed, by the monotonic time of its clock.
    #[cfg(feature = "jwks")]
    pub(crate) fn refresh_at(&self, at: std::time::Duration) {
        if let Some((_, refresh_at)) = &self.refresh {
            refresh_at.store(millis(at), Ordering::Release);
        }
    }

    /// Whether the key's set is to be refreshed, which a token that is merely remembered does not see to.
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
