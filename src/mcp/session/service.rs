use std::sync::Arc;
use std::task::{Context, Poll};

use aws_lc_rs::hmac;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use tower_service::Service;

use super::binding::unbind;
use super::future::{Opener, ResponseFuture};
use crate::caller::Caller;
use crate::mcp::rejection::Rejection;
use crate::protection::Protection;
use crate::reject::{Refusal, Reply, ResponseBody};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The revision of MCP that has no sessions any more. Revisions are dates, and compare as text.
const WITHOUT_SESSIONS: &[u8] = b"2026-07-28";

/// The service that a [`SessionBindingLayer`](super::SessionBindingLayer) makes.
#[derive(Clone)]
pub struct SessionBinding<S> {
    inner: S,
    key: Arc<hmac::Key>,
}

impl<S> SessionBinding<S> {
    pub(super) fn new(inner: S, key: Arc<hmac::Key>) -> Self {
        Self { inner, key }
    }
}

impl<S, B, ResB> Service<Request<B>> for SessionBinding<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        match admit(&mut head, &self.key) {
            Ok(opener) => {
                let key = Arc::clone(&self.key);
                let response = self.inner.call(Request::from_parts(head, body));
                ResponseFuture::pass(response, key, opener)
            }
            Err(reply) => ResponseFuture::answer(reply),
        }
    }
}

/// Puts the server's own session ID into the request, if the caller may use that session, and says who
/// it is that may open another one.
fn admit(head: &mut Parts, key: &hmac::Key) -> Result<Opener, Reply> {
    let opener = match Caller::of(&head.extensions) {
        Caller::Known(token) => Opener::Known(token.clone()),
        Caller::Anonymous(anonymous) => Opener::Anonymous(Arc::clone(&anonymous.protection)),
        Caller::Unasked => {
            let protection = Protection::default();
            let refusal = Refusal::NoLayer("SessionBindingLayer");
            return Err(refusal.reply(&protection, &protection.scopes));
        }
    };
    let bound = single(&head.headers, &SESSION_ID).map_err(Rejection::reply)?;
    let resumes = single(&head.headers, &LAST_EVENT_ID).map_err(Rejection::reply)?;

    if resumes.is_some() && (bound.is_none() || is_without_sessions(&head.headers)) {
        if head.method == Method::GET {
            return Err(Rejection::NothingToResume.reply());
        }
        head.headers.remove(LAST_EVENT_ID);
    }
    let Some(bound) = bound else {
        return Ok(opener);
    };
    let principal = match &opener {
        Opener::Known(token) => token.principal(),
        Opener::Anonymous(protection) => {
            return Err(Refusal::NoToken.reply(protection, protection.initial_scopes()));
        }
    };
    let id = principal
        .and_then(|principal| unbind(key, bound.as_bytes(), &principal).map(<[u8]>::to_vec))
        .and_then(|id| HeaderValue::from_maybe_shared(bytes::Bytes::from(id)).ok())
        .ok_or_else(|| Rejection::NoSuchSession.reply())?;
    head.headers.insert(SESSION_ID, id);
    Ok(opener)
}

/// The only value of a header; with two of them nobody knows which one somebody else reads.
fn single(headers: &HeaderMap, name: &HeaderName) -> Result<Option<HeaderValue>, Rejection> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.cloned()),
        (_, Some(_)) => Err(Rejection::BadHeaders("an MCP header occurs twice")),
    }
}

/// Whether the request is of a revision in which events belong to no session, so that nothing would say
/// whose they are.
fn is_without_sessions(headers: &HeaderMap) -> bool {
    headers
        .get_all(PROTOCOL_VERSION)
        .iter()
        .any(|version| version.as_bytes() >= WITHOUT_SESSIONS)
}

impl<S> std::fmt::Debug for SessionBinding<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBinding").finish_non_exhaustive()
    }
}
