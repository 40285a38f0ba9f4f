use std::iter;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::guard::check::{Required, check};
use crate::guard::requirement::ScopeRequirement;
use crate::guard::settings::Settings;
use crate::identity;
use crate::reject::{ResponseBody, ResponseFuture};

/// The name of the guard in its decisions.
const COMPONENT: &str = "RequireScopesLayer";

/// The service that a [`RequireScopesLayer`](super::RequireScopesLayer) builds.
#[derive(Debug, Clone)]
pub struct RequireScopes<S> {
    inner: S,
    settings: Arc<Settings<ScopeRequirement>>,
}

impl<S> RequireScopes<S> {
    /// Guards `inner` with this requirement.
    pub fn new(inner: S, requirement: ScopeRequirement) -> Self {
        Self::with_settings(inner, Arc::new(Settings::new(requirement)))
    }

    pub(super) fn with_settings(inner: S, settings: Arc<Settings<ScopeRequirement>>) -> Self {
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
        let Settings {
            requirement,
            refusal_map,
        } = &*self.settings;
        let required = iter::once(Required::scopes(requirement));
        let extensions = request.extensions_mut();
        match check(required, extensions, COMPONENT, refusal_map.as_ref()) {
            Ok(()) => ResponseFuture::pass(self.inner.call(request)),
            Err(reply) => {
                let limit = identity::max_drained_bytes(request.extensions());
                ResponseFuture::answer(reply, request, limit)
            }
        }
    }
}
