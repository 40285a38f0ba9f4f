//! The lookup of a token's key: among the current keys, and in a fetched document.
//!
//! A [`JwtVerifier`](crate::JwtVerifier) calls these methods from top to bottom: [`find`](RemoteKeys::find) for every
//! token; [`missing`](RemoteKeys::missing) if no current key verified it, and `find` again after that fetch;
//! [`still_missing`](RemoteKeys::still_missing) if the key is not in the fetched document.

use std::time::Duration;

use super::handle::Jwks;
use super::policy::{Decision, Event};
use super::status::RefreshError;
use crate::verify::jwt::remote::{Missing, RemoteKeys, RemoteView};
use crate::verify::keys::signer::{Found, SignatureSearch};
use crate::verify_error::{InvalidReason, VerifyError};

/// The error if no fetch has failed and none has succeeded.
pub(super) const NOT_LOADED: &str = "the keys are not loaded";

/// The error for a token whose key may have been published since the last fetch.
pub(super) const MAY_BE_NEWER: &str =
    "the token may be newer than the keys, and the limit of fetches for unknown keys is exhausted";

impl RemoteKeys for Jwks {
    /// With fresh keys this takes no lock, and threads do not wait for each other.
    fn find(&self, search: &SignatureSearch<'_>, may_wait: bool) -> Found {
        let now = self.cache.clock.monotonic();
        let snapshot = self.cache.snapshot();
        let Some(snapshot) = snapshot.as_ref().filter(|s| now < s.dead_at) else {
            return Found::NoKey;
        };
        if now >= snapshot.stale_at {
            if let (_, Some(fetch)) = self.handle(Event::KnownKey)
                && may_wait
            {
                return Found::Later(fetch.ended());
            }
        } else if now >= snapshot.refresh_at {
            self.refresh_unless_locked();
        }
        search.among(&snapshot.keys)
    }

    fn missing(&self, seen: u64, issued_by: Option<Duration>) -> Missing {
        let Some(plan) = self.cache.plan_for_unknown_key(seen, issued_by) else {
            return Missing::Changed;
        };
        match self.carry_out(plan) {
            (decision, Some(fetch)) => Missing::Wait {
                end: fetch.ended(),
                begun_before: decision == Decision::Join,
            },
            (decision, None) => Missing::Refused(self.refusal(decision, MAY_BE_NEWER)),
        }
    }

    fn still_missing(&self, seen: u64) -> VerifyError {
        match self.handle(Event::StillUnknownKey).0 {
            // The fetch was lost or interrupted and brought no document, so it is unknown whether the key exists.
            Decision::NoSuchKey if self.generation() == seen => {
                let retry_after = Duration::ZERO;
                self.refusal(Decision::Unavailable { retry_after }, NOT_LOADED)
            }
            decision @ (Decision::NoSuchKey
            | Decision::Unavailable { .. }
            | Decision::Use
            | Decision::UseAndFetch
            | Decision::Fetch
            | Decision::Join) => self.refusal(decision, NOT_LOADED),
        }
    }

    fn view(&self) -> RemoteView {
        let now = self.cache.clock.monotonic();
        let snapshot = self.cache.snapshot();
        let snapshot = snapshot.as_ref().filter(|s| now < s.dead_at);
        let status = self.status();
        let left_out = status.left_out();
        let owned = |(key_id, reason): (Option<&str>, _)| (key_id.map(str::to_owned), reason);
        RemoteView {
            keys: snapshot.map_or_else(Vec::new, |snapshot| snapshot.keys.clone()),
            left_out: left_out.keys().map(owned).collect(),
            unread: left_out.unread(),
            fetched_at: status.last_success(),
            error: status.last_error().map(str::to_owned),
        }
    }

    fn generation(&self) -> u64 {
        self.cache.generation()
    }

    fn source_name(&self) -> &str {
        self.cache.name()
    }
}

impl Jwks {
    /// The error for a token. That of an outage names the last error of a fetch, or else `problem`.
    fn refusal(&self, decision: Decision, problem: &str) -> VerifyError {
        let retry_after = match decision {
            Decision::NoSuchKey => return VerifyError::invalid(InvalidReason::UnknownKey),
            Decision::Unavailable { retry_after } => retry_after,
            Decision::Use | Decision::UseAndFetch | Decision::Fetch | Decision::Join => {
                Duration::ZERO
            }
        };
        let last_error = self.cache.last_error();
        let problem = last_error.unwrap_or_else(|| problem.to_owned());
        VerifyError::unavailable(RefreshError { problem }).with_retry_after(retry_after)
    }
}
