//! Metrics, through the facade of the `metrics` crate.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};

use super::names;
use crate::access_token::AccessToken;

const DECISIONS: &str = "bearer_auth_decisions_total";
const LOOKUPS: &str = "bearer_auth_cache_lookups_total";
const REPLAY_PROOFS: &str = "bearer_auth_replay_memory_proofs";
const REVOCATIONS: &str = "bearer_auth_revocations";
const REVOCATION_STORE: &str = "bearer_auth_revocation_store_up";

/// Describes the [metrics](crate::telemetry#metrics) to the recorder.
///
/// Call it once, after the recorder was installed. Without it the metrics are recorded too, but have no descriptions.
pub fn describe_metrics() {
    describe_counter!(
        DECISIONS,
        Unit::Count,
        "Decisions about requests, of the layer and of guards behind it"
    );
    describe_counter!(
        LOOKUPS,
        Unit::Count,
        "Lookups of tokens in the cache of a verifier"
    );
    describe_histogram!(
        names::VERIFICATION_SECONDS,
        Unit::Seconds,
        "Time that a verifier took to answer"
    );
    describe_histogram!(
        names::INTROSPECTION_SECONDS,
        Unit::Seconds,
        "Time of an introspection request, with the wait for the concurrency limit"
    );
    describe_histogram!(
        names::KEY_FETCH_SECONDS,
        Unit::Seconds,
        "Time of a fetch of a key set"
    );
    describe_gauge!(
        REPLAY_PROOFS,
        Unit::Count,
        "Used proofs in the replay stores in memory"
    );
    describe_gauge!(REVOCATIONS, Unit::Count, "Revocations in memory");
    describe_gauge!(
        REVOCATION_STORE,
        Unit::Count,
        "1 if the store of revocations can be reached, otherwise 0"
    );
}

pub(super) fn count_decision(
    component: &'static str,
    outcome: &'static str,
    reason: Option<&'static str>,
    token: Option<&AccessToken>,
) {
    let verifier = token.map(AccessToken::verifier_name).unwrap_or_default();
    let reason = reason.unwrap_or_default();
    counter!(
        DECISIONS,
        "by" => component,
        "outcome" => outcome,
        "reason" => reason,
        "verifier" => verifier,
    )
    .increment(1);
}

#[cfg(feature = "cache")]
pub(crate) fn count_lookup(result: &'static str) {
    counter!(LOOKUPS, "result" => result).increment(1);
}

/// Adds to the number of revocations in memory, or removes from it.
pub(crate) fn add_revocations(change: isize) {
    if change != 0 {
        metrics::gauge!(REVOCATIONS).increment(change as f64);
    }
}

/// Records whether the store of revocations can be reached.
pub(crate) fn set_revocation_store(is_reached: bool) {
    metrics::gauge!(REVOCATION_STORE).set(f64::from(u8::from(is_reached)));
}

#[cfg(feature = "dpop")]
pub(crate) fn add_replay_proofs(proofs: usize) {
    metrics::gauge!(REPLAY_PROOFS).increment(proofs as f64);
}

#[cfg(feature = "dpop")]
pub(crate) fn remove_replay_proofs(proofs: usize) {
    metrics::gauge!(REPLAY_PROOFS).decrement(proofs as f64);
}

/// Measures the time of an operation.
#[derive(Debug)]
pub(super) struct Stopwatch {
    histogram: &'static str,
    since: Instant,
}

impl Stopwatch {
    pub(super) fn start(histogram: &'static str) -> Self {
        Self {
            histogram,
            since: Instant::now(),
        }
    }

    pub(super) fn stop(self, outcome: &'static str) {
        histogram!(self.histogram, "outcome" => outcome).record(self.since.elapsed());
    }
}
