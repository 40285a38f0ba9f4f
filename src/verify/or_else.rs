//! Two verifiers for two kinds of tokens.

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

/// A verifier, and another one for the tokens that are none of its kind; see
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
            state: State::First {
                verify: Oneshot::new(self.first.clone(), token.clone().with_fallback()),
                // The token shares its bytes, so keeping it costs next to nothing.
                otherwise: Some((self.second.clone(), token)),
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
        state: State<A, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<A, B>
    where
        A: Service<BearerToken>,
        B: Service<BearerToken>,
    {
        First {
            #[pin]
            verify: Oneshot<A, BearerToken>,
            otherwise: Option<(B, BearerToken)>,
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
                StateProjection::Second { verify } => return verify.poll(cx).map_err(Into::into),
                StateProjection::First { verify, otherwise } => {
                    match ready!(verify.poll(cx)).map_err(Into::into) {
                        Err(error) if error.allows_fallback() => {
                            otherwise.take().expect("asked once")
                        }
                        result => return Poll::Ready(result),
                    }
                }
            };
            state.set(State::Second {
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
