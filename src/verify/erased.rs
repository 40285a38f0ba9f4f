//! One type for any verifier.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
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
        Self {
            inner: BoxCloneSyncService::new(verifier.map_err(Into::into)),
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
