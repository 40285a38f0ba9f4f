//! What a guard answers with: its own reply, or whatever the inner service says.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::{Reply, ResponseBody};

pin_project! {
    /// The future of a service that answers some requests itself and passes the others on.
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Answered { reply: Option<Reply> },
        Passed { #[pin] response: F },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn answer(reply: Reply) -> Self {
        let reply = Some(reply);
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

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
{
    type Output = Result<Response<ResponseBody<ResB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Answered { reply } => {
                let reply = reply.take().expect("polled after completion");
                Poll::Ready(Ok((*reply).map(ResponseBody::reply)))
            }
            StateProjection::Passed { response } => {
                let response = ready!(response.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
