use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::layer::LayerByRequest;
use crate::auth::admission::Admission;
use crate::auth::future::ResponseFuture;
use crate::challenge_config::ChallengeConfig;
use crate::credentials::Scheme;
use crate::possession::RequestHead;
use crate::reject::ResponseBody;
use crate::telemetry::Bearer;
use crate::verify::Verifier;

/// The service that a [`LayerByRequest`] builds.
#[derive(Debug, Clone)]
pub struct AuthByRequest<S, V> {
    inner: S,
    layers: LayerByRequest<V>,
    /// For the refusal of a request for which there is no layer.
    challenge_config: Arc<ChallengeConfig>,
}

impl<S, V> AuthByRequest<S, V> {
    /// Guards `inner` with the layer that `layers` chooses for each request.
    pub fn new(inner: S, layers: LayerByRequest<V>) -> Self {
        Self {
            inner,
            layers,
            challenge_config: Arc::default(),
        }
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

impl<S, V, B, ResB> Service<Request<B>> for AuthByRequest<S, V>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    V: Verifier,
    B: Body,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, V, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.layers.choose(RequestHead::of(&request)) {
            Ok(layer) => {
                // The instance that `poll_ready` has prepared is called, as in `BearerAuth`.
                let not_ready = self.inner.clone();
                let ready = mem::replace(&mut self.inner, not_ready);
                layer.layer(ready).call(request)
            }
            Err(refusal) => {
                let admission = Admission {
                    challenge_config: Arc::clone(&self.challenge_config),
                    scheme: Scheme::default(),
                };
                let config = &*self.challenge_config;
                let context = config.without_token();
                let name = LayerByRequest::<V>::NAME;
                let reply = refusal.refuse(name, Bearer::Unknown, context, &config.scopes);
                ResponseFuture::refuse(reply, request, &admission)
            }
        }
    }
}
