//! The answers for requests that are not carried out.

use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::reject::ReplyBody;
use crate::telemetry::REVOCATION;
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

/// Why a request is not carried out. Texts are constants, so that no answer and no log contains input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::revocation) enum Refusal {
    /// The request is no `POST`.
    Method,
    /// The request is unacceptable, and a retry changes nothing.
    Refused {
        error: &'static str,
        description: &'static str,
    },
    /// The keys or the store are out of reach.
    Unavailable(Option<Duration>),
}

/// The format of the answers.
#[derive(Debug, Clone, Copy)]
pub(in crate::revocation) enum Format {
    /// That of OpenID Connect Back-Channel Logout 1.0 §2.8.
    Logout,
    /// That of RFC 8935 §2.2 and §2.3.
    SecurityEvents,
}

/// The `Retry-After` of a 503 for which there is no other delay.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

impl Refusal {
    pub(in crate::revocation) fn invalid_request(description: &'static str) -> Self {
        let error = "invalid_request";
        Self::Refused { error, description }
    }

    /// The refusal for the error of a verifier. `error_of` chooses the error code.
    pub(in crate::revocation) fn of(
        error: &VerifyError,
        error_of: impl FnOnce(InvalidReason) -> &'static str,
    ) -> Self {
        match error.kind() {
            VerifyErrorKind::Invalid(reason) => Self::Refused {
                error: error_of(reason),
                description: description(reason),
            },
            VerifyErrorKind::Unavailable => Self::Unavailable(error.retry_after()),
            // A JWT verifier has none of these errors.
            VerifyErrorKind::InsufficientScope(_)
            | VerifyErrorKind::InsufficientAuthentication(_)
            | VerifyErrorKind::InvalidProof(_)
            | VerifyErrorKind::NonceRequired(_) => Self::invalid_request("The token is refused"),
        }
    }

    pub(super) fn log(self, component: &'static str) {
        let rule = match self {
            Self::Method => "The method is not POST",
            Self::Refused { description, .. } => description,
            Self::Unavailable(_) => "The keys or the store are out of reach",
        };
        tracing::debug!(target: REVOCATION, by = component, rule, "a pushed token is refused");
    }
}

impl Format {
    /// The answer to a token that was carried out.
    pub(super) fn accepted(self) -> Response<ReplyBody> {
        reply(match self {
            Self::Logout => StatusCode::OK,
            Self::SecurityEvents => StatusCode::ACCEPTED,
        })
    }

    pub(super) fn refused(self, refusal: Refusal) -> Response<ReplyBody> {
        match refusal {
            Refusal::Method => {
                let mut response = reply(StatusCode::METHOD_NOT_ALLOWED);
                let allowed = HeaderValue::from_static("POST");
                response.headers_mut().insert(ALLOW, allowed);
                response
            }
            Refusal::Refused { error, description } => self.bad_request(error, description),
            Refusal::Unavailable(delay) => {
                let mut response = reply(StatusCode::SERVICE_UNAVAILABLE);
                let delay = delay.unwrap_or(DEFAULT_RETRY_AFTER);
                let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
                response
            }
        }
    }

    fn bad_request(self, error: &str, description: &str) -> Response<ReplyBody> {
        let mut response = reply(StatusCode::BAD_REQUEST);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = match self {
            Self::Logout => json!({"error": error, "error_description": description}),
            Self::SecurityEvents => {
                headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
                json!({"err": error, "description": description})
            }
        };
        *response.body_mut() = ReplyBody::new(body.to_string());
        response
    }
}

fn reply(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = status;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// [`InvalidReason::description`] for a token that is no access token.
fn description(reason: InvalidReason) -> &'static str {
    match reason {
        InvalidReason::Malformed => "The token is malformed",
        InvalidReason::TooLong => "The token is too long",
        InvalidReason::UnsupportedAlgorithm => "The token's algorithm is not accepted",
        InvalidReason::UnknownKey => "The token is signed with an unknown key",
        InvalidReason::BadSignature => "The token's signature does not match",
        InvalidReason::Expired => "The token expired",
        InvalidReason::NotYetValid => "The token is not valid yet",
        InvalidReason::WrongIssuer => "The token is from another issuer",
        InvalidReason::WrongAudience => "The token is meant for another audience",
        InvalidReason::WrongType => "The token is of another kind",
        InvalidReason::MissingClaim => "The token lacks a required claim",
        InvalidReason::InvalidClaim => "The token has an unacceptable claim",
        InvalidReason::BoundToKey | InvalidReason::OtherKey | InvalidReason::NotBoundToKey => {
            "The token is bound to a key"
        }
        InvalidReason::Unrecognized => "The token is not recognized",
        InvalidReason::Revoked => "The token's key was withdrawn",
        InvalidReason::Other(description) => description,
    }
}
