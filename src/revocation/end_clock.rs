//! The time that decides when a revocation ends.

use std::time::Duration;

use crate::clock::Clock;

/// A clock that is never ahead of the time that has passed since it was made. If the system's clock is set ahead by
/// mistake, revocations must not end: they would be missing when it is set back.
#[derive(Debug)]
pub(super) struct EndClock {
    clock: Clock,
    /// The time since 1970 and the monotonic time when it was made.
    made_at: (Duration, Duration),
}

impl EndClock {
    pub(super) fn new(clock: Clock) -> Self {
        let made_at = (clock.since_epoch(), clock.monotonic());
        Self { clock, made_at }
    }

    /// The time since 1970.
    pub(super) fn now(&self) -> Duration {
        let passed = self.clock.monotonic().saturating_sub(self.made_at.1);
        earlier(self.clock.since_epoch(), self.made_at.0, passed)
    }
}

/// What the clock shows, but no more than what it showed at the start and what has passed since.
fn earlier(shown: Duration, shown_at_start: Duration, passed: Duration) -> Duration {
    shown.min(shown_at_start.saturating_add(passed))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_clock_that_is_set_ahead_ends_nothing() {
        let seconds = Duration::from_secs;
        assert_eq!(
            earlier(seconds(110), seconds(100), seconds(10)),
            seconds(110)
        );
        assert_eq!(
            earlier(seconds(90_000), seconds(100), seconds(10)),
            seconds(110)
        );
        assert_eq!(earlier(seconds(50), seconds(100), seconds(10)), seconds(50));
    }

    #[test]
    fn it_shows_the_time_of_its_clock() {
        let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(100));
        let end_clock = EndClock::new(clock.clone());
        clock.advance(Duration::from_secs(5));
        assert_eq!(end_clock.now(), Duration::from_secs(105));
    }
}
