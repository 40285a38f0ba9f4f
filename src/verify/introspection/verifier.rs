use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::Semaphore;
use tower::BoxError;
use tower_service::Service;
use url::Url;

use super::credentials::Credentials;
use super::response::{NotVerified, Rules};
use crate::access_token::{AccessToken, Verified};
use crate::bearer::BearerToken;
use crate::error_chain::error_chain;
use crate::outgoing;
use crate::telemetry::{Activity, INTROSPECTION};
use crate::verify_error::VerifyError;

/// Verifies tokens by asking the authorization server about each (RFC 7662).
///
/// See the [module](crate::verify::introspection) for examples. It asks each time: put a
/// [cache](crate::verify::cached) around it. Clones share everything. It needs a tokio runtime with time
/// and I/O.
#[derive(Clone)]
pub struct IntrospectionVerifier {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) endpoint: Url,
    pub(super) credentials: Credentials,
    pub(super) client: reqwest::Client,
    pub(super) rules: Rules,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
    pub(super) turns: Semaphore,
    /// Whether the last answer was none.
    pub(super) failing: AtomicBool,
}

/// How long a server can ask for to be left alone.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// No answer, and when to ask again where the server says so.
struct Failure {
    source: BoxError,
    retry_after: Option<Duration>,
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
        let mut activity = Activity::introspection(&self.rules.verifier);
        let asked = tokio::time::timeout(self.timeout, self.ask(token));
        let asked = activity.of(asked).await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(_) => Err(Failure {
                source: "the introspection endpoint does not answer in time".into(),
                retry_after: None,
            }),
        };
        let outcome = answer.and_then(|body| match self.rules.read(body) {
            Ok(verified) => Ok(Ok(verified)),
            Err(NotVerified::Invalid(reason)) => Ok(Err(VerifyError::invalid(reason))),
            Err(NotVerified::Nonsense(why)) => Err(Failure {
                source: format!("the introspection endpoint's answer: {why}").into(),
                retry_after: None,
            }),
        });
        let entered = activity.enter();
        self.tell(outcome.as_ref().err());
        drop(entered);
        activity.end(match &outcome {
            Ok(Ok(_)) => "verified",
            Ok(Err(_)) => "refused",
            Err(_) => "unavailable",
        });
        outcome.unwrap_or_else(|failure| Err(failure.into()))
    }

    /// Tells whoever wants to know of an outage: at its beginning and its end, not once per request.
    fn tell(&self, failure: Option<&Failure>) {
        let failed = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        let verifier = &*self.rules.verifier;
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

    async fn ask(&self, token: &BearerToken) -> Result<Vec<u8>, Failure> {
        let _turn = self.turns.acquire().await.map_err(Failure::from)?;
        let mut response = self
            .client
            .post(self.endpoint.clone())
            .headers(self.credentials.headers())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.credentials.form(token.as_str()))
            .send()
            .await
            // Their own text has the whole URL, query and all.
            .map_err(|error| Failure::from(error.without_url()))?;
        // A client of the user's own may follow redirects; whoever answers then was not asked.
        if *response.url() != self.endpoint {
            return Err(Failure::from("the answer was redirected"));
        }
        if response.status() != StatusCode::OK {
            return Err(Failure {
                source: format!(
                    "the introspection endpoint answers {}",
                    response.status().as_u16()
                )
                .into(),
                retry_after: retry_after(response.headers()),
            });
        }
        outgoing::read(&mut response, self.max_bytes)
            .await
            .map_err(|source| Failure {
                source,
                retry_after: None,
            })
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

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(source: E) -> Self {
        Self {
            source: source.into(),
            retry_after: None,
        }
    }
}

/// In seconds; a date would need a clock that agrees.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER).map(HeaderValue::to_str)?.ok()?;
    let delay = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(delay.min(LONGEST_RETRY_AFTER))
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
        f.debug_struct("IntrospectionVerifier")
            .field("endpoint", &self.inner.endpoint.path())
            .field("credentials", &self.inner.credentials)
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
