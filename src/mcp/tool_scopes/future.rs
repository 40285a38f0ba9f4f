use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::body::{ReadBody, ReplayBody};
use super::decision::{decide, reject};
use super::settings::Settings;
use crate::identity;
use crate::mcp::rejection::Rejection;
use crate::reject::{Drain, Draining, Reply, ResponseBody};

pin_project! {
    /// The future of [`ToolScopes`](super::ToolScopes).
    //
    // Reading ──> the body is complete and the caller may make its calls ──> Passed
    //    └─> refused: the rest of the body is read and dropped, then the reply is sent
    // Answered: the head alone decided, before any of the body was read
    //
    // The inner service is cloned when the request arrives and driven to readiness by `Oneshot` when it passes. So a
    // slow body holds no permit of a concurrency limit, and readiness is never reserved for a refused request.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<ReplayBody<B>>>,
    {
        Reading {
            #[pin]
            body: B,
            // The response to a refused request, which waits until the rest of `body` is read.
            refused: Option<Drain>,
            read: ReadBody,
            limit: usize,
            settings: Arc<Settings>,
            // The head of the request and the inner service, until the decision.
            waiting: Option<(Parts, S)>,
        },
        Passed {
            #[pin]
            response: Oneshot<S, Request<ReplayBody<B>>>,
        },
        Answered {
            #[pin]
            reply: Draining<B>,
        },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    /// Replies to the request with this head and body.
    pub(super) fn answer(reply: Reply, head: &Parts, body: B) -> Self
    where
        B: Body,
    {
        let limit = identity::max_drained_bytes(&head.extensions);
        let reply = Draining::rest(reply, head, body, limit);
        Self {
            state: State::Answered { reply },
        }
    }

    pub(super) fn pass(inner: S, request: Request<ReplayBody<B>>) -> Self {
        let response = Oneshot::new(inner, request);
        Self {
            state: State::Passed { response },
        }
    }

    pub(super) fn read(
        head: Parts,
        body: B,
        limit: usize,
        settings: Arc<Settings>,
        inner: S,
    ) -> Self {
        Self {
            state: State::Reading {
                body,
                refused: None,
                read: ReadBody::default(),
                limit,
                settings,
                waiting: Some((head, inner)),
            },
        }
    }
}

impl<S, B, ResB> Future for ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<ResB>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Reading {
                    mut body,
                    refused,
                    read,
                    limit,
                    settings,
                    waiting,
                } => {
                    if let Some(refused) = refused {
                        let reply = ready!(refused.poll_after(body, cx));
                        return Poll::Ready(Ok(reply.map(ResponseBody::reply)));
                    }
                    let end = ready!(read.poll_read(body.as_mut(), *limit, cx));
                    let (mut head, inner) = waiting.take().expect("read once");
                    let answer = match end {
                        Ok(()) => match decide(settings, &mut head, read.bytes()) {
                            Ok(()) => None,
                            Err(reply) => Some(Drain::nothing(reply)),
                        },
                        Err(rejection) => Some(stop(rejection, settings, &head, &*body)),
                    };
                    if let Some(answer) = answer {
                        *read = ReadBody::default();
                        *refused = Some(answer);
                        continue;
                    }
                    let body = ReplayBody::replay(mem::take(read));
                    let response = Oneshot::new(inner, Request::from_parts(head, body));
                    State::Passed { response }
                }
                StateProjection::Passed { response } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
                StateProjection::Answered { reply } => {
                    let reply = ready!(reply.poll(cx));
                    return Poll::Ready(Ok(reply.map(ResponseBody::reply)));
                }
            };
            state.set(next);
        }
    }
}

/// The response to a request whose body was not read to its end.
fn stop<B: Body>(rejection: Rejection, settings: &Settings, head: &Parts, body: &B) -> Drain {
    let reply = reject(rejection, settings, head);
    match rejection == Rejection::Incomplete {
        true => Drain::failed(reply, head),
        false => Drain::rest(
            reply,
            head,
            body,
            identity::max_drained_bytes(&head.extensions),
        ),
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
