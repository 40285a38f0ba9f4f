use std::iter;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::authentication_requirement::AuthenticationRequirement;
use crate::guard::check::{Required, check};
use crate::guard::settings::Settings;
use crate::identity;
use crate::reject::{ResponseBody, ResponseFuture};

/// The name of the guard in its decisions.
const COMPONENT: &str = "RequireAuthenticationLayer";

/// The service that a [`RequireAuthenticationLayer`](super::RequireAuthenticationLayer) builds.
#[derive(Debug, Clone)]
pub struct RequireAuthentication<S> {
    inner: S,
    settings: Arc<Settings<Arc<AuthenticationRequirement>>>,
}

impl<S> RequireAuthentication<S> {
    /// Guards `inner` with this requirement.
    pub fn new(inner: S, requirement: AuthenticationRequirement) -> Self {
        Self::with_settings(inner, Arc::new(Settings::new(Arc::new(requirement))))
    }

    pub(super) fn with_settings(
        inner: S,
        settings: Arc<Settings<Arc<AuthenticationRequirement>>>,
    ) -> Self {
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

impl<S, B, ResB> Service<Request<B>> for RequireAuthentication<S>
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
        let required = iter::once(Required {
            authentication: Some(requirement),
            ..Required::NOTHING
        });
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
