//! Refusals as HTTP: status, challenge and body (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! | the request | status | `WWW-Authenticate: Bearer …` | body |
//! |---|---|---|---|
//! | brings no bearer token | 401 | no `error` (RFC 6750 §3.1), `scope`, `resource_metadata` | `error_description` |
//! | has two `Authorization` headers | 400 | `error="invalid_request"` | `error`, `error_description` |
//! | has a token that is refused | 401 | `error="invalid_token"`, `scope`, `resource_metadata` | the same |
//! | has a token with too little scope | 403 | `error="insufficient_scope"`, `scope`, `resource_metadata` | the same |
//! | asks for what no scope allows | 403 | none | the same, `access_denied` |
//! | comes while the verifier cannot answer | 503, `Retry-After` (5 seconds, unless the verifier says) | none | `error`, `error_description` |
//! | reached a guard with no layer in front | 500 | none | generic |
//!
//! Parameters come in the order `realm`, `error`, `scope`, `resource_metadata`, `error_description`; the
//! optional ones only where the layer or guard has any. Without realm, scopes and metadata, the
//! challenge for a request without a token is the bare word `Bearer`: RFC 6750 §3 asks for a parameter
//! there, RFC 9110 §11.6.1 does not, and clients have no use for an invented realm. Bodies are JSON with
//! `Cache-Control: no-store`. Nothing a client sent is repeated.
//!
//! The `scope` of a 401 is what the layer
//! [requires](crate::BearerAuthLayer::required_scopes) of every request, or else what its
//! [resource](crate::ProtectedResource::scopes) has; that of a 403 is everything that the operation
//! needs.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::protection::Protection;
use crate::scopes::Scopes;
use crate::telemetry::{Bearer, Decision, Outcome};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

mod body;
mod challenge;
mod future;

pub use self::body::ResponseBody;
pub(crate) use self::challenge::is_quotable;
pub use self::future::ResponseFuture;

use self::challenge::Challenge;

/// How long clients of an unavailable verifier are asked to wait where it does not say itself.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// An answer of our own. Boxed, so that it does not make every future as large as itself.
pub(crate) type Reply = Box<Response<Full<Bytes>>>;

/// Why a request does not reach the inner service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal<'a> {
    /// It brings no bearer token.
    NoToken,
    /// It has more than one `Authorization` header.
    RepeatedHeader,
    /// Its token is not acceptable.
    InvalidToken(InvalidReason),
    /// Its token lacks a scope.
    InsufficientScope,
    /// It asks for what no scope allows.
    Forbidden,
    /// Nobody can say whether its token is good.
    Unavailable(&'a VerifyError),
    /// The server is put together wrongly: there is no layer in front.
    NoLayer,
}

impl Refusal<'_> {
    /// Refuses this bearer's request: `by` says so to whoever wants to know, and here is the answer, with the scopes
    /// that it tells the client to ask for.
    pub(crate) fn refuse(
        self,
        by: &'static str,
        bearer: Bearer<'_>,
        protection: &Protection,
        scopes: &Scopes,
    ) -> Reply {
        let reply = self.reply(protection, scopes);
        self.decision(by, bearer, scopes, Some(reply.status()))
            .record();
        reply
    }

    /// The answer alone, where the decision is known already.
    pub(crate) fn reply(self, protection: &Protection, scopes: &Scopes) -> Reply {
        let (status, error, description) = self.parts();
        let mut response = Response::new(Full::from(body(error, description)));
        *response.status_mut() = status;

        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unavailable(error) => {
                headers.insert(RETRY_AFTER, retry_after(error));
            }
            Self::Forbidden | Self::NoLayer => {}
            Self::NoToken
            | Self::RepeatedHeader
            | Self::InvalidToken(_)
            | Self::InsufficientScope => {
                // A request that is malformed would be so with any scope.
                let (scope, resource_metadata) = match self {
                    Self::RepeatedHeader => ("", None),
                    _ => (scopes.as_str(), protection.resource_metadata.as_deref()),
                };
                let challenge = Challenge {
                    realm: protection.realm.as_deref(),
                    error,
                    scope,
                    resource_metadata,
                    // Without `error` there is nothing to describe (RFC 6750 §3.1).
                    description: error.and(Some(description)),
                };
                headers.insert(WWW_AUTHENTICATE, challenge.to_header());
            }
        }
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

    /// Tells whoever wants to know that `by` refuses this bearer's request, whatever becomes of that.
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

/// Refuses the request of a token that its verifier did not vouch for.
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

fn body(error: Option<&str>, description: &str) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
        error_description: &'a str,
    }
    let body = Body {
        error,
        error_description: description,
    };
    serde_json::to_vec(&body)
        .expect("two strings are JSON")
        .into()
}
