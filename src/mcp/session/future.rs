use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_lc_rs::hmac;
use http::Response;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::SessionBody;
use super::events::EventIds;
use super::owner::Owner;
use super::service::SESSION_ID;
use crate::caller;
use crate::event_stream::is_event_stream;
use crate::reject::{Draining, Reply, ResponseBody};

pin_project! {
    /// The future of [`SessionBinding`](super::SessionBinding).
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
        Answered {
            #[pin]
            reply: Draining<B>,
        },
        Passed {
            #[pin]
            response: F,
            key: Arc<hmac::Key>,
            owner: Owner,
        },
    }
}

impl<F, B> ResponseFuture<F, B> {
    /// Answers the request with this head and body.
    pub(super) fn answer(reply: Reply, head: &Parts, body: B) -> Self
    where
        B: Body,
    {
        let limit = caller::max_drained_bytes(&head.extensions);
        let reply = Draining::rest(reply, head, body, limit);
        Self {
            state: State::Answered { reply },
        }
    }

    pub(super) fn pass(response: F, key: Arc<hmac::Key>, owner: Owner) -> Self {
        Self {
            state: State::Passed {
                response,
                key,
                owner,
            },
        }
    }
}

impl<F, B, ResB, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<SessionBody<ResB>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Answered { reply } => {
                let reply = ready!(reply.poll(cx));
                Poll::Ready(Ok(reply.map(ResponseBody::reply)))
            }
            StateProjection::Passed {
                response,
                key,
                owner,
            } => {
                let mut response = ready!(response.poll(cx))?;
                // One ID, and no other reading of it.
                if let Some(id) = response.headers_mut().remove(SESSION_ID) {
                    match owner.bind_session(key, &id) {
                        Ok(bound) => drop(response.headers_mut().insert(SESSION_ID, bound)),
                        Err(reply) => return Poll::Ready(Ok((*reply).map(ResponseBody::reply))),
                    }
                }
                let events = match owner {
                    Owner::Known(principal) if is_event_stream(response.headers()) => {
                        // It gets longer.
                        response.headers_mut().remove(CONTENT_LENGTH);
                        Some(EventIds::new(Arc::clone(key), principal.clone()))
                    }
                    _ => None,
                };
                Poll::Ready(Ok(
                    response.map(|body| ResponseBody::inner(SessionBody::new(body, events)))
                ))
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
