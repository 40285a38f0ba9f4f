//! Detects a misconfigured issuer from the tokens that are refused for their issuer, and logs a warning.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::shown_url::ShownUrl;
use crate::telemetry::SETUP;

/// Counts the tokens with an issuer that is not configured. Clones of the verifier share it.
#[derive(Debug, Default)]
pub(crate) struct IssuerWatch {
    /// The number of such tokens since the last accepted token, up to [`MANY`].
    in_a_row: AtomicU32,
    has_warned_of_spelling: AtomicBool,
    has_seen_near_miss: AtomicBool,
}

/// The number of such tokens in a row that causes a warning.
const MANY: u32 = 10;

/// The maximum number of issuers in a warning.
const MAX_NAMES: usize = 10;

impl IssuerWatch {
    /// Records an accepted token. In most cases this is a single atomic load.
    pub(crate) fn accepted(&self) {
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// Records a token that names none of the `configured` issuers. The tenth in a row emits a warning. An accepted
    /// token resets the count.
    pub(crate) fn another<'n, N>(&self, verifier: &str, configured: impl FnOnce() -> N)
    where
        N: Iterator<Item = &'n str>,
    {
        let counted = self
            .in_a_row
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < MANY).then_some(count + 1)
            });
        if counted == Ok(MANY - 1) {
            let configured = ShownUrl::of_all(configured().take(MAX_NAMES));
            tracing::warn!(
                target: SETUP,
                verifier,
                ?configured,
                tokens = MANY,
                "tokens keep naming another issuer than the configured one",
            );
        }
    }

    /// Records a token with a misspelled issuer and an unknown key, and returns whether an earlier one was recorded. A
    /// single token must not cause a fetch.
    pub(super) fn is_near_miss_again(&self) -> bool {
        self.has_seen_near_miss.swap(true, Ordering::Relaxed)
    }

    /// Whether [`misspelt`](Self::misspelt) has warned.
    pub(super) fn has_warned_of_spelling(&self) -> bool {
        self.has_warned_of_spelling.load(Ordering::Relaxed)
    }

    /// Emits one warning about an issuer whose tokens have valid signatures and whose spelling differs from the
    /// configured one.
    pub(super) fn misspelt(&self, verifier: &str, configured: &str, issuer: &str) {
        if !self.has_warned_of_spelling.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: SETUP,
                verifier,
                configured,
                issuer,
                "the configured issuer is spelled differently from the issuer of verified tokens, which are \
                 refused for it",
            );
        }
    }
}
