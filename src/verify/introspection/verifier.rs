use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower_service::Service;

use super::answer::Answer;
use super::backoff::{RequestOutcome, Wait};
use super::endpoint::Endpoint;
use super::failure::{Failure, FailureCause};
use super::gate::Gate;
use super::response::Rules;
use crate::access_token::{AccessToken, Verified};
use crate::credentials::BearerToken;
use crate::error_chain::error_chain;
use crate::shown_url::ShownUrl;
use crate::telemetry::{Activity, INTROSPECTION};
use crate::verify_error::{InvalidReason, VerifyError};

/// Verifies opaque tokens with a request to the authorization server (RFC 7662).
///
/// It sends a request for each token that it verifies, so put a [cache](crate::verify::cached) around it. Use a
/// [`JwtVerifier`](crate::JwtVerifier) instead if the tokens are JWTs. See the [module](crate::verify::introspection) for
/// examples. Clones share everything. It needs a tokio runtime with time and I/O.
#[derive(Clone)]
pub struct IntrospectionVerifier {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) endpoint: Endpoint,
    pub(super) rules: Rules,
    pub(super) gate: Gate,
    pub(super) timeout: Duration,
    pub(super) turns: Semaphore,
    /// Whether the last request failed.
    pub(super) failing: AtomicBool,
}

impl IntrospectionVerifier {
    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl Inner {
    async fn verify(&self, token: &BearerToken) -> Result<Verified, VerifyError> {
        let id = self.gate.id_of(token);
        self.gate.check(id).map_err(backing_off)?;
        let mut activity = Activity::introspection(self.rules.verifier());
        let mut request = None;
        let mut had_time = false;
        let deadline = Instant::now() + self.timeout;
        let answer = async {
            let _turn = self.turns.acquire().await.expect("it is never closed");
            // An outage may have begun while this request waited for its turn.
            request = Some(self.gate.begin(id).map_err(backing_off)?);
            had_time = deadline.duration_since(Instant::now()) >= self.timeout / 2;
            self.endpoint.introspect(token.as_str()).await
        };
        let result = activity.of(tokio::time::timeout_at(deadline, answer)).await;
        let mut answer = match result {
            Ok(answer) => answer,
            // Most of the time limit passed before the request was sent, so the endpoint is not to blame.
            Err(_) if !had_time => Err(Failure::new(
                FailureCause::NoTurn,
                "too many requests to the introspection endpoint are in flight",
            )),
            Err(_) => Err(Failure::new(
                FailureCause::Silent,
                "the introspection endpoint does not answer in time",
            )),
        };
        if let Some(request) = request {
            let request_outcome = match &answer {
                Ok(_) => RequestOutcome::Answered,
                Err(failure) => failure.outcome(),
            };
            let wait = request.end(request_outcome);
            if let (Err(failure), Some(Wait(wait))) = (&mut answer, wait) {
                failure.retry_after.get_or_insert(wait);
            }
        }
        let outcome = answer.map(|answer| match answer {
            // The endpoint has recognized the token, so that no other verifier may accept it.
            Answer::Active(members) => self
                .rules
                .read(members, token.possession_is_checked())
                .map_err(|reason| VerifyError::invalid(reason).without_fallback()),
            Answer::Inactive => Err(VerifyError::invalid(InvalidReason::Unrecognized)),
        });
        let entered = activity.enter();
        self.log(outcome.as_ref().err());
        drop(entered);
        activity.end(match &outcome {
            Ok(Ok(_)) => "verified",
            Ok(Err(_)) => "refused",
            Err(_) => "unavailable",
        });
        outcome?
    }

    /// Logs the beginning and the end of an outage, not each failure in it.
    fn log(&self, failure: Option<&Failure>) {
        let was_sent = failure.is_none_or(|failure| failure.cause != FailureCause::BackingOff);
        if !was_sent {
            return;
        }
        let failed = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        let verifier = self.rules.verifier();
        let error = failure.map(|failure| error_chain(&*failure.source));
        match (failed, error) {
            (false, None) => {}
            (true, None) => {
                tracing::info!(target: INTROSPECTION, verifier, "the introspection endpoint works again");
            }
            (false, Some(error)) => {
                tracing::warn!(target: INTROSPECTION, verifier, error, "tokens cannot be introspected");
            }
            (true, Some(error)) => {
                tracing::debug!(target: INTROSPECTION, verifier, error, "tokens still cannot be introspected");
            }
        }
    }
}

fn backing_off(Wait(wait): Wait) -> Failure {
    let problem = "the introspection endpoint failed, and the backoff has not elapsed";
    Failure {
        retry_after: Some(wait),
        ..Failure::new(FailureCause::BackingOff, problem)
    }
}

impl Service<BearerToken> for IntrospectionVerifier {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = IntrospectionFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> IntrospectionFuture {
        let inner = Arc::clone(&self.inner);
        let verify = async move {
            let verified = inner.verify(&token).await?;
            Ok(AccessToken::new(token, Arc::new(verified)))
        };
        IntrospectionFuture {
            verify: Box::pin(verify),
        }
    }
}

impl fmt::Debug for IntrospectionVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.inner.endpoint;
        f.debug_struct("IntrospectionVerifier")
            .field("endpoint", &ShownUrl::of(endpoint.url.as_str()))
            .field("credentials", &endpoint.credentials)
            .finish_non_exhaustive()
    }
}

/// The future of [`IntrospectionVerifier`].
pub struct IntrospectionFuture {
    verify: Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>,
}

impl Future for IntrospectionFuture {
    type Output = Result<AccessToken, VerifyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.verify.as_mut().poll(cx)
    }
}

impl fmt::Debug for IntrospectionFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionFuture")
            .finish_non_exhaustive()
    }
}
