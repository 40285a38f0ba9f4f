use std::iter;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::guard::check::{Required, check};
use crate::guard::requirement::ScopeRequirement;
use crate::identity;
use crate::reject::{ResponseBody, ResponseFuture};

/// The name of the guard in its decisions.
const COMPONENT: &str = "RequireScopesLayer";

/// The service that a [`RequireScopesLayer`](super::RequireScopesLayer) builds.
#[derive(Debug, Clone)]
pub struct RequireScopes<S> {
    inner: S,
    requirement: Arc<ScopeRequirement>,
}

impl<S> RequireScopes<S> {
    /// Guards `inner` with this requirement.
    pub fn new(inner: S, requirement: ScopeRequirement) -> Self {
        Self::with_shared(inner, Arc::new(requirement))
    }

    pub(super) fn with_shared(inner: S, requirement: Arc<ScopeRequirement>) -> Self {
        Self { inner, requirement }
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

impl<S, B, ResB> Service<Request<B>> for RequireScopes<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    B: Body,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let required = iter::once(Required::scopes(&self.requirement));
        match check(required, request.extensions_mut(), COMPONENT) {
            Ok(()) => ResponseFuture::pass(self.inner.call(request)),
            Err(reply) => {
                let limit = identity::max_drained_bytes(request.extensions());
                ResponseFuture::answer(reply, request, limit)
            }
        }
    }
}
