//! The invariants of the key set under every policy and implementation. They follow from the requests, fetches and
//! results alone.

use std::time::Duration;

use super::keys::{DOCUMENTS, ISSUED, LEEWAY, MATERIALS, Name, TOKENS, is_signed_by};
use super::model_request::RequestResult;
use super::schedule::Answer;
use crate::verify::jwks::policy::{FETCH_GRACE, Policy};
use crate::verify_error::InvalidReason;

/// Returns an error if the promise does not hold.
macro_rules! promise {
    ($holds:expr, $($promise:tt)+) => {
        if !$holds {
            return Err(format!($($promise)+));
        }
    };
}

pub(super) struct Promises {
    policy: Policy,
    now: Duration,
    /// Counts the events so far.
    moment: u64,
    /// The time of the last successful fetch, and its keys.
    loaded: Option<(Duration, &'static [Name])>,
    /// The number of the last successful fetch.
    loaded_by: u64,
    /// When the last successful fetch began.
    as_of: Duration,
    /// The number of the last fetch that began.
    latest: u64,
    /// When the last fetch began, while it is in flight.
    under_way: Option<Duration>,
    /// When the last fetch failed, if it did.
    failed: Option<Duration>,
    /// The last moment at which a fetch ended without a result from the source.
    unsure: u64,
    withdrawn: [bool; MATERIALS],
    /// For each material, how often it was withdrawn. This number identifies a period of use of the key.
    periods: [u32; MATERIALS],
    /// The moment since which the token has been valid without interruption.
    good_since: [Option<u64>; TOKENS.len()],
    /// The last moment at which a published key had the token's key ID.
    forged_at: [u64; TOKENS.len()],
    /// When invalid tokens caused fetches: tokens with unknown key IDs or bad signatures.
    unknown_key_fetches: Vec<Duration>,
}

/// The state at the time when a request arrived.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    moment: u64,
    was_good: bool,
    was_fresh: bool,
    /// Whether the token was recognizable as forged without a fetch.
    was_forged: bool,
    latest: u64,
    period: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cause {
    Token(usize),
    Probe,
    ByHand,
}

impl Promises {
    pub(super) fn new(policy: Policy, now: Duration) -> Self {
        Self {
            policy,
            now,
            moment: 1,
            loaded: None,
            loaded_by: 0,
            as_of: Duration::ZERO,
            latest: 0,
            under_way: None,
            failed: None,
            unsure: 0,
            withdrawn: [false; MATERIALS],
            periods: [0; MATERIALS],
            good_since: [None; TOKENS.len()],
            forged_at: [0; TOKENS.len()],
            unknown_key_fetches: Vec::new(),
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.happened();
    }

    fn happened(&mut self) {
        self.moment += 1;
        if self.is_lost() {
            self.unsure = self.moment;
        }
        for token in 0..TOKENS.len() {
            self.good_since[token] = match (self.is_good(token), self.good_since[token]) {
                (true, None) => Some(self.moment),
                (true, since) => since,
                (false, _) => None,
            };
            if self.is_forged(token) {
                self.forged_at[token] = self.moment;
            }
        }
    }

    /// The keys that have not passed the hard limit.
    fn live(&self) -> &'static [Name] {
        match self.loaded {
            Some((at, keys)) if self.now < at + self.policy.serve_stale_for => keys,
            _ => &[],
        }
    }

    fn is_good(&self, token: usize) -> bool {
        let token = TOKENS[token];
        let signed = self.live().iter().any(|key| is_signed_by(token, *key));
        signed && !self.withdrawn[token.material]
    }

    fn is_forged(&self, token: usize) -> bool {
        let token = TOKENS[token];
        let named = |key: &Name| token.key_id.is_some() && key.key_id == token.key_id;
        self.live().iter().any(named)
    }

    /// Whether the token may be signed by a key that was published after the last successful fetch began.
    fn may_be_newer(&self, token: usize) -> bool {
        ISSUED[token].is_none_or(|issued| issued + LEEWAY >= self.as_of)
    }

    /// Whether the fetch in flight has exceeded its timeout without a result.
    fn is_lost(&self) -> bool {
        self.lost_since().is_some()
    }

    fn lost_since(&self) -> Option<Duration> {
        let limit = self.policy.fetch_timeout + FETCH_GRACE;
        let lost = self.under_way.map(|begun| begun + limit);
        lost.filter(|lost| self.now >= *lost)
    }

    fn is_failing(&self) -> bool {
        self.failed.is_some() || self.is_lost()
    }

    pub(super) fn begun(&mut self, cause: Cause) -> Result<(), String> {
        promise!(
            self.under_way.is_none() || self.is_lost(),
            "two concurrent fetches"
        );
        let traffic = cause != Cause::ByHand;
        let backing_off = self
            .failed
            .is_some_and(|at| self.now < at + self.policy.min_backoff);
        promise!(
            !traffic || !backing_off,
            "a fetch before the backoff has elapsed"
        );

        let earliest = self
            .policy
            .min_freshness
            .mul_f64(self.policy.refresh_ahead * 0.899);
        let fresh = self.loaded.is_some_and(|(at, _)| self.now < at + earliest);
        let fresh = fresh && !self.live().is_empty();
        match cause {
            Cause::Token(token) if fresh => {
                promise!(
                    !self.is_good(token),
                    "a fetch for a valid token although the keys are fresh"
                );
                self.unknown_key_fetches.push(self.now);
                self.within_the_bucket()?;
            }
            Cause::Probe => promise!(
                !fresh || self.withdrawn.contains(&true),
                "a readiness check fetches although there are keys"
            ),
            Cause::Token(_) | Cause::ByHand => {}
        }
        self.failed = self.lost_since().or(self.failed);
        self.latest += 1;
        self.under_way = Some(self.now);
        self.happened();
        Ok(())
    }

    /// In any period, unknown keys cause at most the burst plus one fetch per interval.
    fn within_the_bucket(&self) -> Result<(), String> {
        let interval = self.policy.unknown_key_interval.as_millis();
        for (nth, from) in self.unknown_key_fetches.iter().rev().enumerate() {
            let refilled = (self.now - *from).as_millis() / interval;
            let allowed = u128::from(self.policy.unknown_key_burst) + refilled;
            promise!(
                (nth as u128) < allowed,
                "more fetches for unknown keys than the bucket allows"
            );
        }
        Ok(())
    }

    /// Records that a fetch ended. `None` stands for an interruption, without a result from the source. The call has
    /// no effect if a later fetch has begun.
    pub(super) fn ended(&mut self, number: u64, answer: Option<Result<Answer, ()>>) {
        if number != self.latest {
            return;
        }
        let lost_since = self.lost_since();
        let began = self.under_way.take();
        match (answer, self.loaded) {
            (Some(Ok(Answer::Document { document, .. })), _) => {
                self.loads(DOCUMENTS[document], began);
            }
            (Some(Ok(Answer::Unchanged { .. })), Some((_, keys))) => self.loads(keys, began),
            (Some(_), _) => self.failed = Some(self.now),
            (None, _) => {
                self.unsure = self.moment + 1;
                self.failed = lost_since.or(self.failed);
            }
        }
        self.happened();
    }

    fn loads(&mut self, keys: &'static [Name], began: Option<Duration>) {
        let before = self.loaded.map_or(&[][..], |(_, before)| before);
        let stays = |old: &&Name| keys.iter().any(|key| key.material == old.material);
        for gone in before.iter().filter(|old| !stays(old)) {
            self.withdraws(gone.material);
        }
        for gone in before.iter().filter(|old| !stays(old)) {
            self.withdrawn[gone.material] = false;
        }
        self.loaded = Some((self.now, keys));
        self.loaded_by = self.latest;
        self.as_of = began.expect("what ends has begun");
        self.failed = None;
    }

    pub(super) fn withdraw(&mut self, key_id: &str) {
        for key in self.loaded.map_or(&[][..], |(_, keys)| keys) {
            if key.key_id == Some(key_id) {
                self.withdraws(key.material);
            }
        }
        self.happened();
    }

    fn withdraws(&mut self, material: usize) {
        if !self.withdrawn[material] {
            self.withdrawn[material] = true;
            self.periods[material] += 1;
        }
    }

    pub(super) fn arrival(&self, cause: Cause) -> Arrival {
        let (was_good, was_forged, period) = match cause {
            Cause::Token(token) => (
                self.is_good(token),
                self.is_forged(token) && !self.withdrawn.contains(&true),
                self.period(token),
            ),
            Cause::Probe | Cause::ByHand => (false, false, 0),
        };
        let was_fresh = |(at, _): (Duration, _)| self.now < at + self.policy.min_freshness;
        let was_fresh = self.loaded.is_some_and(was_fresh);
        let was_forged = was_forged && was_fresh && !was_good;
        Arrival {
            moment: self.moment,
            was_good,
            was_fresh,
            was_forged,
            latest: self.latest,
            period,
        }
    }

    /// The period of use of the token's key. All tokens of one period are current, or none is.
    pub(super) fn period(&self, token: usize) -> u32 {
        self.periods[TOKENS[token].material]
    }

    /// The period of the key in which the token was accepted; `None` if the period changed since the request arrived.
    pub(super) fn period_of(&self, arrival: &Arrival, token: usize) -> Option<u32> {
        (arrival.period == self.period(token)).then_some(arrival.period)
    }

    /// The request is pending after its first poll.
    pub(super) fn waits(arrival: &Arrival) -> Result<(), String> {
        promise!(
            !(arrival.was_good && arrival.was_fresh),
            "a valid token waits although the keys are fresh"
        );
        Ok(())
    }

    pub(super) fn check_result(
        &self,
        cause: Cause,
        arrival: &Arrival,
        result: &RequestResult,
    ) -> Result<(), String> {
        match cause {
            Cause::Token(token) => self.check_token_result(token, arrival, result),
            Cause::Probe => {
                let usable = self.live().iter().any(|key| !self.withdrawn[key.material]);
                promise!(
                    (*result == RequestResult::Done) == usable,
                    "readiness does not match the keys"
                );
                Ok(())
            }
            Cause::ByHand => {
                let refreshed = self.loaded_by > arrival.latest;
                promise!(
                    *result != RequestResult::Done || refreshed,
                    "a refresh succeeded with a fetch that began before it"
                );
                Ok(())
            }
        }
    }

    fn check_token_result(
        &self,
        token: usize,
        arrival: &Arrival,
        result: &RequestResult,
    ) -> Result<(), String> {
        let always_good = self.good_since[token].is_some_and(|since| since <= arrival.moment);
        promise!(
            *result == RequestResult::Accepted || !always_good,
            "a valid token is not accepted"
        );
        let live = !self.live().is_empty();
        match result {
            RequestResult::Accepted => {
                promise!(
                    arrival.was_good || self.is_good(token),
                    "a token is accepted without a usable key"
                );
            }
            RequestResult::Refused(InvalidReason::UnknownKey) => {
                promise!(
                    live && !self.is_failing(),
                    "unknown key, although the source is failing"
                );
                let fetched_since = self.loaded_by > arrival.latest;
                promise!(
                    fetched_since || !self.may_be_newer(token),
                    "unknown key, although the key may be newer than the key set"
                );
            }
            RequestResult::Refused(_) => {
                // A key with the token's key ID was published when the token arrived, or at some time since.
                let was_forged = self.forged_at[token] >= arrival.moment;
                promise!(
                    was_forged || self.is_forged(token),
                    "a bad signature, although no key has the token's key ID"
                );
            }
            RequestResult::Unavailable(_, retry_after) => {
                promise!(!arrival.was_forged, "unavailable for a forged token");
                let excused = !live || self.is_failing() || self.unsure >= arrival.moment;
                let soon = *retry_after <= self.policy.unknown_key_interval;
                promise!(
                    excused || (self.may_be_newer(token) && soon),
                    "unavailable, although the source works"
                );
            }
            RequestResult::Done | RequestResult::Failed(_) => {
                return Err("no answer for a token".into());
            }
        }
        Ok(())
    }
}
