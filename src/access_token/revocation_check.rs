//! The trait that `revocation` implements, so that a token does not depend on stores.

use std::fmt;
use std::panic::RefUnwindSafe;

use super::verified::Verified;
use crate::verify_error::VerifyError;

/// Whether verified tokens were revoked.
pub(crate) trait RevocationCheck: fmt::Debug + Send + Sync + RefUnwindSafe {
    /// # Errors
    ///
    /// If the token is revoked, or if its revocation may be missing.
    fn check(&self, verified: &Verified) -> Result<(), VerifyError>;
}
