//! Where "now" comes from: the system, or a hand that a test moves.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The source of the current time, for everything here that has a date to check.
///
/// The default is the system's clock. A [manual](Self::manual) clock stands still until it is
/// moved; its clones move together, so a test keeps one and hands another to the verifier.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_bearer_auth::Clock;
///
/// let clock = Clock::manual(SystemTime::UNIX_EPOCH);
/// let held_by_a_verifier = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(held_by_a_verifier.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// ```
#[derive(Clone, Default)]
pub struct Clock {
    manual: Option<Arc<Mutex<SystemTime>>>,
}

impl Clock {
    /// The system's clock, which is also the default.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that shows `now` until it is moved with [`advance`](Self::advance) or
    /// [`set`](Self::set).
    pub fn manual(now: SystemTime) -> Self {
        Self {
            manual: Some(Arc::new(Mutex::new(now))),
        }
    }

    /// The current time.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that may ask the system"
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
    /// On the system's clock, which nobody can move, and past the end of time.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        *self.hand() += by;
    }

    /// Sets a manual clock, and all its clones, to `now`, which may lie in its past.
    ///
    /// # Panics
    ///
    /// On the system's clock, which nobody can move.
    #[track_caller]
    pub fn set(&self, now: SystemTime) {
        *self.hand() = now;
    }

    /// How long something lasts is measured with this: unlike the time of day, the system's never
    /// jumps. A manual clock has only the one hand.
    pub(crate) fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.manual {
            None => START.elapsed(),
            Some(_) => self.since_epoch(),
        }
    }

    /// The current time as a JWT writes it: the time since 1970. Before that it is zero.
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
