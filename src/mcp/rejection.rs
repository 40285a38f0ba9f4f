//! What an MCP client gets whose request cannot be decided about: a status, and a JSON-RPC error.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::message::Unreadable;
use crate::reject::{Refused, Reply};
use crate::telemetry::{Bearer, Decision, Outcome};

/// Why a request is not decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    Unreadable(Unreadable),
    /// The headers contradict themselves or the body.
    BadHeaders(&'static str),
    /// The body is compressed, or in another character set.
    UnsupportedEncoding,
    TooLarge,
    /// The body did not come to its end.
    Incomplete,
    /// A method that may do anything.
    UnknownHttpMethod,
    /// Events are asked for that are not the caller's.
    NothingToResume,
    /// The session does not exist, or is somebody else's.
    NoSuchSession,
    /// A session was opened that would belong to nobody.
    NobodysSession,
}

/// JSON-RPC 2.0 §5.1, and what MCP adds to it.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;
const HEADER_MISMATCH: i32 = -32020;

/// What the SDKs answer where there is no session of this name.
const SESSION_NOT_FOUND: i32 = -32001;

impl Rejection {
    /// Refuses this bearer's request: `by` says so to whoever wants to know, and here is the answer, where nobody
    /// knows which message it answers (JSON-RPC 2.0 §5).
    pub(super) fn refuse(self, by: &'static str, bearer: Bearer<'_>) -> Reply {
        self.refuse_message(by, bearer, None)
    }

    /// The same, with the answer to the message of this ID.
    pub(super) fn refuse_message(
        self,
        by: &'static str,
        bearer: Bearer<'_>,
        id: Option<Value>,
    ) -> Reply {
        let (status, code, message) = self.parts();
        let decision = Decision {
            by,
            bearer,
            outcome: Outcome::Refused,
            reason: Some(self.reason()),
            description: Some(message),
            status: Some(status),
            required: None,
            error: None,
        };
        decision.record();
        let body = json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": {"code": code, "message": message},
        });
        let mut response = Response::new(Full::<Bytes>::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::UnsupportedEncoding => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Self::UnknownHttpMethod => {
                let allowed = HeaderValue::from_static("GET, HEAD, POST, DELETE, OPTIONS");
                headers.insert(ALLOW, allowed);
            }
            Self::NothingToResume => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        Refused::mark(&mut response, by, self.reason(), None);
        Box::new(response)
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Unreadable(Unreadable::NotJson) => "bad_json",
            Self::Unreadable(Unreadable::BadMessage(_)) => "bad_message",
            Self::Unreadable(Unreadable::BadParams(_)) => "bad_params",
            Self::BadHeaders(_) => "bad_headers",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::TooLarge => "body_too_large",
            Self::Incomplete => "body_incomplete",
            Self::UnknownHttpMethod => "http_method",
            Self::NothingToResume => "nothing_to_resume",
            Self::NoSuchSession => "no_such_session",
            Self::NobodysSession => "nobodys_session",
        }
    }

    fn parts(self) -> (StatusCode, i32, &'static str) {
        match self {
            Self::Unreadable(Unreadable::NotJson) => {
                (StatusCode::BAD_REQUEST, PARSE_ERROR, "the body is not JSON")
            }
            Self::Unreadable(Unreadable::BadMessage(why)) => {
                (StatusCode::BAD_REQUEST, INVALID_REQUEST, why)
            }
            Self::Unreadable(Unreadable::BadParams(why)) => {
                (StatusCode::BAD_REQUEST, INVALID_PARAMS, why)
            }
            Self::BadHeaders(why) => (StatusCode::BAD_REQUEST, HEADER_MISMATCH, why),
            Self::UnsupportedEncoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID_REQUEST,
                "the body must be UTF-8 without a content encoding",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                INVALID_REQUEST,
                "the body is too large",
            ),
            Self::Incomplete => (
                StatusCode::BAD_REQUEST,
                INVALID_REQUEST,
                "the body did not come to its end",
            ),
            Self::UnknownHttpMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID_REQUEST,
                "this HTTP method is not used here",
            ),
            Self::NothingToResume => (
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID_REQUEST,
                "there is no session to resume events of",
            ),
            Self::NobodysSession => (
                StatusCode::FORBIDDEN,
                INVALID_REQUEST,
                "the access token names neither a subject nor a client, and a session has to belong to someone",
            ),
            Self::NoSuchSession => (
                StatusCode::NOT_FOUND,
                SESSION_NOT_FOUND,
                "Session not found",
            ),
        }
    }
}

impl From<Unreadable> for Rejection {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}
