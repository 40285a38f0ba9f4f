//! The trait of verifiers.

use tower_service::Service;

use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// A tower service from [`BearerToken`] to [`AccessToken`]. Every such service is a verifier; this trait is never
/// implemented by hand.
///
/// The error may be any type that converts into a [`VerifyError`], such as tower's `BoxError`.
///
/// A builder is not a verifier. The compiler says so and names [`build`](crate::JwtVerifierBuilder::build):
///
/// ```compile_fail,E0277
/// # use tower_bearer_auth::{BearerAuthLayer, JwtVerifier};
/// let layer = BearerAuthLayer::new(JwtVerifier::builder());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a verifier",
    label = "this is not a tower service from `BearerToken` to `AccessToken`",
    note = "call `.build()?` on a builder to get a verifier",
    note = "use `tower_bearer_auth::verify_fn` to make a verifier from a closure",
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
