use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::shared_verification::SharedVerification;
use super::store::Outcome;
use crate::access_token::AccessToken;
use crate::credentials::BearerToken;
use crate::verify_error::VerifyError;

/// The future of [`Cached`](super::Cached). It is ready at once on a cache hit.
pub struct CachedFuture {
    state: State,
    /// This request's token, since cached results do not contain one.
    token: Option<BearerToken>,
}

enum State {
    Ready(Option<Outcome>),
    Waiting(SharedVerification),
}

impl CachedFuture {
    pub(super) fn ready(outcome: Outcome, token: BearerToken) -> Self {
        Self {
            state: State::Ready(Some(outcome)),
            token: Some(token),
        }
    }

    pub(super) fn waiting(verification: SharedVerification, token: BearerToken) -> Self {
        Self {
            state: State::Waiting(verification),
            token: Some(token),
        }
    }
}

impl Future for CachedFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (outcome, is_waiting) = match &mut self.state {
            State::Ready(outcome) => (outcome.take().expect("polled after completion"), false),
            State::Waiting(verification) => (ready!(Pin::new(verification).poll(cx)), true),
        };
        let token = self.token.take().expect("polled after completion");
        let token = AccessToken::new(token, outcome?);
        // A verification that another request started may have used a key that was withdrawn before this request came.
        let invalid = is_waiting.then(|| token.invalid_reason()).flatten();
        Poll::Ready(match invalid {
            Some(reason) => Err(VerifyError::invalid(reason)),
            None => Ok(token),
        })
    }
}

impl fmt::Debug for CachedFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFuture").finish_non_exhaustive()
    }
}
