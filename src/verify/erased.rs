//! A verifier whose type is hidden.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::util::ServiceExt;
use tower_service::Service;

use super::jwt::payload::ReadPayload;
use super::jwt::{JwtVerifier, JwtVerifierFuture};
use super::verifier::Verifier;
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// A verifier whose type is hidden; see [`VerifierExt::erased`](super::VerifierExt::erased).
///
/// Clones share the verifier. A call allocates one box, unless the verifier is a [`JwtVerifier`].
#[derive(Clone)]
pub struct ErasedVerifier {
    verifier: Hidden,
}

#[derive(Clone)]
enum Hidden {
    /// The most usual verifier. It can make use of a payload that was read to find it.
    Jwt(JwtVerifier),
    Other(Arc<dyn Fn(BearerToken) -> BoxedVerification + Send + Sync>),
}

type BoxedVerification = Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>;

impl ErasedVerifier {
    pub(super) fn new<V: Verifier>(verifier: V) -> Self {
        if let Some(verifier) = (&verifier as &dyn Any).downcast_ref::<JwtVerifier>() {
            return Self {
                verifier: Hidden::Jwt(verifier.clone()),
            };
        }
        // Each call drives its own clone to readiness, so this service is always ready.
        let verify = move |token| -> BoxedVerification {
            Box::pin(verifier.clone().map_err(Into::into).oneshot(token))
        };
        Self {
            verifier: Hidden::Other(Arc::new(verify)),
        }
    }

    /// Verifies a token whose payload was read already.
    pub(super) fn verify_read(
        &self,
        token: BearerToken,
        payload: &mut ReadPayload<'_>,
    ) -> ErasedVerifierFuture {
        match &self.verifier {
            Hidden::Jwt(verifier) => ErasedVerifierFuture {
                state: State::Jwt(verifier.verify_read(token, payload)),
            },
            Hidden::Other(_) => self.verify(token),
        }
    }

    pub(super) fn verify(&self, token: BearerToken) -> ErasedVerifierFuture {
        let state = match &self.verifier {
            Hidden::Jwt(verifier) => State::Jwt(verifier.verify(token)),
            Hidden::Other(verify) => State::Other(verify(token)),
        };
        ErasedVerifierFuture { state }
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
        self.verify(token)
    }
}

impl fmt::Debug for ErasedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedVerifier").finish_non_exhaustive()
    }
}

/// The future of [`ErasedVerifier`].
pub struct ErasedVerifierFuture {
    state: State,
}

enum State {
    Jwt(JwtVerifierFuture),
    Other(BoxedVerification),
}

impl Future for ErasedVerifierFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Jwt(verification) => Pin::new(verification).poll(cx),
            State::Other(verification) => verification.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for ErasedVerifierFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedVerifierFuture")
            .finish_non_exhaustive()
    }
}
