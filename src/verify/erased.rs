//! A verifier whose type is hidden.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::util::ServiceExt;
use tower_service::Service;

use super::verifier::Verifier;
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// A verifier whose type is hidden; see [`VerifierExt::erased`](super::VerifierExt::erased).
///
/// Clones share the verifier. A call allocates one box.
#[derive(Clone)]
pub struct ErasedVerifier {
    verify: Arc<dyn Fn(BearerToken) -> ErasedVerifierFuture + Send + Sync>,
}

impl ErasedVerifier {
    pub(super) fn new<V: Verifier>(verifier: V) -> Self {
        // Each call drives its own clone to readiness, so this service is always ready.
        let verify = move |token| ErasedVerifierFuture {
            verify: Box::pin(verifier.clone().map_err(Into::into).oneshot(token)),
        };
        Self {
            verify: Arc::new(verify),
        }
    }
}

impl Service<BearerToken> for ErasedVerifier {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = ErasedVerifierFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> ErasedVerifierFuture {
        (self.verify)(token)
    }
}

impl fmt::Debug for ErasedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedVerifier").finish_non_exhaustive()
    }
}

/// The future of [`ErasedVerifier`].
pub struct ErasedVerifierFuture {
    verify: Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>,
}

impl Future for ErasedVerifierFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.verify.as_mut().poll(cx)
    }
}

impl fmt::Debug for ErasedVerifierFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedVerifierFuture")
            .finish_non_exhaustive()
    }
}
