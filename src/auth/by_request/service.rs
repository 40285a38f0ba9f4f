use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::choice::{COMPONENT, Choice};
use crate::auth::admission::Admission;
use crate::auth::future::ResponseFuture;
use crate::credentials::{Carrier, Scheme};
use crate::possession::RequestHead;
use crate::reject::ResponseBody;
use crate::telemetry::Bearer;
use crate::verify::Verifier;

/// The service that a [`LayerByRequest`](super::LayerByRequest) builds.
#[derive(Debug, Clone)]
pub struct AuthByRequest<S, V> {
    inner: S,
    choice: Choice<V>,
}

impl<S, V> AuthByRequest<S, V> {
    pub(super) fn new(inner: S, choice: Choice<V>) -> Self {
        Self { inner, choice }
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
        // The instance that `poll_ready` has prepared is called, as in `BearerAuth`. For a refused request it is dropped,
        // so that its permit is free.
        let not_ready = self.inner.clone();
        let ready = mem::replace(&mut self.inner, not_ready);
        match self.choice.layer_for(RequestHead::of(&request)) {
            Ok(layer) => layer.layer(ready).call(request),
            Err(refusal) => {
                drop(ready);
                let admission = Admission {
                    challenge_config: Arc::clone(self.choice.challenge_config()),
                    scheme: Scheme::default(),
                    carrier: Carrier::Authorization,
                };
                let config = &*admission.challenge_config;
                let context = config.without_token();
                let reply = refusal.refuse(COMPONENT, Bearer::Unknown, context, &config.scopes);
                ResponseFuture::refuse(reply, request, &admission)
            }
        }
    }
}
