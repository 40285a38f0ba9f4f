//! Refusals as HTTP: status, challenge and body (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! | the request | status | `WWW-Authenticate: Bearer …` | body |
//! |---|---|---|---|
//! | has no bearer token | 401 | no `error` (RFC 6750 §3.1), `scope`, `resource_metadata` | `error_description` |
//! | has two `Authorization` headers | 400 | `error="invalid_request"` | `error`, `error_description` |
//! | has a token that is refused | 401 | `error="invalid_token"`, `scope`, `resource_metadata` | the same |
//! | has a token with too little scope | 403 | `error="insufficient_scope"`, `scope`, `resource_metadata` | the same |
//! | needs what no scope allows | 403 | none | the same, `access_denied` |
//! | comes during an outage of the verifier | 503, `Retry-After` (the verifier's, or 5 seconds) | none | `error`, `error_description` |
//! | reaches a guard with no layer in front | 500 | none | generic |
//!
//! The order of the parameters is `realm`, `error`, `scope`, `resource_metadata`, `error_description`. Optional
//! parameters are present if the layer or guard has a value for them. Without realm, scopes and metadata, the
//! challenge for a request without a token is the single word `Bearer`: RFC 6750 §3 requires a parameter
//! there, RFC 9110 §11.6.1 does not, and clients have no use for an invented realm. Bodies are JSON with
//! `Cache-Control: no-store`. A refusal never repeats what the client sent.
//!
//! # Scopes
//!
//! The `scope` of a 401 has the scopes that the layer
//! [requires](crate::BearerAuthLayer::required_scopes) of every request. If it requires none, it has those of the
//! [resource](crate::ProtectedResource::scopes).
//!
//! The `scope` of a 403 has all scopes that are required by the layer, by the guards that the request has passed,
//! and by the guard, handler or tool that refuses it. This includes scopes that the token has, because clients
//! request exactly the scopes of the challenge. For a passed guard of
//! [alternatives](crate::RequireScopesLayer::any) it has the alternative that the token has. The requirements of
//! guards further in are unknown: a client that lacks scopes of two guards is refused twice, the second time with
//! the scopes of both.
//!
//! | behind a layer that requires `a`, a guard of `b`, and inside it one of `c` | `scope` of the 403 |
//! |---|---|
//! | a token with `a b` | `a b c` |
//! | a token with `a c` | `a b` |
//! | a token with `b c` | `a` |
//!
//! # The connection
//!
//! A refusal is sent before the inner service has read the request's body. On HTTP/1.0 and HTTP/1.1 the
//! connection can carry the client's next request only after this body was read. So the rest of it is read and
//! discarded first: up to 64 KiB
//! ([`max_drained_bytes`](crate::BearerAuthLayer::max_drained_bytes)), and for at most one second after the body
//! is pending for the first time. The answer is sent at once, with `Connection: close`, if the body
//!
//! - is longer, or takes longer;
//! - fails;
//! - is held back by the client until the server requests it (`Expect: 100-continue`).
//!
//! A client that is still sending when its connection closes may see a connection error instead of the
//! answer. On HTTP/2 and HTTP/3 no answer waits, and none has a `Connection` header.
//!
//! The layer, the guards, and [`metadata`](crate::metadata) do this. Waiting needs a tokio runtime with its timer;
//! outside of a tokio runtime, a pending body closes the connection.
//!
//! # Recognizing refusals
//!
//! Every refusal has [`Refused`] in the extensions of its response.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use crate::protection::Protection;
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision, Outcome};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

mod body;
mod challenge;
mod drain;
mod future;
mod refused;

pub use self::body::ResponseBody;
pub(crate) use self::challenge::is_quotable;
#[cfg(feature = "mcp")]
pub(crate) use self::drain::Drain;
pub(crate) use self::drain::Draining;
pub use self::future::ResponseFuture;
pub use self::refused::Refused;

use self::challenge::{Challenge, write_quoted};

/// The `Retry-After` of a 503 for which the verifier gives no delay.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// An answer of this crate. Boxed to keep futures small.
pub(crate) type Reply = Box<Response<Full<Bytes>>>;

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
    /// Refuses this bearer's request: records the decision of `by`, and returns the answer. `scopes` are those that
    /// the client needs.
    pub(crate) fn refuse(
        self,
        by: &'static str,
        bearer: Bearer<'_>,
        protection: &Protection,
        scopes: &Scopes,
    ) -> Reply {
        let reply = self.reply(by, protection, scopes);
        self.decision(by, bearer, scopes, Some(reply.status()))
            .record();
        reply
    }

    /// The answer alone, for a decision that `by` has recorded.
    pub(crate) fn reply(self, by: &'static str, protection: &Protection, scopes: &Scopes) -> Reply {
        let (status, error, description) = self.parts();
        let (challenge, retry_after) = match self {
            Self::Unavailable(error) => (None, Some(retry_after(error))),
            Self::Forbidden | Self::NoLayer => (None, None),
            Self::NoToken
            | Self::RepeatedHeader
            | Self::InvalidToken(_)
            | Self::InsufficientScope => {
                // No scope repairs a malformed request.
                let (scope, resource_metadata) = match self {
                    Self::RepeatedHeader => ("", None),
                    _ => (scopes.as_str(), protection.resource_metadata.as_deref()),
                };
                let challenge = Challenge {
                    realm: protection.realm.as_deref(),
                    error,
                    scope,
                    resource_metadata,
                    // A challenge without `error` has no description (RFC 6750 §3.1).
                    description: error.and(Some(description)),
                };
                (Some(challenge), None)
            }
        };
        let (challenge, body) = write(challenge, error, description);

        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(retry_after) = retry_after {
            headers.insert(RETRY_AFTER, retry_after);
        }
        if let Some(challenge) = &challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        Refused::mark(&mut response, by, self.reason(), challenge);
        Box::new(response)
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

    /// Records that `by` refuses this bearer's request. The caller decides about the answer.
    pub(crate) fn record(self, by: &'static str, bearer: Bearer<'_>, scopes: &Scopes) {
        self.decision(by, bearer, scopes, None).record();
    }

    fn decision<'a>(
        self,
        by: &'static str,
        bearer: Bearer<'a>,
        scopes: &'a Scopes,
        status: Option<StatusCode>,
    ) -> Decision<'a>
    where
        Self: 'a,
    {
        Decision {
            by,
            bearer,
            outcome: match self {
                Self::Unavailable(_) => Outcome::Unavailable,
                Self::NoLayer => Outcome::Misconfigured,
                _ => Outcome::Refused,
            },
            reason: Some(self.reason()),
            description: Some(self.parts().2),
            status,
            required: matches!(self, Self::InsufficientScope).then_some(scopes),
            error: match self {
                Self::Unavailable(error) => Some(error),
                _ => None,
            },
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
    by: &'static str,
    bearer: Bearer<'_>,
    protection: &Protection,
) -> Reply {
    let refuse = |refusal: Refusal<'_>, scopes| refusal.refuse(by, bearer, protection, scopes);
    let scopes = protection.initial_scopes();
    match error.kind() {
        VerifyErrorKind::Invalid(reason) => refuse(Refusal::InvalidToken(reason), scopes),
        VerifyErrorKind::InsufficientScope(required) => {
            let scopes = protection.scopes.union(required);
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

/// The capacity for a challenge and its body. Most fit.
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
