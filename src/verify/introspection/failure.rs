//! Why an introspection request failed.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use tower::BoxError;

use super::backoff::RequestOutcome;
use crate::verify_error::VerifyError;

/// A failed introspection request, and when to retry if the endpoint says so.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) source: BoxError,
    pub(super) retry_after: Option<Duration>,
    pub(super) cause: FailureCause,
}

/// The cause of a failure, which decides how the backoff counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureCause {
    /// The endpoint cannot be reached, is overloaded, or does not accept this server's credentials. No token can
    /// cause that.
    Down,
    /// No answer arrived in time, or its body broke off.
    Silent,
    /// A gateway in front of the endpoint says that it got no answer.
    Gateway,
    /// The answer is not one of RFC 7662. The token may be the cause.
    WrongAnswer,
    /// Most of the time limit passed while the request waited for its turn: too many requests are in flight.
    NoTurn,
    /// No request was sent, since the backoff has not elapsed.
    BackingOff,
}

/// The longest `Retry-After` that is passed on to clients.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

impl Failure {
    pub(super) fn new(cause: FailureCause, source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
            retry_after: None,
            cause,
        }
    }

    /// Sets the delay from the `Retry-After` of these headers.
    pub(super) fn with_headers(mut self, headers: &HeaderMap) -> Self {
        self.retry_after = retry_after(headers);
        self
    }

    /// How the backoff counts this failure.
    pub(super) fn outcome(&self) -> RequestOutcome {
        match self.cause {
            FailureCause::Down => RequestOutcome::Down {
                retry_after: self.retry_after,
            },
            FailureCause::Silent => RequestOutcome::Silent,
            FailureCause::Gateway => RequestOutcome::Gateway,
            FailureCause::WrongAnswer => RequestOutcome::Answered,
            FailureCause::NoTurn | FailureCause::BackingOff => RequestOutcome::Dropped,
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

/// The delay of a `Retry-After` in seconds. A date is ignored, since it depends on the clocks of both servers.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER).map(HeaderValue::to_str)?.ok()?;
    let delay = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(delay.min(LONGEST_RETRY_AFTER))
}
