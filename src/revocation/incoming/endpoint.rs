//! The part that all endpoints share: checks the head of a request, reads its body, and answers.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Version};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::BoxError;

use super::refusal::{Format, Refusal};
use crate::identity;
use crate::reject::{Draining, ReplyBody};

/// The largest accepted body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// An endpoint for tokens of one kind.
pub(in crate::revocation) trait Receiver: Send + Sync + 'static {
    /// The public name, for logs.
    const COMPONENT: &'static str;
    const FORMAT: Format;

    /// Checks a `POST` request before its body is read.
    fn check(&self, head: &Parts) -> Result<(), Refusal>;

    /// Carries out the token in this body.
    fn receive(&self, body: Bytes) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// The future of [`BackChannelLogout`](crate::revocation::BackChannelLogout) and
/// [`SecurityEvents`](crate::revocation::SecurityEvents).
pub struct EndpointFuture {
    response: Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>,
}

impl EndpointFuture {
    pub(in crate::revocation) fn new<B>(receiver: impl Receiver, request: Request<B>) -> Self
    where
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        Self {
            response: Box::pin(respond(receiver, request)),
        }
    }
}

async fn respond<R, B>(receiver: R, request: Request<B>) -> Response<ReplyBody>
where
    R: Receiver,
    B: Body<Data: Send, Error: Into<BoxError>> + Send,
{
    let refuse = |refusal: Refusal| {
        refusal.log(R::COMPONENT);
        R::FORMAT.refused(refusal)
    };
    let limit = identity::max_drained_bytes(request.extensions());
    let (head, body) = request.into_parts();
    let checked = match head.method == Method::POST {
        true => receiver.check(&head),
        false => Err(Refusal::Method),
    };
    if let Err(refusal) = checked {
        let reply = Box::new(refuse(refusal));
        return Draining::rest(reply, &head, body, limit).await;
    }
    let body = match read(body).await {
        Ok(body) => body,
        Err(refusal) => {
            let mut response = refuse(refusal);
            if head.version < Version::HTTP_2 {
                // The rest of the body is not read, so the connection cannot carry another request.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            return response;
        }
    };
    match receiver.receive(body).await {
        Ok(()) => R::FORMAT.accepted(),
        Err(refusal) => refuse(refusal),
    }
}

async fn read<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Error: Into<BoxError>>,
{
    let too_long = Refusal::invalid_request("The body is too long");
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_long);
    }
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long),
        Err(_) => Err(Refusal::invalid_request("The body is incomplete")),
    }
}

/// Whether the only `Content-Type` is this one, in any case and with any parameters.
pub(in crate::revocation) fn has_content_type(head: &Parts, expected: &str) -> bool {
    let mut values = head.headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let value = value.to_str().unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(expected)
}

impl Future for EndpointFuture {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.response.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for EndpointFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFuture").finish_non_exhaustive()
    }
}
