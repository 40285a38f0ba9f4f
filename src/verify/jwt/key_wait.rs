//! Waits for keys that may verify a token, and decides what the token is told when they do not.

use std::time::Duration;

use super::remote::{Missing, RemoteKeys};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// A token with acceptable claims whose signature no key at hand made.
pub(super) struct NoSigner {
    /// The generation of the keys that were tried.
    pub(super) seen: u64,
    /// When the token was issued at the latest, if it says so.
    pub(super) issued_by: Option<Duration>,
    pub(super) mismatch: Mismatch,
}

/// Why none of the keys made a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// There is no key of the token's `kid`.
    UnknownKey,
    /// There is no key of the token's `kid`, and no key that is accepted here makes so short a signature.
    TooShort,
    /// A key of the token's `kid` did not make it. The issuer may have replaced the key since.
    BadSignature,
}

impl Mismatch {
    /// Why a token is refused at once whose claims are unacceptable, too.
    pub(super) fn with_bad_claims(self, claims: InvalidReason) -> InvalidReason {
        match self {
            Self::UnknownKey | Self::TooShort => claims,
            // With another key it may become good, so caches must not remember it.
            Self::BadSignature if claims == InvalidReason::NotYetValid => claims,
            Self::BadSignature => InvalidReason::BadSignature,
        }
    }
}

/// The waits of one token.
///
/// A fetch that another request began may have asked before the key was published, so after one of those the
/// token may begin its own. Its own fetch is the last word, and so is a second one of another request.
pub(super) struct KeyWait<'r> {
    remote: &'r dyn RemoteKeys,
    joined: bool,
    /// The generation before the fetch that is the last word.
    asked: Option<u64>,
    /// Whether the signature is known to be wrong. Such a token is refused even if the fetch fails: an attacker
    /// who alters tokens gets no 503.
    is_forged: bool,
}

impl<'r> KeyWait<'r> {
    pub(super) fn new(remote: &'r dyn RemoteKeys) -> Self {
        Self {
            remote,
            joined: false,
            asked: None,
            is_forged: false,
        }
    }

    /// Waits for a fetch that may bring the key, after which the keys are to be tried again.
    ///
    /// # Errors
    ///
    /// The answer to the token, where there is nothing more to wait for.
    pub(super) async fn wait(&mut self, token: NoSigner) -> Result<(), VerifyError> {
        self.is_forged |= token.mismatch != Mismatch::UnknownKey;
        if let Some(before) = self.asked {
            return Err(self.after_the_last_fetch(before, &token));
        }
        match self.remote.missing(token.seen, token.issued_by) {
            Missing::Changed => {}
            Missing::Refused(error) => return Err(self.answer(error, token.mismatch)),
            Missing::Wait { end, begun_before } => {
                end.await;
                self.asked = (self.joined || !begun_before).then_some(token.seen);
                self.joined = true;
            }
        }
        Ok(())
    }

    fn after_the_last_fetch(&self, before: u64, token: &NoSigner) -> VerifyError {
        match token.mismatch {
            // The keys of a document that came since do not fit either.
            Mismatch::BadSignature if token.seen != before => {
                VerifyError::invalid(InvalidReason::BadSignature)
            }
            Mismatch::BadSignature => VerifyError::bad_signature_for_now(),
            Mismatch::UnknownKey | Mismatch::TooShort => {
                self.answer(self.remote.still_missing(before), token.mismatch)
            }
        }
    }

    /// What the key set answers, unless the signature is known to be wrong.
    fn answer(&self, error: VerifyError, mismatch: Mismatch) -> VerifyError {
        let is_outage = matches!(error.kind(), VerifyErrorKind::Unavailable);
        match mismatch == Mismatch::BadSignature || (self.is_forged && is_outage) {
            true => VerifyError::bad_signature_for_now(),
            false => error,
        }
    }
}
