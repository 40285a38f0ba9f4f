//! The number of fetches that the documentation of `Jwks` allows, whatever clients send.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::gateway::Party;

/// The fetches of one key set, hour by hour.
pub(super) struct Budget {
    /// The maximum content of the bucket: 2 at the start, and one more every 15 seconds.
    bucket: f64,
    /// How many fetches had begun before this hour.
    before: usize,
    /// Whether a scheduled refresh is due in this hour.
    due: bool,
    pub(super) fetches: usize,
    pub(super) allowed: usize,
}

const BURST: f64 = 2.0;
const INTERVAL: f64 = 15.0;

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            bucket: BURST,
            before: 0,
            due: true,
            fetches: 0,
            allowed: 0,
        }
    }

    /// Begins an hour, after the time `passed` since the last one.
    pub(super) fn begin(&mut self, party: &Party, passed: Duration) {
        self.bucket = BURST.min(self.bucket + passed.as_secs_f64() / INTERVAL);
        // Without keys, all requests wait for the same fetch. A failing source is fetched once per backoff.
        let next = party.jwks.status().next_refresh();
        self.due = next.is_none_or(|next| next.is_zero());
        self.before = party.fetches.begun.load(Ordering::SeqCst);
    }

    /// Ends the hour, with an error if there were too many fetches.
    pub(super) fn end(&mut self, party: &Party) -> Result<(), String> {
        let fetches = party.fetches.begun.load(Ordering::SeqCst) - self.before;
        let scheduled = usize::from(self.due);
        let allowed = self.bucket.floor() as usize + scheduled;
        self.bucket = (self.bucket - fetches.saturating_sub(scheduled) as f64).max(0.0);
        self.fetches += fetches;
        self.allowed += allowed;
        match fetches <= allowed {
            true => Ok(()),
            false => Err(format!("{fetches} fetches, not {allowed} at most")),
        }
    }
}
