use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::binding::SESSION_ID;
use super::body::{SessionBody, SessionRequestBody};
use super::events::EventIds;
use super::owner::Owner;
use super::settings::Settings;
use super::termination::{Termination, Terminator};
use crate::identity;
use crate::reject::{Draining, Reply, ResponseBody, is_event_stream};

pin_project! {
    /// The future of [`SessionBinding`](super::SessionBinding).
    //
    // The inner service's response decides the way through the states:
    //
    //   Answered                  the request was refused: drain its body, then reply
    //   Passed ──> the response   no session ID, or an ID that its owner can have signed
    //     └─> Terminating         a session ID, and a caller that cannot own one: `DELETE`, then the refusal
    //
    // If the client disconnects in `Passed` or `Terminating`, this future is dropped, and with it the `DELETE`. The
    // session then stays until the server's idle timeout, as does every session whose client disappears.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<SessionRequestBody<B>>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<SessionRequestBody<B>>>,
    {
        Answered {
            #[pin]
            reply: Draining<B>,
        },
        Passed {
            #[pin]
            response: S::Future,
            settings: Arc<Settings>,
            owner: Owner,
            // Present if the caller cannot own a session.
            terminator: Option<Box<Terminator<S>>>,
        },
        // The refusal is sent after the session was terminated.
        Terminating {
            #[pin]
            termination: Termination<S, B>,
            reply: Option<Reply>,
        },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<SessionRequestBody<B>>>,
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

    pub(super) fn pass(
        response: S::Future,
        settings: Arc<Settings>,
        owner: Owner,
        terminator: Option<Box<Terminator<S>>>,
    ) -> Self {
        Self {
            state: State::Passed {
                response,
                settings,
                owner,
                terminator,
            },
        }
    }
}

impl<S, B, ResB> Future for ResponseFuture<S, B>
where
    S: Service<Request<SessionRequestBody<B>>, Response = Response<ResB>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<SessionBody<ResB>>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Answered { reply } => {
                    let reply = ready!(reply.poll(cx));
                    return Poll::Ready(Ok(reply.map(ResponseBody::reply)));
                }
                StateProjection::Terminating { termination, reply } => {
                    ready!(termination.poll(cx));
                    let reply = reply.take().expect("polled after completion");
                    return Poll::Ready(Ok((*reply).map(ResponseBody::reply)));
                }
                StateProjection::Passed {
                    response,
                    settings,
                    owner,
                    terminator,
                } => {
                    let mut response = ready!(response.poll(cx))?;
                    // Removes every value, so that the client gets no unsigned ID.
                    let id = response.headers_mut().remove(SESSION_ID);
                    match id.map(|id| (owner.bind_session(settings, &id), id)) {
                        None => return Poll::Ready(Ok(bind_events(response, settings, owner))),
                        Some((Ok(bound), _)) => {
                            response.headers_mut().insert(SESSION_ID, bound);
                            return Poll::Ready(Ok(bind_events(response, settings, owner)));
                        }
                        Some((Err(reply), id)) => {
                            // The server may hold the session while its response is alive.
                            drop(response);
                            match terminator.take() {
                                Some(terminator) => State::Terminating {
                                    termination: terminator.terminate(id),
                                    reply: Some(reply),
                                },
                                None => return Poll::Ready(Ok((*reply).map(ResponseBody::reply))),
                            }
                        }
                    }
                }
            };
            state.set(next);
        }
    }
}

/// The response, with the IDs of its events signed for their owner.
fn bind_events<ResB>(
    mut response: Response<ResB>,
    settings: &Arc<Settings>,
    owner: &Owner,
) -> Response<ResponseBody<SessionBody<ResB>>> {
    let events = match owner {
        Owner::Known(principal) if is_event_stream(response.headers()) => {
            // Signed IDs are longer.
            response.headers_mut().remove(CONTENT_LENGTH);
            Some(EventIds::new(Arc::clone(settings), principal.clone()))
        }
        Owner::Known(_) | Owner::Nameless(_) | Owner::Anonymous(_) => None,
    };
    response.map(|body| ResponseBody::inner(SessionBody::new(body, events)))
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<SessionRequestBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
