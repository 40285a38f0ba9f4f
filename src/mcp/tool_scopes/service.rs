use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::ReplayBody;
use super::decision::{decide_limit, decide_unread, reject};
use super::future::ResponseFuture;
use super::settings::Settings;
use crate::mcp::headers;
use crate::mcp::rejection::Rejection;
use crate::mcp::rules::ScopeRules;
use crate::reject::ResponseBody;

/// The service that a [`ToolScopesLayer`](super::ToolScopesLayer) builds.
#[derive(Debug, Clone)]
pub struct ToolScopes<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> ToolScopes<S> {
    /// Wraps `inner` with these rules. Bodies have at most 4 MiB; see
    /// [`ToolScopesLayer::max_body_bytes`](super::ToolScopesLayer::max_body_bytes).
    pub fn new(inner: S, rules: ScopeRules) -> Self {
        Self::with_settings(inner, Arc::new(Settings::new(rules)))
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

impl<S, B, ResB> Service<Request<B>> for ToolScopes<S>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<ResB>> + Clone,
    B: Body,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    /// Always ready. The inner service is polled for readiness only after the body was read, so that a slow
    /// client does not hold a permit of a concurrency limit.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let settings = &self.settings;
        if let Err(rejection) = headers::check(&head.headers) {
            return ResponseFuture::answer(reject(rejection, settings, &head), &head, body);
        }
        match head.method {
            Method::POST => match decide_limit(settings, &head) {
                Ok(limit) => {
                    let settings = Arc::clone(settings);
                    ResponseFuture::read(head, body, limit, settings, self.inner.clone())
                }
                Err(reply) => ResponseFuture::answer(reply, &head, body),
            },
            Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS => {
                match decide_unread(settings, &mut head) {
                    Ok(()) => {
                        let request = Request::from_parts(head, ReplayBody::unread(body));
                        ResponseFuture::pass(self.inner.clone(), request)
                    }
                    Err(reply) => ResponseFuture::answer(reply, &head, body),
                }
            }
            _ => {
                let reply = reject(Rejection::UnknownHttpMethod, settings, &head);
                ResponseFuture::answer(reply, &head, body)
            }
        }
    }
}
