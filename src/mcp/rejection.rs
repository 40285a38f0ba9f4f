//! The response to an MCP request that is refused before any scope is checked: a status and a JSON-RPC error.

use http::header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::message::Unreadable;
use crate::reject::{RefusalMap, Refused, Reply, ReplyBody, answer};
use crate::telemetry::{Bearer, Decision};

/// Why a request is refused before any scope is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    Unreadable(Unreadable),
    /// The headers contradict themselves or the body.
    BadHeaders(&'static str),
    /// The body has a content encoding, or a character set other than UTF-8.
    UnsupportedEncoding,
    TooLarge,
    /// The body failed before its end.
    Incomplete,
    /// An HTTP method that MCP does not use.
    UnknownHttpMethod,
    /// The client requests events that do not belong to it.
    NothingToResume,
    /// The session does not exist, or belongs to another principal.
    NoSuchSession,
    /// The request would open a session without a principal.
    SessionWithoutPrincipal,
}

/// Error codes of JSON-RPC 2.0 §5.1, and one that MCP adds.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;
const HEADER_MISMATCH: i32 = -32020;

/// The code with which the SDKs answer for an unknown session.
const SESSION_NOT_FOUND: i32 = -32001;

impl Rejection {
    /// Records that `component` refuses this bearer's request, and returns the response, with a null ID because the
    /// message's ID is unknown (JSON-RPC 2.0 §5).
    pub(super) fn refuse(
        self,
        component: &'static str,
        bearer: Bearer<'_>,
        refusal_map: Option<&RefusalMap>,
    ) -> Reply {
        self.refuse_message(component, bearer, refusal_map, None)
    }

    /// Like [`refuse`](Self::refuse), with the ID of the refused message.
    pub(super) fn refuse_message(
        self,
        component: &'static str,
        bearer: Bearer<'_>,
        refusal_map: Option<&RefusalMap>,
        id: Option<Value>,
    ) -> Reply {
        let (status, code, message) = self.parts();
        Decision::refused(component, bearer, self.reason(), message)
            .with_status(Some(status))
            .record();
        let body = json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": {"code": code, "message": message},
        });
        let mut response = Box::new(Response::new(ReplyBody::new(body.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.header() {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let refused = Refused {
            component,
            reason: self.reason(),
            status,
            error: None,
            description: message,
            retry_after: None,
            challenges: [None, None],
            is_json_rpc: true,
        };
        answer(refused, response, refusal_map)
    }

    /// The header that names what the client can do instead.
    fn header(self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::UnsupportedEncoding => Some((ACCEPT_ENCODING, "identity")),
            Self::UnknownHttpMethod => Some((ALLOW, "GET, HEAD, POST, DELETE, OPTIONS")),
            Self::NothingToResume => Some((ALLOW, "POST")),
            Self::Unreadable(_)
            | Self::BadHeaders(_)
            | Self::TooLarge
            | Self::Incomplete
            | Self::NoSuchSession
            | Self::SessionWithoutPrincipal => None,
        }
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
            Self::SessionWithoutPrincipal => "session_without_principal",
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
                "the body is incomplete",
            ),
            Self::UnknownHttpMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID_REQUEST,
                "MCP does not use this HTTP method",
            ),
            Self::NothingToResume => (
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID_REQUEST,
                "there are no events to resume",
            ),
            Self::SessionWithoutPrincipal => (
                StatusCode::FORBIDDEN,
                INVALID_REQUEST,
                "the access token names neither a subject nor a client, so it cannot own a session",
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
