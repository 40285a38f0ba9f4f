use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::challenge_config::ChallengeConfig;
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

use super::challenge::{Challenge, Params, Scheme, write_quoted};
use super::refused::Refused;
use super::reply_body::ReplyBody;

/// The `Retry-After` of a 503 for which the verifier gives no delay.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// An answer of this crate. Boxed to keep futures small.
pub(crate) type Reply = Box<Response<ReplyBody>>;

/// Why a request does not reach the inner service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal<'a> {
    /// It has no bearer token.
    NoToken,
    /// It has more than one `Authorization` header.
    RepeatedHeader,
    /// Its token is invalid.
    InvalidToken(InvalidReason),
    /// Its token lacks a scope.
    InsufficientScope,
    /// It needs what no scope allows.
    Forbidden,
    /// The verifier cannot check its token at the moment.
    Unavailable(&'a VerifyError),
    /// The server is misconfigured: there is no layer in front.
    NoLayer,
}

impl Refusal<'_> {
    /// Refuses this bearer's request: records the decision of `component`, and returns the answer. `scopes` are those
    /// that the client needs.
    pub(crate) fn refuse(
        self,
        component: &'static str,
        bearer: Bearer<'_>,
        challenge_config: &ChallengeConfig,
        scopes: &Scopes,
    ) -> Reply {
        let reply = self.reply(component, challenge_config, scopes);
        self.decision(component, bearer, scopes, Some(reply.status()))
            .record();
        reply
    }

    /// Only the answer, for a decision that `component` has recorded.
    pub(crate) fn reply(
        self,
        component: &'static str,
        challenge_config: &ChallengeConfig,
        scopes: &Scopes,
    ) -> Reply {
        let (status, error, description) = self.parts();
        let challenge = self.challenge(challenge_config, scopes);
        let (challenge, body) = write(challenge, error, description);

        let mut response = Response::new(ReplyBody::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Self::Unavailable(error) = self {
            headers.insert(RETRY_AFTER, retry_after(error));
        }
        if let Some(challenge) = &challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        Refused::mark(&mut response, component, self.reason(), challenge);
        Box::new(response)
    }

    /// The challenge, if the client can do something about the refusal.
    pub(crate) fn challenge<'a>(
        self,
        challenge_config: &'a ChallengeConfig,
        scopes: &'a Scopes,
    ) -> Option<Challenge<'a>> {
        let (_, error, description) = self.parts();
        let (scope, resource_metadata) = match self {
            Self::NoToken | Self::InvalidToken(_) | Self::InsufficientScope => (
                scopes.as_str(),
                challenge_config.resource_metadata.as_deref(),
            ),
            // No scope repairs a malformed request.
            Self::RepeatedHeader => ("", None),
            Self::Forbidden | Self::Unavailable(_) | Self::NoLayer => return None,
        };
        Some(Challenge {
            scheme: Scheme::Bearer,
            params: Params {
                realm: challenge_config.realm.as_deref(),
                error,
                scope,
                resource_metadata,
                // A challenge without `error` has no description (RFC 6750 §3.1).
                description: error.and(Some(description)),
            },
        })
    }

    fn parts(self) -> (StatusCode, Option<&'static str>, &'static str) {
        match self {
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                None,
                "This server requires a bearer token",
            ),
            Self::RepeatedHeader => (
                StatusCode::BAD_REQUEST,
                Some("invalid_request"),
                "The request has more than one Authorization header",
            ),
            Self::InvalidToken(reason) => (
                StatusCode::UNAUTHORIZED,
                Some("invalid_token"),
                reason.description(),
            ),
            Self::InsufficientScope => (
                StatusCode::FORBIDDEN,
                Some("insufficient_scope"),
                "The access token lacks a required scope",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                Some("access_denied"),
                "No scope allows this operation",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Some("temporarily_unavailable"),
                "The access token cannot be verified at the moment",
            ),
            Self::NoLayer => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Some("server_error"),
                "The server cannot answer this request",
            ),
        }
    }

    /// Records that `component` refuses this bearer's request. The caller decides about the answer.
    pub(crate) fn record(self, component: &'static str, bearer: Bearer<'_>, scopes: &Scopes) {
        self.decision(component, bearer, scopes, None).record();
    }

    fn decision<'a>(
        self,
        component: &'static str,
        bearer: Bearer<'a>,
        scopes: &'a Scopes,
        status: Option<StatusCode>,
    ) -> Decision<'a>
    where
        Self: 'a,
    {
        let (_, _, description) = self.parts();
        let decision =
            Decision::refused(component, bearer, self.reason(), description).with_status(status);
        match self {
            Self::InsufficientScope => decision.with_required(scopes),
            Self::Unavailable(error) => decision.unavailable(error),
            Self::NoLayer => decision.misconfigured(),
            Self::NoToken | Self::RepeatedHeader | Self::InvalidToken(_) | Self::Forbidden => {
                decision
            }
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::RepeatedHeader => "repeated_header",
            Self::InvalidToken(reason) => reason.as_str(),
            Self::InsufficientScope => "insufficient_scope",
            Self::Forbidden => "access_denied",
            Self::Unavailable(_) => "unavailable",
            Self::NoLayer => "no_layer",
        }
    }
}

/// Refuses the request for the verifier's error.
pub(crate) fn refuse_for(
    error: &VerifyError,
    component: &'static str,
    bearer: Bearer<'_>,
    challenge_config: &ChallengeConfig,
) -> Reply {
    let refuse =
        |refusal: Refusal<'_>, scopes| refusal.refuse(component, bearer, challenge_config, scopes);
    let scopes = challenge_config.initial_scopes();
    match error.kind() {
        VerifyErrorKind::Invalid(reason) => refuse(Refusal::InvalidToken(reason), scopes),
        VerifyErrorKind::InsufficientScope(required) => {
            let scopes = challenge_config.scopes.union(required);
            refuse(Refusal::InsufficientScope, &scopes)
        }
        VerifyErrorKind::Unavailable => refuse(Refusal::Unavailable(error), scopes),
    }
}

fn retry_after(error: &VerifyError) -> HeaderValue {
    let delay = error.retry_after().unwrap_or(DEFAULT_RETRY_AFTER);
    let part_of_a_second = u64::from(delay.subsec_nanos() > 0);
    let rounded_up = delay.as_secs().saturating_add(part_of_a_second);
    HeaderValue::from(rounded_up.max(1))
}

/// The initial capacity, in bytes, for a challenge and its body. It fits most.
const USUAL_LENGTH: usize = 512;

/// The value of the `WWW-Authenticate` field and the body. They share one allocation with their clones.
fn write(
    challenge: Option<Challenge<'_>>,
    error: Option<&str>,
    description: &str,
) -> (Option<HeaderValue>, Bytes) {
    let mut text = String::with_capacity(USUAL_LENGTH);
    if let Some(challenge) = &challenge {
        challenge.write(&mut text);
    }
    let challenge_length = text.len();
    text.push('{');
    if let Some(error) = error {
        text.push_str("\"error\":");
        write_quoted(error, &mut text);
        text.push(',');
    }
    text.push_str("\"error_description\":");
    write_quoted(description, &mut text);
    text.push('}');

    let mut body = Bytes::from(text);
    let header = body.split_to(challenge_length);
    let header = challenge.map(|_| {
        let header = HeaderValue::from_maybe_shared(header);
        header.expect("every character is visible ASCII or a space")
    });
    (header, body)
}
