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

use super::settings::Settings;
use crate::access_token::{AccessToken, ExpiryTimer};
use crate::challenge_config::ChallengeConfig;
use crate::credentials::BearerToken;
use crate::refusal_slot::{RefusalCause, RefusalSlot};
use crate::reject::is_event_stream;
use crate::reject::{self, Draining, Refusal, Reply, ResponseBody};
use crate::telemetry::{self, Activity, Bearer, Decision};
use crate::verify::Verifier;
use crate::verify_error::{VerifyError, VerifyErrorKind};

pin_project! {
    /// The future of [`BearerAuth`](super::BearerAuth).
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
            // For whoever wants to know which token was refused.
            token: Option<Box<BearerToken>>,
            // What waits behind the gate: the request, and the service that is ready for it.
            waiting: Option<(Request<B>, S)>,
            challenge_config: Arc<ChallengeConfig>,
            closes_streams: bool,
        },
        Passed {
            #[pin]
            response: S::Future,
            refusal_slot: RefusalSlot,
            challenge_config: Arc<ChallengeConfig>,
            // Whose expiry ends the response, if it is a stream.
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
                token: telemetry::may_be_heard().then(|| Box::new(token.clone())),
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
                    if let Some(lack) = refusal_slot.instead_of(&response) {
                        let reply = reply_to_lack(lack, challenge_config);
                        return Poll::Ready(Ok((*reply).map(ResponseBody::reply)));
                    }
                    return Poll::Ready(Ok(match ends_with.take() {
                        Some(token) if is_event_stream(response.headers()) => {
                            response.map(|body| ResponseBody::stream(body, ExpiryTimer::of(token)))
                        }
                        _ => response.map(ResponseBody::inner),
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
                    match verified
                        .map_err(|error| {
                            reject::refuse_for(&error, Decision::LAYER, bearer, challenge_config)
                        })
                        .and_then(|token| admit(token, challenge_config))
                    {
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
                        // The service goes with the old state: a client that is slow with its body holds no permit.
                        Err(reply) => State::refused(reply, request, challenge_config),
                    }
                }
            };
            state.set(next);
        }
    }
}

/// What came of a verification, in a word.
fn outcome(verified: &Result<AccessToken, VerifyError>) -> &'static str {
    match verified.as_ref().map_err(VerifyError::kind) {
        Ok(_) => "verified",
        Err(VerifyErrorKind::Unavailable) => "unavailable",
        Err(_) => "refused",
    }
}

/// What the layer itself asks of a verified token.
fn admit(token: AccessToken, challenge_config: &ChallengeConfig) -> Result<AccessToken, Reply> {
    let bearer = Bearer::Verified(&token);
    let scopes = &challenge_config.scopes;
    // A verifier's business, but a cached or a hand-made token may have expired since.
    if let Some(reason) = token.invalid_reason() {
        let refusal = Refusal::InvalidToken(reason);
        return Err(refusal.refuse(
            Decision::LAYER,
            bearer,
            challenge_config,
            challenge_config.initial_scopes(),
        ));
    }
    if !challenge_config
        .hierarchy
        .grants_all(token.scopes(), scopes)
    {
        return Err(Refusal::InsufficientScope.refuse(
            Decision::LAYER,
            bearer,
            challenge_config,
            scopes,
        ));
    }
    Decision::passed(Decision::LAYER, Some(&token)).record();
    Ok(token)
}

/// The answer that a tool, further in, wanted the client to get.
fn reply_to_lack(lack: &RefusalCause, challenge_config: &ChallengeConfig) -> Reply {
    match lack {
        RefusalCause::Token => Refusal::NoToken.reply(
            "AccessToken",
            challenge_config,
            challenge_config.initial_scopes(),
        ),
        RefusalCause::Scopes(scopes) => Refusal::InsufficientScope.reply(
            "AccessToken::require_scopes",
            challenge_config,
            scopes,
        ),
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
