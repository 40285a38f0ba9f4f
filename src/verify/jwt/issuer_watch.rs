//! Notices a configured issuer that is not the issuer's own name, which otherwise shows in refused tokens alone.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::shown_url::ShownUrl;
use crate::telemetry::SETUP;

/// What a verifier has seen of tokens that name another issuer. Clones of the verifier share it.
#[derive(Debug, Default)]
pub(crate) struct IssuerWatch {
    /// How many such tokens came since the last one that was accepted, up to [`MANY`].
    in_a_row: AtomicU32,
    has_warned_of_spelling: AtomicBool,
    has_seen_near_miss: AtomicBool,
}

/// How many tokens in a row are no accident.
const MANY: u32 = 10;

/// How many names a warning has at most.
const MAX_NAMES: usize = 10;

impl IssuerWatch {
    /// Notes an accepted token. Almost always this is one load.
    pub(crate) fn accepted(&self) {
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// Notes a token that names none of the `configured` issuers, and warns when there were many in a row: once,
    /// until a token is accepted.
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

    /// Notes a token whose issuer is a near miss and whose key is not there, and tells whether it is not the first:
    /// a single stray token is no reason to fetch anything.
    pub(super) fn is_near_miss_again(&self) -> bool {
        self.has_seen_near_miss.swap(true, Ordering::Relaxed)
    }

    /// Whether [`misspelt`](Self::misspelt) has warned.
    pub(super) fn has_warned_of_spelling(&self) -> bool {
        self.has_warned_of_spelling.load(Ordering::Relaxed)
    }

    /// Warns, once, of an issuer whose tokens these keys verify and whose name is spelled otherwise.
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
