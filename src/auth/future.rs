use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::admission::{admit, outcome, reply_to};
use super::settings::Settings;
use crate::access_token::{AccessToken, ExpiryTimer};
use crate::challenge_config::ChallengeConfig;
use crate::credentials::BearerToken;
use crate::refusal_slot::RefusalSlot;
use crate::reject::{Draining, Reply, ResponseBody, is_event_stream};
use crate::telemetry::{self, Activity, Bearer};
use crate::verify::Verifier;

pin_project! {
    /// The future of [`BearerAuth`](super::BearerAuth): it verifies the token, then runs the inner service or refuses
    /// the request.
    ///
    /// Dropping it cancels the verification. If a cache or a key fetch shares that work with other requests, the work
    /// continues for them.
    pub struct ResponseFuture<S, V, B>
    where
        S: Service<Request<B>>,
        V: Service<BearerToken>,
    {
        #[pin]
        state: State<S, V, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, V, B>
    where
        S: Service<Request<B>>,
        V: Service<BearerToken>,
    {
        Refused {
            #[pin]
            reply: Draining<B>,
        },
        Verifying {
            #[pin]
            verify: Oneshot<V, BearerToken>,
            verification: Activity,
            // The token, for the audit event of a refusal. Absent while no subscriber records the event.
            token: Option<Box<BearerToken>>,
            // The request, and the inner service that is ready for it, until the decision.
            waiting: Option<(Request<B>, S)>,
            challenge_config: Arc<ChallengeConfig>,
            closes_streams: bool,
        },
        Passed {
            #[pin]
            response: S::Future,
            refusal_slot: RefusalSlot,
            challenge_config: Arc<ChallengeConfig>,
            // The token whose expiry ends the response, if that is an event stream.
            ends_with: Option<AccessToken>,
        },
    }
}

impl<S, V, B> ResponseFuture<S, V, B>
where
    S: Service<Request<B>>,
    V: Service<BearerToken>,
{
    pub(super) fn refuse(
        reply: Reply,
        request: Request<B>,
        challenge_config: &ChallengeConfig,
    ) -> Self
    where
        B: Body,
    {
        Self {
            state: State::refused(reply, request, challenge_config),
        }
    }

    pub(super) fn pass(
        response: S::Future,
        refusal_slot: RefusalSlot,
        challenge_config: Arc<ChallengeConfig>,
    ) -> Self {
        Self {
            state: State::Passed {
                response,
                refusal_slot,
                challenge_config,
                ends_with: None,
            },
        }
    }

    pub(super) fn verify(
        verifier: V,
        token: BearerToken,
        request: Request<B>,
        inner: S,
        settings: &Settings,
    ) -> Self {
        Self {
            state: State::Verifying {
                verification: Activity::verification(),
                token: telemetry::is_recorded().then(|| Box::new(token.clone())),
                verify: Oneshot::new(verifier, token),
                waiting: Some((request, inner)),
                challenge_config: Arc::clone(&settings.challenge_config),
                closes_streams: settings.close_streams_at_expiry,
            },
        }
    }
}

impl<S, V, B> State<S, V, B>
where
    S: Service<Request<B>>,
    V: Service<BearerToken>,
    B: Body,
{
    fn refused(reply: Reply, request: Request<B>, challenge_config: &ChallengeConfig) -> Self {
        let reply = Draining::rest_of(reply, request, challenge_config.max_drained_bytes);
        Self::Refused { reply }
    }
}

impl<S, V, B, ResB> Future for ResponseFuture<S, V, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    V: Verifier,
    B: Body,
{
    type Output = Result<Response<ResponseBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Refused { reply } => {
                    let reply = ready!(reply.poll(cx));
                    return Poll::Ready(Ok(reply.map(ResponseBody::reply)));
                }
                StateProjection::Passed {
                    response,
                    refusal_slot,
                    challenge_config,
                    ends_with,
                } => {
                    let response = ready!(response.poll(cx))?;
                    if let Some(cause) = refusal_slot.instead_of(&response) {
                        let reply = reply_to(cause, challenge_config);
                        return Poll::Ready(Ok((*reply).map(ResponseBody::reply)));
                    }
                    return Poll::Ready(Ok(match ends_with.take() {
                        Some(token) if is_event_stream(response.headers()) => {
                            response.map(|body| ResponseBody::stream(body, ExpiryTimer::of(token)))
                        }
                        Some(_) | None => response.map(ResponseBody::inner),
                    }));
                }
                StateProjection::Verifying {
                    verify,
                    verification,
                    token,
                    waiting,
                    challenge_config,
                    closes_streams,
                } => {
                    let entered = verification.enter();
                    let verified = ready!(verify.poll(cx)).map_err(Into::into);
                    drop(entered);
                    verification.end(outcome(&verified));
                    let (mut request, mut inner) = waiting.take().expect("verified once");
                    let bearer = Bearer::from(token.as_deref());
                    match admit(verified, bearer, challenge_config) {
                        Ok(token) => {
                            let challenge_config = Arc::clone(challenge_config);
                            let refusal_slot = RefusalSlot::of(&request);
                            let token = token
                                .protected_by(Arc::clone(&challenge_config), refusal_slot.clone());
                            let ends_with = closes_streams.then(|| token.clone());
                            request.extensions_mut().insert(token);
                            State::Passed {
                                response: inner.call(request),
                                refusal_slot,
                                challenge_config,
                                ends_with,
                            }
                        }
                        // The inner service is dropped with the old state. So a client that sends its body slowly
                        // holds no permit of a concurrency limit.
                        Err(reply) => State::refused(reply, request, challenge_config),
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, V, B> fmt::Debug for ResponseFuture<S, V, B>
where
    S: Service<Request<B>>,
    V: Service<BearerToken>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
