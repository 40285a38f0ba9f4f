//! Drains the body of a request that is refused before the inner service has read it.
//!
//! An HTTP/1 connection carries one request after the other, so the next one can only begin after the end of this
//! body. A server that answers without reading the body closes the connection, and hyper does not announce that: the
//! client's next request on the connection fails with a transport error. So the rest of a small body is read first,
//! and in all other cases the answer has `connection: close`. On HTTP/2 and HTTP/3 each request has its own stream.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use super::reply_body::{Reply, ReplyBody};

/// The maximum time that an answer waits for more of the body.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The number of frames that are read before the task yields. A body of many tiny frames that are always ready must
/// neither block the other tasks of its thread nor evade the timer.
const FRAMES_PER_POLL: usize = 64;

/// A reply that is sent once the rest of the request's body was read, or cannot be read. It does not own the body.
pub(crate) struct Drain {
    reply: Option<Reply>,
    plan: Plan,
    /// The number of bytes of the body that may still be read.
    allowance: usize,
    /// Starts when the body is pending for the first time.
    timer: Option<Pin<Box<Sleep>>>,
}

/// How to treat a body before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Answer at once: the body has ended, or has its own stream.
    Answer,
    /// Answer at once, with `connection: close`.
    Close,
    Read,
}

impl Drain {
    /// For a body that was read to its end.
    #[cfg(feature = "mcp")]
    pub(crate) fn nothing(reply: Reply) -> Self {
        Self::by_plan(reply, Plan::Answer, 0)
    }

    /// For a body that failed. An HTTP/1 connection then closes.
    #[cfg(feature = "mcp")]
    pub(crate) fn failed(reply: Reply, head: &Parts) -> Self {
        let plan = match has_streams(head.version) {
            true => Plan::Answer,
            false => Plan::Close,
        };
        Self::by_plan(reply, plan, 0)
    }

    /// For a body that may not have ended. At most `limit` more bytes of it are read.
    pub(crate) fn rest<B: Body>(mut reply: Reply, head: &Parts, body: &B, limit: usize) -> Self {
        if head.method == Method::HEAD {
            keep_only_length(&mut reply);
        }
        let plan = plan(head.version, &head.headers, body.is_end_stream(), limit);
        Self::by_plan(reply, plan, limit)
    }

    fn by_plan(reply: Reply, plan: Plan, allowance: usize) -> Self {
        Self {
            reply: Some(reply),
            plan,
            allowance,
            timer: None,
        }
    }

    /// Drains the body, then returns the reply.
    pub(crate) fn poll_after<B: Body>(
        &mut self,
        body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Response<ReplyBody>> {
        let is_usable = match self.plan {
            Plan::Answer => true,
            Plan::Close => false,
            Plan::Read => match poll_rest(body, &mut self.allowance, cx) {
                Poll::Ready(is_usable) => is_usable,
                Poll::Pending if is_too_late(&mut self.timer, cx) => false,
                Poll::Pending => return Poll::Pending,
            },
        };
        let mut reply = self.reply.take().expect("polled after completion");
        if !is_usable {
            let close = HeaderValue::from_static("close");
            reply.headers_mut().insert(CONNECTION, close);
        }
        Poll::Ready(*reply)
    }
}

pin_project! {
    /// A [`Drain`] that owns the body. Dropping it drops the request.
    pub(crate) struct Draining<B> {
        drain: Drain,
        #[pin]
        body: B,
    }
}

impl<B: Body> Draining<B> {
    /// Replies to `request` after at most `limit` bytes of its body were read.
    pub(crate) fn rest_of(reply: Reply, request: Request<B>, limit: usize) -> Self {
        let (head, body) = request.into_parts();
        Self::rest(reply, &head, body, limit)
    }

    /// As [`rest_of`](Self::rest_of), for a request in parts.
    pub(crate) fn rest(reply: Reply, head: &Parts, body: B, limit: usize) -> Self {
        let drain = Drain::rest(reply, head, &body, limit);
        Self { drain, body }
    }
}

impl<B: Body> Future for Draining<B> {
    type Output = Response<ReplyBody>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.drain.poll_after(this.body, cx)
    }
}

fn plan(version: Version, headers: &HeaderMap, has_ended: bool, limit: usize) -> Plan {
    if has_streams(version) || has_ended {
        return Plan::Answer;
    }
    // Polling the body would send `100 Continue` (RFC 9110 §10.1.1) and request a body only to discard it.
    let waits_for_us = headers.contains_key(EXPECT);
    match !waits_for_us && limit > 0 && announces_at_most(limit, headers) {
        true => Plan::Read,
        false => Plan::Close,
    }
}

fn has_streams(version: Version) -> bool {
    version >= Version::HTTP_2
}

/// Whether `Content-Length` is absent or at most `limit`.
fn announces_at_most(limit: usize, headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_LENGTH).iter().all(|length| {
        let length = length.to_str().ok().and_then(|text| text.parse().ok());
        length.is_some_and(|length: usize| length <= limit)
    })
}

/// Replaces the body of an answer to `HEAD` by its length. hyper would send the body over HTTP/2, and its client treats
/// that as a protocol error.
fn keep_only_length(reply: &mut Reply) {
    let length = reply.body().len();
    if length > 0 {
        let headers = reply.headers_mut();
        headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    *reply.body_mut() = ReplyBody::default();
}

/// Reads more of the body. Ready with whether the body ended within its allowance.
fn poll_rest<B: Body>(
    mut body: Pin<&mut B>,
    allowance: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    for _ in 0..FRAMES_PER_POLL {
        match body.as_mut().poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(true),
            Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Buf::remaining);
                match allowance.checked_sub(length) {
                    Some(left) => *allowance = left,
                    None => return Poll::Ready(false),
                }
            }
        }
        if body.is_end_stream() {
            return Poll::Ready(true);
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Whether the body has been pending for too long, or there is no timer to measure that.
fn is_too_late(timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> bool {
    if timer.is_none() && Handle::try_current().is_err() {
        return true;
    }
    let timer = timer.get_or_insert_with(|| Box::pin(sleep(LONGEST_WAIT)));
    timer.as_mut().poll(cx).is_ready()
}

impl<B> fmt::Debug for Draining<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draining").finish_non_exhaustive()
    }
}
