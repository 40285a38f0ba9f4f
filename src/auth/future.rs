use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use crate::access_token::AccessToken;
use crate::bearer::BearerToken;
use crate::protection::Protection;
use crate::reject::{self, Refusal, Reply, ResponseBody};
use crate::verify::Verifier;

pin_project! {
    /// The future of [`BearerAuth`](super::BearerAuth).
    pub struct ResponseFuture<S, V, B>
    where
        S: Service<Request<B>>,
        V: Service<BearerToken>,
    {
        #[pin]
        state: State<S, V, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, V, B>
    where
        S: Service<Request<B>>,
        V: Service<BearerToken>,
    {
        Refused {
            reply: Option<Reply>,
        },
        Verifying {
            #[pin]
            verify: Oneshot<V, BearerToken>,
            // What waits behind the gate: the request, and the service that is ready for it.
            waiting: Option<(Request<B>, S)>,
            protection: Arc<Protection>,
        },
        Passed {
            #[pin]
            response: S::Future,
        },
    }
}

impl<S, V, B> ResponseFuture<S, V, B>
where
    S: Service<Request<B>>,
    V: Service<BearerToken>,
{
    pub(super) fn refuse(reply: Reply) -> Self {
        let reply = Some(reply);
        Self {
            state: State::Refused { reply },
        }
    }

    pub(super) fn pass(response: S::Future) -> Self {
        Self {
            state: State::Passed { response },
        }
    }

    pub(super) fn verify(
        verifier: V,
        token: BearerToken,
        request: Request<B>,
        inner: S,
        protection: Arc<Protection>,
    ) -> Self {
        Self {
            state: State::Verifying {
                verify: Oneshot::new(verifier, token),
                waiting: Some((request, inner)),
                protection,
            },
        }
    }
}

impl<S, V, B, ResB> Future for ResponseFuture<S, V, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    V: Verifier,
{
    type Output = Result<Response<ResponseBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Refused { reply } => {
                    let reply = reply.take().expect("polled after completion");
                    return Poll::Ready(Ok((*reply).map(ResponseBody::refusal)));
                }
                StateProjection::Passed { response } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
                StateProjection::Verifying {
                    verify,
                    waiting,
                    protection,
                } => {
                    let verified = ready!(verify.poll(cx)).map_err(Into::into);
                    let (mut request, mut inner) = waiting.take().expect("verified once");
                    match verified
                        .map_err(|error| reject::reply_to_error(&error, protection))
                        .and_then(|token| admit(token, protection))
                    {
                        Ok(token) => {
                            request.extensions_mut().insert(token);
                            let response = inner.call(request);
                            State::Passed { response }
                        }
                        Err(reply) => State::Refused { reply: Some(reply) },
                    }
                }
            };
            state.set(next);
        }
    }
}

/// What the layer itself asks of a verified token.
fn admit(token: AccessToken, protection: &Arc<Protection>) -> Result<AccessToken, Reply> {
    let scopes = &protection.scopes;
    // A verifier's business, but a cached or a hand-made token may have expired since.
    if let Some(reason) = token.lapsed() {
        return Err(Refusal::InvalidToken(reason).reply(protection, scopes));
    }
    if !protection.hierarchy.grants_all(token.scopes(), scopes) {
        return Err(Refusal::InsufficientScope.reply(protection, scopes));
    }
    Ok(token.protected_by(Arc::clone(protection)))
}

impl<S, V, B> fmt::Debug for ResponseFuture<S, V, B>
where
    S: Service<Request<B>>,
    V: Service<BearerToken>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
