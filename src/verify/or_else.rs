//! A verifier with a fallback.

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

/// A verifier with a fallback for tokens that it does not recognize; see
/// [`VerifierExt::or_else`](super::VerifierExt::or_else).
#[derive(Clone)]
pub struct OrElse<A, B> {
    first: A,
    second: B,
}

impl<A, B> OrElse<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Verifier, B: Verifier> Service<BearerToken> for OrElse<A, B> {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = OrElseFuture<A, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> Self::Future {
        OrElseFuture {
            state: OrElseState::First {
                verify: Oneshot::new(self.first.clone(), token.clone().with_fallback()),
                // A clone of the token shares its bytes.
                fallback: Some((self.second.clone(), token)),
            },
        }
    }
}

impl<A, B> fmt::Debug for OrElse<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrElse").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`OrElse`].
    pub struct OrElseFuture<A, B>
    where
        A: Service<BearerToken>,
        B: Service<BearerToken>,
    {
        #[pin]
        state: OrElseState<A, B>,
    }
}

pin_project! {
    #[project = OrElseProjection]
    enum OrElseState<A, B>
    where
        A: Service<BearerToken>,
        B: Service<BearerToken>,
    {
        First {
            #[pin]
            verify: Oneshot<A, BearerToken>,
            fallback: Option<(B, BearerToken)>,
        },
        Second {
            #[pin]
            verify: Oneshot<B, BearerToken>,
        },
    }
}

impl<A: Verifier, B: Verifier> Future for OrElseFuture<A, B> {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (second, token) = match state.as_mut().project() {
                OrElseProjection::Second { verify } => return verify.poll(cx).map_err(Into::into),
                OrElseProjection::First { verify, fallback } => {
                    match ready!(verify.poll(cx)).map_err(Into::into) {
                        Err(error) if error.allows_fallback() => {
                            fallback.take().expect("the first verifier fails once")
                        }
                        result => return Poll::Ready(result),
                    }
                }
            };
            state.set(OrElseState::Second {
                verify: Oneshot::new(second, token),
            });
        }
    }
}

impl<A, B> fmt::Debug for OrElseFuture<A, B>
where
    A: Service<BearerToken>,
    B: Service<BearerToken>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrElseFuture").finish_non_exhaustive()
    }
}
