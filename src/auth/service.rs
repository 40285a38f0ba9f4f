use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::ResponseFuture;
use super::settings::Settings;
use crate::bearer::Credentials;
use crate::caller::{self, Anonymous};
use crate::late_refusal::LateRefusal;
use crate::reject::{Refusal, ResponseBody};
use crate::telemetry::{Bearer, Decision};
use crate::verify::Verifier;
use crate::verify_error::InvalidReason;

/// The service that a [`BearerAuthLayer`](super::BearerAuthLayer) makes.
#[derive(Clone)]
pub struct BearerAuth<S, V> {
    inner: S,
    verifier: V,
    settings: Settings,
}

impl<S, V> BearerAuth<S, V> {
    pub(super) fn new(inner: S, verifier: V, settings: Settings) -> Self {
        Self {
            inner,
            verifier,
            settings,
        }
    }
}

impl<S, V, B, ResB> Service<Request<B>> for BearerAuth<S, V>
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The instance that was polled to readiness is the one to call; it may hold a permit that
        // its clone does not have.
        let not_ready = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, not_ready);

        let was_verified = caller::forget(request.extensions_mut());
        let protection = &self.settings.protection;
        let credentials = self.settings.credentials(request.headers_mut());
        if was_verified && matches!(credentials, Credentials::Missing) {
            self.settings.log_nesting();
        }
        let refusal = match credentials {
            Credentials::Bearer(token) => {
                let verifier = self.verifier.clone();
                return ResponseFuture::verify(verifier, token, request, inner, &self.settings);
            }
            Credentials::Missing if self.settings.optional => {
                let late_refusal = LateRefusal::of(&request);
                let protection = Arc::clone(protection);
                let anonymous = Anonymous {
                    protection: Arc::clone(&protection),
                    late_refusal: late_refusal.clone(),
                };
                Decision::passed(Decision::LAYER, None).record();
                caller::mark_anonymous(request.extensions_mut(), anonymous);
                return ResponseFuture::pass(inner.call(request), late_refusal, protection);
            }
            Credentials::Missing => {
                protection.refused_without_token(request.extensions());
                Refusal::NoToken
            }
            Credentials::Repeated => Refusal::RepeatedHeader,
            Credentials::Malformed => Refusal::InvalidToken(InvalidReason::Malformed),
            Credentials::TooLong => Refusal::InvalidToken(InvalidReason::TooLong),
        };
        let scopes = protection.initial_scopes();
        let reply = refusal.refuse(Decision::LAYER, Bearer::Nobody, protection, scopes);
        ResponseFuture::refuse(reply, request, protection)
    }
}

impl<S, V> fmt::Debug for BearerAuth<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuth").finish_non_exhaustive()
    }
}
