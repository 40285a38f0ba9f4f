use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::binding::{COMPONENT, LAST_EVENT_ID, Purpose, SESSION_ID};
use super::body::{SessionBody, SessionRequestBody};
use super::future::ResponseFuture;
use super::owner::Owner;
use super::settings::Settings;
use super::termination::Terminator;
use crate::challenge_config::ChallengeConfig;
use crate::identity::Identity;
use crate::mcp::rejection::Rejection;
use crate::reject::{Refusal, Reply, ResponseBody};
use crate::telemetry::{Bearer, Decision};

/// The service that a [`SessionBindingLayer`](super::SessionBindingLayer) builds.
#[derive(Clone)]
pub struct SessionBinding<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> SessionBinding<S> {
    /// Wraps `inner` with a random secret; see [`SessionBindingLayer::new`](super::SessionBindingLayer::new).
    ///
    /// # Panics
    ///
    /// If the system's random number generator fails.
    pub fn new(inner: S) -> Self {
        Self::with_settings(inner, Arc::new(Settings::random()))
    }

    pub(super) fn with_settings(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, ResB> Service<Request<B>> for SessionBinding<S>
where
    S: Service<Request<SessionRequestBody<B>>, Response = Response<ResB>> + Clone,
    B: Body,
{
    type Response = Response<ResponseBody<SessionBody<ResB>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        match admit(&mut head, &self.settings) {
            Ok(owner) => {
                let settings = Arc::clone(&self.settings);
                // Cloned before the call, because the `DELETE` may be needed after it. Only a caller without a principal
                // pays for this.
                let terminator = match &owner {
                    Owner::Known(_) => None,
                    Owner::Nameless(_) | Owner::Anonymous(_) => {
                        Some(Box::new(Terminator::new(self.inner.clone(), &head)))
                    }
                };
                let body = SessionRequestBody::of_client(body);
                let response = self.inner.call(Request::from_parts(head, body));
                ResponseFuture::pass(response, settings, owner, terminator)
            }
            Err(reply) => ResponseFuture::answer(reply, &head, body),
        }
    }
}

/// Replaces the signed IDs in the request with the server's IDs, if they belong to the caller. Returns the owner of
/// the IDs in the response.
fn admit(head: &mut Parts, settings: &Settings) -> Result<Owner, Reply> {
    let Settings { key, refusal_map } = settings;
    let own_map = refusal_map.as_ref();
    let caller = Identity::of(&head.extensions);
    let owner = match caller {
        Identity::Known(token) => match token.principal() {
            Some(principal) => Owner::Known(principal),
            None => Owner::Nameless(token.clone()),
        },
        Identity::Anonymous(anonymous) => Owner::Anonymous(Arc::clone(&anonymous.challenge_config)),
        Identity::NoLayer => {
            let nothing = ChallengeConfig::default();
            return Err(Refusal::NoLayer.refuse(
                COMPONENT,
                Bearer::Unknown,
                nothing.without_token().mapped_by(own_map),
                &nothing.scopes,
            ));
        }
    };
    let bearer = caller.bearer();
    let reject =
        |rejection: Rejection| rejection.refuse(COMPONENT, bearer, caller.refusal_map(own_map));
    if let Some(bound) = single(&head.headers, &SESSION_ID).map_err(reject)? {
        if let Owner::Anonymous(challenge_config) = &owner {
            let scopes = challenge_config.initial_scopes();
            let context = challenge_config.without_token().mapped_by(own_map);
            return Err(Refusal::NoToken.refuse(COMPONENT, bearer, context, scopes));
        }
        let id = owner.unbind(key, Purpose::Session, &bound);
        let id = id.ok_or_else(|| reject(Rejection::NoSuchSession))?;
        head.headers.insert(SESSION_ID, id);
    }
    if let Some(bound) = single(&head.headers, &LAST_EVENT_ID).map_err(reject)? {
        match owner.unbind(key, Purpose::Event, &bound) {
            Some(id) => drop(head.headers.insert(LAST_EVENT_ID, id)),
            // 405 says that there is no stream to open (MCP, Streamable HTTP). 404 would end the client's session.
            None if head.method == Method::GET => return Err(reject(Rejection::NothingToResume)),
            // Other requests resume nothing, and work without the header.
            None => drop(head.headers.remove(LAST_EVENT_ID)),
        }
    }
    Decision::passed(COMPONENT, bearer.verified()).record();
    Ok(owner)
}

/// The only value of a header. Servers disagree about which of two values they read.
fn single(headers: &HeaderMap, name: &HeaderName) -> Result<Option<HeaderValue>, Rejection> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.cloned()),
        (_, Some(_)) => Err(Rejection::BadHeaders("a header occurs twice")),
    }
}

impl<S> fmt::Debug for SessionBinding<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBinding").finish_non_exhaustive()
    }
}
