use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::body::{ReadBody, ReplayBody};
use super::decision::{decide, reject};
use crate::mcp::rules::ScopeRules;
use crate::reject::{Reply, ResponseBody};

pin_project! {
    /// The future of [`ToolScopes`](super::ToolScopes).
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
            read: ReadBody,
            limit: usize,
            rules: ScopeRules,
            // What waits behind the guard: the rest of the request, and the service.
            waiting: Option<(Parts, S)>,
        },
        Passed {
            #[pin]
            response: Oneshot<S, Request<ReplayBody<B>>>,
        },
        Answered {
            reply: Option<Reply>,
        },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<ReplayBody<B>>>,
{
    pub(super) fn answer(reply: Reply) -> Self {
        let reply = Some(reply);
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

    pub(super) fn read(head: Parts, body: B, limit: usize, rules: ScopeRules, inner: S) -> Self {
        Self {
            state: State::Reading {
                body,
                read: ReadBody::default(),
                limit,
                rules,
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
                    body,
                    read,
                    limit,
                    rules,
                    waiting,
                } => {
                    let end = ready!(read.poll_read(body, *limit, cx));
                    let (head, inner) = waiting.take().expect("read once");
                    let decision = end
                        .map_err(|rejection| reject(rejection, &head))
                        .and_then(|()| decide(rules, &head, read.bytes()));
                    match decision {
                        Ok(()) => {
                            let body = ReplayBody::replay(mem::take(read));
                            let response = Oneshot::new(inner, Request::from_parts(head, body));
                            State::Passed { response }
                        }
                        Err(reply) => State::Answered { reply: Some(reply) },
                    }
                }
                StateProjection::Passed { response } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
                StateProjection::Answered { reply } => {
                    let reply = reply.take().expect("polled after completion");
                    return Poll::Ready(Ok((*reply).map(ResponseBody::reply)));
                }
            };
            state.set(next);
        }
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
