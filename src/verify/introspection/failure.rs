//! Why a question brought no answer.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use tower::BoxError;

use super::backoff::Ending;
use crate::verify_error::VerifyError;

/// No answer, and when to ask again where the server says so.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) source: BoxError,
    pub(super) retry_after: Option<Duration>,
    pub(super) cause: Cause,
}

/// What kept the endpoint from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The endpoint cannot be reached, is overloaded, or does not accept this server's credentials. No token can
    /// cause that.
    Down,
    /// Nothing came in time, or the answer broke off.
    Silent,
    /// A gateway in front of the endpoint says that it got no answer.
    Gateway,
    /// What came is no answer. It may be the token's doing.
    WrongAnswer,
    /// Most of the time passed while the question waited for its turn, since this server has too many under way.
    NoTurn,
    /// The endpoint was not asked, since the backoff has not elapsed.
    BackingOff,
}

/// The longest `Retry-After` that is passed on to clients.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

impl Failure {
    pub(super) fn new(cause: Cause, source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
            retry_after: None,
            cause,
        }
    }

    /// Takes over what these headers say about when to ask again.
    pub(super) fn with_headers(mut self, headers: &HeaderMap) -> Self {
        self.retry_after = retry_after(headers);
        self
    }

    /// What it means for the backoff, where the endpoint was asked.
    pub(super) fn ending(&self) -> Ending {
        match self.cause {
            Cause::Down => Ending::Down {
                retry_after: self.retry_after,
            },
            Cause::Silent => Ending::Silent,
            Cause::Gateway => Ending::Gateway,
            Cause::WrongAnswer => Ending::Answered,
            Cause::NoTurn | Cause::BackingOff => Ending::Dropped,
        }
    }
}

impl From<Failure> for VerifyError {
    fn from(failure: Failure) -> Self {
        let unavailable = Self::unavailable(failure.source);
        match failure.retry_after {
            Some(delay) => unavailable.with_retry_after(delay),
            None => unavailable,
        }
    }
}

/// In seconds; a date would need a clock that agrees.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER).map(HeaderValue::to_str)?.ok()?;
    let delay = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(delay.min(LONGEST_RETRY_AFTER))
}
