//! Waits for fetches of keys that may verify a token, and chooses the error if none does.

use std::time::Duration;

use super::remote::{Missing, RemoteKeys};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// A token with acceptable claims whose signature was made by none of the cached keys.
pub(super) struct NoSigner {
    /// The generation of the key set that was tried.
    pub(super) seen: u64,
    /// The latest time at which the token was issued, from its `iat` and the leeway.
    pub(super) issued_by: Option<Duration>,
    pub(super) mismatch: Mismatch,
}

/// Why no key verified a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// No key has the token's `kid`.
    UnknownKey,
    /// No key has the token's `kid`, and only a key that is too weak makes so short a signature.
    TooShort,
    /// The key with the token's `kid` did not verify it. The issuer may have replaced the key since.
    BadSignature,
}

impl Mismatch {
    /// The reason to refuse a token whose claims are unacceptable as well. It is refused without a fetch.
    pub(super) fn with_bad_claims(self, claims: InvalidReason) -> InvalidReason {
        match self {
            Self::UnknownKey | Self::TooShort => claims,
            // The token may be valid later and with a new key, so the reason must be one that is not cached.
            Self::BadSignature if claims == InvalidReason::NotYetValid => claims,
            Self::BadSignature => InvalidReason::BadSignature,
        }
    }
}

/// The waits of one token.
///
/// A fetch that another request began may have been sent before the key was published, so the token may begin a fetch of
/// its own after it. The result of that fetch is final, and so is that of a second fetch that another request began.
pub(super) struct KeyWait<'r> {
    remote: &'r dyn RemoteKeys,
    /// Whether the token has waited for a fetch of another request.
    joined: bool,
    /// The generation before the fetch whose result is final.
    before_last_fetch: Option<u64>,
    /// Whether a key is known that did not verify the signature. Such a token is refused even if the fetch fails, so
    /// that altered tokens are not answered 503.
    is_forged: bool,
}

impl<'r> KeyWait<'r> {
    pub(super) fn new(remote: &'r dyn RemoteKeys) -> Self {
        Self {
            remote,
            joined: false,
            before_last_fetch: None,
            is_forged: false,
        }
    }

    /// Waits for a fetch that may bring the key. The caller then tries the keys again.
    ///
    /// # Errors
    ///
    /// The error for the token if no further fetch can help.
    pub(super) async fn wait(&mut self, token: NoSigner) -> Result<(), VerifyError> {
        self.is_forged |= token.mismatch != Mismatch::UnknownKey;
        if let Some(before) = self.before_last_fetch {
            return Err(self.after_the_last_fetch(before, &token));
        }
        match self.remote.missing(token.seen, token.issued_by) {
            Missing::Changed => {}
            Missing::Refused(error) => return Err(self.answer(error, token.mismatch)),
            Missing::Wait { end, begun_before } => {
                end.await;
                self.before_last_fetch = (self.joined || !begun_before).then_some(token.seen);
                self.joined = true;
            }
        }
        Ok(())
    }

    fn after_the_last_fetch(&self, before: u64, token: &NoSigner) -> VerifyError {
        match token.mismatch {
            // The keys of the newer document do not verify it either.
            Mismatch::BadSignature if token.seen != before => {
                VerifyError::invalid(InvalidReason::BadSignature)
            }
            Mismatch::BadSignature => VerifyError::bad_signature_for_now(),
            Mismatch::UnknownKey | Mismatch::TooShort => {
                self.answer(self.remote.still_missing(before), token.mismatch)
            }
        }
    }

    /// The error of the key set, unless the signature is known to be bad.
    fn answer(&self, error: VerifyError, mismatch: Mismatch) -> VerifyError {
        let is_outage = matches!(error.kind(), VerifyErrorKind::Unavailable);
        match mismatch == Mismatch::BadSignature || (self.is_forged && is_outage) {
            true => VerifyError::bad_signature_for_now(),
            false => error,
        }
    }
}
