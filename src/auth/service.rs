use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::ResponseFuture;
use super::settings::Settings;
use crate::credentials::Credentials;
use crate::identity::{self, Anonymous};
use crate::refusal_slot::RefusalSlot;
use crate::reject::{Refusal, ResponseBody};
use crate::telemetry::{Bearer, Decision};
use crate::verify::Verifier;
use crate::verify_error::InvalidReason;

/// The service that a [`BearerAuthLayer`](super::BearerAuthLayer) builds.
#[derive(Clone)]
pub struct BearerAuth<S, V> {
    inner: S,
    verifier: V,
    settings: Settings,
}

impl<S, V> BearerAuth<S, V> {
    /// Guards `inner` with the default configuration. To configure it, use a
    /// [`BearerAuthLayer`](super::BearerAuthLayer).
    pub fn new(inner: S, verifier: V) -> Self {
        Self::with_settings(inner, verifier, Settings::default())
    }

    pub(super) fn with_settings(inner: S, verifier: V, settings: Settings) -> Self {
        Self {
            inner,
            verifier,
            settings,
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
        // `poll_ready` prepared this instance, which may hold a permit that its clone lacks. So this instance is called,
        // and the clone takes its place.
        let not_ready = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, not_ready);

        let was_verified = identity::forget(request.extensions_mut());
        let challenge_config = &self.settings.challenge_config;
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
                let refusal_slot = RefusalSlot::of(&request);
                let challenge_config = Arc::clone(challenge_config);
                let anonymous = Anonymous {
                    challenge_config: Arc::clone(&challenge_config),
                    refusal_slot: refusal_slot.clone(),
                };
                Decision::passed(Decision::LAYER, None).record();
                identity::mark_anonymous(request.extensions_mut(), anonymous);
                return ResponseFuture::pass(inner.call(request), refusal_slot, challenge_config);
            }
            Credentials::Missing => {
                challenge_config.refused_without_token(request.extensions());
                Refusal::NoToken
            }
            Credentials::Repeated => Refusal::RepeatedHeader,
            Credentials::Malformed => Refusal::InvalidToken(InvalidReason::Malformed),
            Credentials::TooLong => Refusal::InvalidToken(InvalidReason::TooLong),
        };
        let scopes = challenge_config.initial_scopes();
        let reply = refusal.refuse(Decision::LAYER, Bearer::Unknown, challenge_config, scopes);
        ResponseFuture::refuse(reply, request, challenge_config)
    }
}

impl<S, V> fmt::Debug for BearerAuth<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuth").finish_non_exhaustive()
    }
}
