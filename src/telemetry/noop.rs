//! Replaces `measure.rs` if the feature `metrics` is off.

use crate::access_token::AccessToken;

pub(super) fn count_decision(
    _: &'static str,
    _: &'static str,
    _: Option<&'static str>,
    _: Option<&AccessToken>,
) {
}

#[cfg(feature = "cache")]
pub(crate) fn count_lookup(_: &'static str) {}

pub(crate) fn add_revocations(_: isize) {}

pub(crate) fn set_revocation_store(_: bool) {}

#[cfg(feature = "dpop")]
pub(crate) fn add_replay_proofs(_: usize) {}

#[cfg(feature = "dpop")]
pub(crate) fn remove_replay_proofs(_: usize) {}

#[derive(Debug)]
pub(super) struct Stopwatch;

impl Stopwatch {
    pub(super) fn start(_: &'static str) -> Self {
        Self
    }

    pub(super) fn stop(self, _: &'static str) {}
}
