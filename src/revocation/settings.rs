//! The settings of revocations.

use std::time::Duration;

use crate::clock::Clock;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) clock: Clock,
    pub(super) longest_token_life: Duration,
    pub(super) capacity: usize,
    pub(super) tolerate_outage: Duration,
    pub(super) accept_during_outage: bool,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            longest_token_life: DAY,
            capacity: 5_000_000,
            tolerate_outage: Duration::from_secs(60),
            accept_during_outage: false,
        }
    }
}
