//! The contract of a verifier.

use tower_service::Service;

use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// Anything that verifies bearer tokens: every tower service of this shape is one, so there is
/// nothing to implement by hand.
///
/// The error may be anything that becomes a [`VerifyError`], tower's `BoxError` included.
///
/// A builder is no verifier, and the compiler says so:
///
/// ```compile_fail,E0277
/// # use tower_bearer_auth::{BearerAuthLayer, JwtVerifier};
/// let layer = BearerAuthLayer::new(JwtVerifier::builder());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a verifier",
    label = "not a tower service from `BearerToken` to `AccessToken`",
    note = "a builder becomes a verifier by `.build()?`",
    note = "a closure becomes a verifier by `tower_bearer_auth::verify_fn`",
    note = "a service is a verifier if it is `Clone + Send + Sync + 'static`, its future is `Send + 'static`, and its error converts into `VerifyError`"
)]
pub trait Verifier:
    Service<BearerToken, Response = AccessToken, Error: Into<VerifyError>, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<V> Verifier for V where
    V: Service<
            BearerToken,
            Response = AccessToken,
            Error: Into<VerifyError>,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}
