//! Terminates a session that the server opened for a client that cannot own it.
//!
//! Only the response shows that a request opened a session: nothing in MCP marks the request as such. By then, the
//! server keeps the session's resources, and no client will ever get its ID. So the layer sends the `DELETE` with which
//! a client terminates a session (MCP 2025-11-25, Transports, Session Management), and refuses the request after that.

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

use super::binding::{LAST_EVENT_ID, SESSION_ID};
use super::body::SessionRequestBody;
use crate::telemetry::{self, SETUP};

/// How long the refusal waits for the server to terminate the session. A server that takes longer keeps the session until
/// its idle timeout.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Terminates the session that a request may open. It has the inner service, and the head of the request: with the same
/// head, the `DELETE` passes the server's checks of `Host` and `Origin`, as the request did.
pub(super) struct Terminator<S> {
    inner: S,
    head: Parts,
}

impl<S> Terminator<S> {
    pub(super) fn new(inner: S, head: &Parts) -> Self {
        Self {
            inner,
            head: head.clone(),
        }
    }

    /// Terminates the session with this ID, as the server issued it.
    pub(super) fn terminate<B>(self, id: HeaderValue) -> Termination<S, B>
    where
        S: Service<Request<SessionRequestBody<B>>>,
    {
        let mut head = self.head;
        head.method = Method::DELETE;
        remove_body_headers(&mut head.headers);
        head.headers.insert(SESSION_ID, id);
        let request = Request::from_parts(head, SessionRequestBody::empty());
        Termination {
            response: Oneshot::new(self.inner, request),
            timer: Box::pin(sleep(TIMEOUT)),
        }
    }
}

/// Removes the headers that describe the message of the first request.
fn remove_body_headers(headers: &mut HeaderMap) {
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
    let is_parameter = |name: &&HeaderName| name.as_str().starts_with("mcp-param-");
    let parameters: Vec<_> = headers.keys().filter(is_parameter).cloned().collect();
    for name in parameters {
        headers.remove(name);
    }
}

pin_project! {
    /// Waits until the server has terminated a session, at most [`TIMEOUT`]. The outcome does not change the refusal.
    pub(super) struct Termination<S, B>
    where
        S: Service<Request<SessionRequestBody<B>>>,
    {
        #[pin]
        response: Oneshot<S, Request<SessionRequestBody<B>>>,
        timer: Pin<Box<Sleep>>,
    }
}

impl<S, B, ResB> Future for Termination<S, B>
where
    S: Service<Request<SessionRequestBody<B>>, Response = Response<ResB>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // The response first: a server that answers in time is never reported as too slow.
        match telemetry::poll_own_request(|| this.response.poll(cx)) {
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
