//! A verifier with an additional condition.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::verifier::Verifier;
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// A verifier with an additional condition on verified tokens; see [`VerifierExt::check`](super::VerifierExt::check).
#[derive(Clone)]
pub struct Check<V, F> {
    verifier: V,
    condition: F,
}

impl<V, F> Check<V, F> {
    pub(super) fn new(verifier: V, condition: F) -> Self {
        Self {
            verifier,
            condition,
        }
    }
}

impl<V, F> Service<BearerToken> for Check<V, F>
where
    V: Verifier,
    F: Fn(&AccessToken) -> Result<(), VerifyError> + Clone,
{
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = CheckFuture<V, F>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> Self::Future {
        CheckFuture {
            verify: Oneshot::new(self.verifier.clone(), token),
            condition: self.condition.clone(),
        }
    }
}

impl<V, F> fmt::Debug for Check<V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Check`].
    pub struct CheckFuture<V: Service<BearerToken>, F> {
        #[pin]
        verify: Oneshot<V, BearerToken>,
        condition: F,
    }
}

impl<V, F> Future for CheckFuture<V, F>
where
    V: Verifier,
    F: Fn(&AccessToken) -> Result<(), VerifyError>,
{
    type Output = Result<AccessToken, VerifyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let token = ready!(this.verify.poll(cx)).map_err(Into::into)?;
        // The verifier has recognized the token, so that no other verifier may accept it now.
        (this.condition)(&token).map_err(VerifyError::without_fallback)?;
        Poll::Ready(Ok(token))
    }
}

impl<V: Service<BearerToken>, F> fmt::Debug for CheckFuture<V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckFuture").finish_non_exhaustive()
    }
}
