use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use super::admission::{Admission, Progress, outcome};
use super::settings::Settings;
use crate::access_token::{AccessToken, ExpiryTimer};
use crate::credentials::{BearerToken, Carrier, OfferedProtocol, PossessionMark};
use crate::possession::{Admitted, Checks, ChecksFuture, RequestHead};
use crate::refusal_slot::RefusalSlot;
use crate::reject::{DPOP_NONCE, Draining, Reply, ResponseBody, StreamEnd};
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
            checks: Option<Arc<Checks>>,
            // Present with `checks`.
            possession_mark: Option<PossessionMark>,
            // What the decision is about, until it is made.
            waiting: Option<Waiting<S, B>>,
            closes_streams: bool,
        },
        // The token is verified, and a check of the request waits for something.
        Checking {
            checks: ChecksFuture,
            // In a box, so that requests without such a check do not pay for its size.
            verified: Box<(Option<AccessToken>, Option<Waiting<S, B>>)>,
            closes_streams: bool,
        },
        Passed {
            #[pin]
            response: S::Future,
            // Present if a tool can refuse the request.
            tools: Option<(RefusalSlot, Admission)>,
            // The token whose expiry ends the response, if that is a stream.
            ends_with: Option<AccessToken>,
            // In a box, since few responses have any.
            additions: Option<Box<Additions>>,
        },
    }
}

/// What the layer adds to the response of the inner service.
struct Additions {
    next_nonce: Option<Box<HeaderValue>>,
    /// Present if the token was among the subprotocols of a WebSocket.
    offered: Option<OfferedProtocol>,
}

impl Additions {
    fn of(
        next_nonce: Option<Box<HeaderValue>>,
        offered: Option<OfferedProtocol>,
    ) -> Option<Box<Self>> {
        if next_nonce.is_none() && offered.is_none() {
            return None;
        }
        Some(Box::new(Self {
            next_nonce,
            offered,
        }))
    }

    fn add_to<B>(self, response: &mut Response<B>) {
        if let Some(nonce) = self.next_nonce {
            let headers = response.headers_mut();
            headers.insert(DPOP_NONCE, *nonce);
            // A cache would hand the nonce to other clients (RFC 9449 §8.2).
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(offered) = self.offered {
            offered.select(response);
        }
    }
}

/// A request, the inner service that is ready for it, and what decides whether one reaches the other.
struct Waiting<S, B> {
    request: Request<B>,
    inner: S,
    admission: Admission,
}

impl<S, V, B> ResponseFuture<S, V, B>
where
    S: Service<Request<B>>,
    V: Service<BearerToken>,
{
    pub(super) fn refuse(reply: Reply, request: Request<B>, admission: &Admission) -> Self
    where
        B: Body,
    {
        Self {
            state: State::refused(reply, request, admission),
        }
    }

    pub(super) fn pass(
        response: S::Future,
        refusal_slot: RefusalSlot,
        admission: Admission,
    ) -> Self {
        Self {
            state: State::Passed {
                response,
                tools: refusal_slot
                    .is_usable()
                    .then_some((refusal_slot, admission)),
                ends_with: None,
                additions: None,
            },
        }
    }

    pub(super) fn verify(
        verifier: V,
        token: BearerToken,
        admission: Admission,
        request: Request<B>,
        inner: S,
        settings: &Settings,
    ) -> Self {
        Self {
            state: State::Verifying {
                verification: Activity::verification(),
                token: telemetry::is_recorded().then(|| Box::new(token.clone())),
                possession_mark: token.possession_mark().cloned(),
                verify: Oneshot::new(verifier, token),
                checks: settings.checks.clone(),
                waiting: Some(Waiting {
                    request,
                    inner,
                    admission,
                }),
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
    fn refused(reply: Reply, request: Request<B>, admission: &Admission) -> Self {
        let max_drained_bytes = admission.challenge_config.max_drained_bytes;
        Self::Refused {
            reply: Draining::rest_of(reply, request, max_drained_bytes),
        }
    }

    /// Refuses the request. The inner service is dropped at once, so a client that sends its body slowly holds no
    /// permit of a concurrency limit.
    fn refused_after(reply: Reply, waiting: &mut Option<Waiting<S, B>>) -> Self {
        let Waiting {
            request,
            inner,
            admission,
        } = waiting.take().expect(WAITS);
        drop(inner);
        Self::refused(reply, request, &admission)
    }

    /// Calls the inner service with the token.
    #[inline]
    fn passed(
        token: AccessToken,
        admitted: Admitted,
        waiting: &mut Option<Waiting<S, B>>,
        closes_streams: bool,
    ) -> Self {
        let Waiting {
            mut request,
            mut inner,
            admission,
        } = waiting.take().expect(WAITS);
        let refusal_slot = RefusalSlot::of(&request);
        // All requests share the settings, so their reference count is touched no more often than it must be.
        let tools = refusal_slot
            .is_usable()
            .then(|| (refusal_slot.clone(), admission.clone()));
        let token = token.protected_by(admission.challenge_config, refusal_slot, admission.scheme);
        let ends_with = closes_streams.then(|| token.clone());
        request.extensions_mut().insert(token);
        let offered = match admission.carrier {
            Carrier::WebSocketProtocol => request.extensions_mut().remove(),
            Carrier::Authorization | Carrier::Cookie | Carrier::Header => None,
        };
        Self::Passed {
            response: inner.call(request),
            tools,
            ends_with,
            additions: Additions::of(admitted.next_nonce, offered),
        }
    }
}

const WAITS: &str = "the request waits for the decision";

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
                    tools,
                    ends_with,
                    additions,
                } => {
                    let response = ready!(response.poll(cx))?;
                    let refused = tools.as_ref().and_then(|(refusal_slot, admission)| {
                        Some(admission.reply_to(refusal_slot.instead_of(&response)?))
                    });
                    let mut response = match refused {
                        Some(reply) => (*reply).map(ResponseBody::reply),
                        None => match ends_with.take() {
                            Some(token) => end_with(token, response),
                            None => response.map(ResponseBody::inner),
                        },
                    };
                    if let Some(additions) = additions.take() {
                        additions.add_to(&mut response);
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Verifying {
                    verify,
                    verification,
                    token,
                    checks,
                    possession_mark,
                    waiting,
                    closes_streams,
                } => {
                    let entered = verification.enter();
                    let verified = ready!(verify.poll(cx)).map_err(Into::into);
                    drop(entered);
                    verification.end(outcome(&verified));
                    let bearer = Bearer::from(token.as_deref());
                    let Waiting {
                        request, admission, ..
                    } = waiting.as_ref().expect(WAITS);
                    let token = match admission.verified(verified, bearer) {
                        Ok(token) => token,
                        Err(reply) => {
                            let next = State::refused_after(reply, waiting);
                            state.set(next);
                            continue;
                        }
                    };
                    let head = RequestHead::of(request);
                    match admission.begin(
                        &token,
                        checks.as_deref().zip(possession_mark.as_ref()),
                        head,
                    ) {
                        Ok(Progress::Admitted(admitted)) => {
                            State::passed(token, admitted, waiting, *closes_streams)
                        }
                        Ok(Progress::Waiting(checks)) => State::Checking {
                            checks,
                            verified: Box::new((Some(token), waiting.take())),
                            closes_streams: *closes_streams,
                        },
                        Err(reply) => State::refused_after(reply, waiting),
                    }
                }
                StateProjection::Checking {
                    checks,
                    verified,
                    closes_streams,
                } => {
                    let result = ready!(checks.as_mut().poll(cx));
                    let (token, waiting) = &mut **verified;
                    let token = token.take().expect(WAITS);
                    let admission = &waiting.as_ref().expect(WAITS).admission;
                    match admission.end_after_wait(&token, result) {
                        Ok(admitted) => State::passed(token, admitted, waiting, *closes_streams),
                        Err(reply) => State::refused_after(reply, waiting),
                    }
                }
            };
            state.set(next);
        }
    }
}

/// The response, which ends when the token is no longer valid if it is a stream.
fn end_with<ResB>(token: AccessToken, response: Response<ResB>) -> Response<ResponseBody<ResB>> {
    match StreamEnd::of(response.headers()) {
        Some(end) => response.map(|body| ResponseBody::stream(body, ExpiryTimer::of(token), end)),
        None => response.map(ResponseBody::inner),
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
