//! One type for any verifier.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower::service_fn;
use tower::util::{BoxCloneSyncService, ServiceExt};
use tower_service::Service;

use super::Verifier;
use crate::access_token::AccessToken;
use crate::bearer::BearerToken;
use crate::verify_error::VerifyError;

/// A verifier whose type is hidden; see [`VerifierExt::erased`](super::VerifierExt::erased).
#[derive(Clone)]
pub struct ErasedVerifier {
    inner: BoxCloneSyncService<BearerToken, AccessToken, VerifyError>,
}

impl ErasedVerifier {
    pub(super) fn new<V: Verifier>(verifier: V) -> Self {
        // Driven to readiness per call, so that it is always ready itself.
        let verify = service_fn(move |token| verifier.clone().map_err(Into::into).oneshot(token));
        Self {
            inner: BoxCloneSyncService::new(verify),
        }
    }
}

impl Service<BearerToken> for ErasedVerifier {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, token: BearerToken) -> Self::Future {
        self.inner.call(token)
    }
}

impl fmt::Debug for ErasedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedVerifier").finish_non_exhaustive()
    }
}
