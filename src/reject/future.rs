//! The future of a guard's response: its own reply, or the inner service's response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::drain::Draining;
use super::reply_body::Reply;

pin_project! {
    /// The future of a service that answers some requests itself and passes the others on.
    ///
    /// `F` is the inner service's future, and `B` the body of the request.
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        Answered { #[pin] reply: Draining<B> },
        Passed { #[pin] response: F },
    }
}

impl<F, B> ResponseFuture<F, B> {
    /// Answers `request` after at most `limit` bytes of its body were read, to keep its connection usable.
    pub(crate) fn answer(reply: Reply, request: Request<B>, limit: usize) -> Self
    where
        B: Body,
    {
        let reply = Draining::rest_of(reply, request, limit);
        Self {
            state: State::Answered { reply },
        }
    }

    pub(crate) fn pass(response: F) -> Self {
        Self {
            state: State::Passed { response },
        }
    }
}

impl<F, B, ResB, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<ResB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Answered { reply } => {
                let reply = ready!(reply.poll(cx));
                Poll::Ready(Ok(reply.map(ResponseBody::reply)))
            }
            StateProjection::Passed { response } => {
                let response = ready!(response.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
