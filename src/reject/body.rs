//! The response body of a guarded service: the inner service's body, or a reply of this crate.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::grpc::{is_grpc_stream, unauthenticated_trailers};
use super::reply_body::ReplyBody;
use crate::access_token::ExpiryTimer;
use crate::telemetry::Decision;

pin_project! {
    /// The response body of a guarded service: the inner service's body, or that of a refusal.
    ///
    /// It does not box the inner body. Any body with `Data = Bytes` works, such as those of axum and hyper, and boxed
    /// ones.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Inner { #[pin] body: B },
        // Boxed, since few responses are streams.
        Stream { #[pin] body: B, expiry: Box<Expiry> },
        Reply { #[pin] body: ReplyBody },
        Ended,
    }
}

/// When and how a stream ends.
struct Expiry {
    timer: ExpiryTimer,
    end: StreamEnd,
    /// Whether the body was not polled yet.
    is_new: bool,
}

impl<B> ResponseBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body },
        }
    }

    /// The inner body, which ends in this way when the token expires or its key is withdrawn.
    pub(crate) fn stream(body: B, timer: ExpiryTimer, end: StreamEnd) -> Self {
        let expiry = Box::new(Expiry {
            timer,
            end,
            is_new: true,
        });
        Self {
            kind: Kind::Stream { body, expiry },
        }
    }

    pub(crate) fn reply(body: ReplyBody) -> Self {
        Self {
            kind: Kind::Reply { body },
        }
    }
}

/// An empty body. CORS and other layers around a guard use it for their own responses.
impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::reply(ReplyBody::default())
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut kind = self.project().kind;
        match kind.as_mut().project() {
            KindProjection::Inner { body } => body.poll_frame(cx),
            KindProjection::Stream { mut body, expiry } => {
                let is_new = mem::take(&mut expiry.is_new);
                let Poll::Ready(reason) = expiry.timer.poll(cx) else {
                    let frame = ready!(body.poll_frame(cx));
                    // No trailers may follow trailers, even if the token expires now.
                    if is_end(frame.as_ref()) {
                        kind.set(Kind::Ended);
                    }
                    return Poll::Ready(frame);
                };
                let last = match expiry.end {
                    StreamEnd::Silent => None,
                    StreamEnd::GrpcStatus => {
                        // A call with a single reply may have outlived its token. The service has done its work, so a
                        // client that got another status would have it done twice.
                        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx)
                            && (is_new || is_end(frame.as_ref()))
                        {
                            if is_end(frame.as_ref()) {
                                kind.set(Kind::Ended);
                            }
                            return Poll::Ready(frame);
                        }
                        let trailers = unauthenticated_trailers(reason.description());
                        Some(Frame::trailers(trailers))
                    }
                };
                Decision::ended(Decision::LAYER, expiry.timer.token(), reason).record();
                // Dropping the body lets the producer of the stream notice the end.
                kind.set(Kind::Ended);
                Poll::Ready(last.map(Ok))
            }
            KindProjection::Reply { body } => body.poll_frame(cx).map_err(|never| match never {}),
            KindProjection::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } | Kind::Stream { body, .. } => body.is_end_stream(),
            Kind::Reply { body } => body.is_end_stream(),
            Kind::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Stream { .. } => SizeHint::default(),
            Kind::Reply { body } => body.size_hint(),
            Kind::Ended => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

/// Whether nothing follows: the body has ended, or this frame has its trailers.
fn is_end<E>(frame: Option<&Result<Frame<Bytes>, E>>) -> bool {
    frame.is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers))
}

/// How a stream ends when its token is no longer valid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StreamEnd {
    /// After the last event.
    Silent,
    /// With trailers that have a gRPC status.
    GrpcStatus,
}

impl StreamEnd {
    /// The end of a response with these headers. `None` if it is not a stream.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        if is_event_stream(headers) {
            return Some(Self::Silent);
        }
        is_grpc_stream(headers).then_some(Self::GrpcStatus)
    }
}

/// Whether a response is an event stream (HTML, server-sent events).
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}
