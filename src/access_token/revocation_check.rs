//! The trait of revocations, which `revocation` implements: a token does not depend on stores.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::verified::Verified;
use crate::verify_error::VerifyError;

/// Whether verified tokens were revoked.
pub(crate) trait RevocationCheck: fmt::Debug + Send + Sync {
    /// # Errors
    ///
    /// If the token is revoked, or if too much may be unknown to say that it is not.
    fn check(&self, verified: &Verified) -> Result<(), VerifyError>;
}

/// The mark of the revocations that did not include the token when it was looked up last. Zero if it never was.
///
/// A copy of a token may get other claims, so it starts at zero.
#[derive(Debug, Default)]
pub(crate) struct NotRevokedAt(AtomicU64);

impl NotRevokedAt {
    #[inline]
    pub(crate) fn is(&self, mark: u64) -> bool {
        self.0.load(Ordering::Relaxed) == mark
    }

    pub(crate) fn set(&self, mark: u64) {
        self.0.store(mark, Ordering::Relaxed);
    }
}

impl Clone for NotRevokedAt {
    fn clone(&self) -> Self {
        Self::default()
    }
}
