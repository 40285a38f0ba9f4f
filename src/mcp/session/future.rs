use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderValue, Response};
use pin_project_lite::pin_project;

use super::binding::bind;
use super::service::SESSION_ID;
use crate::access_token::AccessToken;
use crate::mcp::rejection::Rejection;
use crate::protection::Protection;
use crate::reject::{Refusal, Reply, ResponseBody};

/// Who opens a session, if the response does.
pub(super) enum Opener {
    Known(AccessToken),
    /// Somebody without a token, behind an optional layer.
    Anonymous(Arc<Protection>),
}

pin_project! {
    /// The future of [`SessionBinding`](super::SessionBinding).
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Answered {
            reply: Option<Reply>,
        },
        Passed {
            #[pin]
            response: F,
            key: Arc<hmac::Key>,
            opener: Opener,
        },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn answer(reply: Reply) -> Self {
        let reply = Some(reply);
        Self {
            state: State::Answered { reply },
        }
    }

    pub(super) fn pass(response: F, key: Arc<hmac::Key>, opener: Opener) -> Self {
        Self {
            state: State::Passed {
                response,
                key,
                opener,
            },
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
            StateProjection::Passed {
                response,
                key,
                opener,
            } => {
                let mut response = ready!(response.poll(cx))?;
                // One ID, and no other reading of it.
                let Some(id) = response.headers_mut().remove(SESSION_ID) else {
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                };
                Poll::Ready(Ok(match opener.bind(key, &id) {
                    Ok(bound) => {
                        response.headers_mut().insert(SESSION_ID, bound);
                        response.map(ResponseBody::inner)
                    }
                    Err(reply) => (*reply).map(ResponseBody::reply),
                }))
            }
        }
    }
}

impl Opener {
    /// The ID that this caller may know; an answer instead of the session where there is nobody to bind
    /// it to.
    fn bind(&self, key: &hmac::Key, id: &HeaderValue) -> Result<HeaderValue, Reply> {
        match self {
            Self::Known(token) => {
                let principal = token
                    .principal()
                    .ok_or_else(|| Rejection::NobodysSession.reply())?;
                let bound = bind(key, id.as_bytes(), &principal);
                Ok(HeaderValue::from_maybe_shared(Bytes::from(bound))
                    .expect("a header's value, a dot and base64url"))
            }
            Self::Anonymous(protection) => {
                Err(Refusal::NoToken.reply(protection, protection.initial_scopes()))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
