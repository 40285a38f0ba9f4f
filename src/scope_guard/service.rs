use std::iter;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::requirement::{self, ScopeRequirement};
use crate::reject::{ResponseBody, ResponseFuture};

/// The service that a [`RequireScopesLayer`](super::RequireScopesLayer) makes.
#[derive(Debug, Clone)]
pub struct RequireScopes<S> {
    inner: S,
    requirement: Arc<ScopeRequirement>,
}

impl<S> RequireScopes<S> {
    pub(super) fn new(inner: S, requirement: Arc<ScopeRequirement>) -> Self {
        Self { inner, requirement }
    }
}

impl<S, B, ResB> Service<Request<B>> for RequireScopes<S>
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
        let requirements = iter::once(&*self.requirement);
        match requirement::check(requirements, request.extensions(), "RequireScopesLayer") {
            Ok(()) => ResponseFuture::pass(self.inner.call(request)),
            Err(reply) => ResponseFuture::answer(reply),
        }
    }
}
