//! A closure as a verifier.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// Makes a verifier of an async closure.
///
/// It is tower's `service_fn` with the error pinned to [`VerifyError`], so that the closure needs no
/// type annotations. See the [module's documentation](crate::verify) for an example.
pub fn verify_fn<F, Fut>(verify: F) -> VerifyFn<F>
where
    F: FnMut(BearerToken) -> Fut,
    Fut: Future<Output = Result<AccessToken, VerifyError>>,
{
    VerifyFn { verify }
}

/// A closure as a verifier; see [`verify_fn`].
#[derive(Clone, Copy)]
pub struct VerifyFn<F> {
    verify: F,
}

impl<F, Fut> Service<BearerToken> for VerifyFn<F>
where
    F: FnMut(BearerToken) -> Fut,
    Fut: Future<Output = Result<AccessToken, VerifyError>>,
{
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> Fut {
        (self.verify)(token)
    }
}

impl<F> fmt::Debug for VerifyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFn").finish_non_exhaustive()
    }
}
