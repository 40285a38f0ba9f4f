//! The source of the current time: the system's clock, or a manual clock for tests.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The source of the current time for verifiers, caches and key sets.
///
/// The default is the system's clock. Use a [manual](Self::manual) clock in tests: it shows the same time until the
/// test moves it. Clones share their time, so a test keeps one clone and passes another to the verifier.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_bearer_auth::Clock;
///
/// let clock = Clock::manual(SystemTime::UNIX_EPOCH);
/// let clock_of_the_verifier = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock_of_the_verifier.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// ```
#[derive(Clone, Default)]
pub struct Clock {
    manual: Option<Arc<Mutex<SystemTime>>>,
}

impl Clock {
    /// The system's clock. This is the default.
    pub fn system() -> Self {
        Self::default()
    }

    /// Creates a clock that shows `now` until [`advance`](Self::advance) or [`set`](Self::set) moves it.
    pub fn manual(now: SystemTime) -> Self {
        Self {
            manual: Some(Arc::new(Mutex::new(now))),
        }
    }

    /// The current time.
    #[allow(
        clippy::disallowed_methods,
        reason = "the only place that reads the system's clock"
    )]
    pub fn now(&self) -> SystemTime {
        match &self.manual {
            None => SystemTime::now(),
            Some(hand) => *hand.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a manual clock, and all its clones, forward.
    ///
    /// # Panics
    ///
    /// If this is the system's clock, or if the new time cannot be represented.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        *self.hand() += by;
    }

    /// Sets a manual clock, and all its clones, to `now`, which may be before its current time.
    ///
    /// # Panics
    ///
    /// If this is the system's clock.
    #[track_caller]
    pub fn set(&self, now: SystemTime) {
        *self.hand() = now;
    }

    /// The monotonic time since a fixed point, for measuring durations. Unlike the time of day, it never jumps. A
    /// manual clock has one time for both.
    pub(crate) fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.manual {
            None => START.elapsed(),
            Some(_) => self.since_epoch(),
        }
    }

    /// The time since 1970-01-01T00:00:00Z, as in the dates of JWTs (RFC 7519 §2). Zero before 1970.
    pub(crate) fn since_epoch(&self) -> Duration {
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    #[track_caller]
    fn hand(&self) -> std::sync::MutexGuard<'_, SystemTime> {
        match &self.manual {
            Some(hand) => hand.lock().unwrap_or_else(PoisonError::into_inner),
            None => panic!("only a manual clock can be moved"),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.manual {
            None => f.write_str("Clock::system()"),
            Some(_) => write!(f, "Clock::manual({:?})", self.now()),
        }
    }
}
