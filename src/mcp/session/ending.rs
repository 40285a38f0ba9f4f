//! How a session is ended that was opened for a client that cannot own it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::util::Oneshot;
use tower_service::Service;

use super::body::SessionRequestBody;
use super::{LAST_EVENT_ID, SESSION_ID};
use crate::telemetry::SETUP;

/// How long the client waits for its refusal while the server ends the session. A server that takes longer keeps
/// the session until it is idle.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What it takes to end the session that a request opens: the server, and the request's own head, by which a
/// server that looks at `Host` or `Origin` lets the second request pass as it did the first.
pub(super) struct Opening<S> {
    inner: S,
    head: Parts,
}

impl<S> Opening<S> {
    pub(super) fn new(inner: S, head: &Parts) -> Self {
        Self {
            inner,
            head: head.clone(),
        }
    }

    /// Ends the session with this ID, which is the server's own.
    pub(super) fn end<B>(self, id: HeaderValue) -> Ending<S, B>
    where
        S: Service<Request<SessionRequestBody<B>>>,
    {
        let mut head = self.head;
        head.method = Method::DELETE;
        forget_message(&mut head.headers);
        head.headers.insert(SESSION_ID, id);
        let request = Request::from_parts(head, SessionRequestBody::empty());
        Ending {
            response: Oneshot::new(self.inner, request),
            timer: Box::pin(sleep(TIMEOUT)),
        }
    }
}

/// Takes away the headers that are about the body of the first request.
fn forget_message(headers: &mut HeaderMap) {
    for name in [
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        EXPECT,
        TRANSFER_ENCODING,
        LAST_EVENT_ID,
        HeaderName::from_static("mcp-method"),
        HeaderName::from_static("mcp-name"),
    ] {
        headers.remove(name);
    }
}

pin_project! {
    /// Waits until the server has ended a session, for [`TIMEOUT`] at most.
    pub(super) struct Ending<S, B>
    where
        S: Service<Request<SessionRequestBody<B>>>,
    {
        #[pin]
        response: Oneshot<S, Request<SessionRequestBody<B>>>,
        timer: Pin<Box<Sleep>>,
    }
}

impl<S, B, ResB> Future for Ending<S, B>
where
    S: Service<Request<SessionRequestBody<B>>, Response = Response<ResB>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match this.response.poll(cx) {
            Poll::Ready(Ok(response)) if response.status().is_success() => {}
            Poll::Ready(Ok(response)) => log_failure("refused", Some(response.status())),
            Poll::Ready(Err(_)) => log_failure("failed", None),
            Poll::Pending if this.timer.as_mut().poll(cx).is_pending() => return Poll::Pending,
            Poll::Pending => log_failure("timed_out", None),
        }
        Poll::Ready(())
    }
}

fn log_failure(outcome: &'static str, status: Option<StatusCode>) {
    tracing::debug!(
        target: SETUP,
        outcome,
        status = status.map(|status| status.as_u16()),
        "a refused session could not be ended, it stays until it is idle"
    );
}
