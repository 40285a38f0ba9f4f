use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::admission::Admission;
use super::future::ResponseFuture;
use super::settings::Settings;
use crate::credentials::{Credentials, Scheme};
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
        let (credentials, carrier) = self.settings.credentials(&mut request);
        if was_verified && matches!(credentials, Credentials::Missing) {
            self.settings.log_nesting();
        }
        let challenge_config = &self.settings.challenge_config;
        let admission = |scheme| Admission {
            challenge_config: Arc::clone(challenge_config),
            scheme,
            carrier,
        };
        let (refusal, scheme) = match credentials {
            Credentials::Token(scheme, token) if self.settings.accepts(scheme) => {
                let token = match self.settings.checks {
                    Some(_) => token.with_possession_check(),
                    None => token,
                };
                let (verifier, admission) = (self.verifier.clone(), admission(scheme));
                let settings = &self.settings;
                return ResponseFuture::verify(
                    verifier, token, admission, request, inner, settings,
                );
            }
            Credentials::Token(scheme, _) => {
                (Refusal::InvalidToken(InvalidReason::NotBoundToKey), scheme)
            }
            Credentials::Missing if self.settings.optional => {
                let refusal_slot = RefusalSlot::of(&request);
                let anonymous = Anonymous {
                    challenge_config: Arc::clone(challenge_config),
                    refusal_slot: refusal_slot.clone(),
                };
                Decision::passed(Decision::LAYER, None).record();
                identity::mark_anonymous(request.extensions_mut(), anonymous);
                let admission = admission(Scheme::default());
                return ResponseFuture::pass(inner.call(request), refusal_slot, admission);
            }
            Credentials::Missing => {
                challenge_config.refused_without_token(request.extensions());
                (Refusal::NoToken, Scheme::default())
            }
            Credentials::Repeated => (Refusal::RepeatedHeader, Scheme::default()),
            Credentials::TwoTokens => (Refusal::TwoTokens, Scheme::default()),
            Credentials::CrossSite => (Refusal::CrossSite, Scheme::default()),
            Credentials::Malformed(scheme) => {
                (Refusal::InvalidToken(InvalidReason::Malformed), scheme)
            }
            Credentials::TooLong(scheme) => (Refusal::InvalidToken(InvalidReason::TooLong), scheme),
        };
        let scopes = challenge_config.initial_scopes();
        let context = challenge_config.tried(scheme);
        let reply = refusal.refuse(Decision::LAYER, Bearer::Unknown, context, scopes);
        ResponseFuture::refuse(reply, request, &admission(scheme))
    }
}

impl<S, V> fmt::Debug for BearerAuth<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuth").finish_non_exhaustive()
    }
}
