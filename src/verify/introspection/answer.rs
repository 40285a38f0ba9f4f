//! What an HTTP response says about a token before its members count: a pure function.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::failure::{Cause, Failure};
use crate::claim_lookup;
use crate::json::MaybeText;
use crate::outgoing::UnrequestedEncoding;

/// The endpoint's answer (RFC 7662 §2.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// An active token, and the text of the answer.
    Active(String),
    Inactive,
}

/// A response, apart from its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// Whether the question was authorized by a bearer token of this server's own.
    pub(super) asked_as_bearer: bool,
}

impl Head<'_> {
    /// Whether the body can be an answer. A body that was encoded without being asked for cannot be read.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let answers = match self.status {
            StatusCode::OK => true,
            status => may_say_inactive(status),
        };
        if !answers {
            return Err(self.unexpected_status());
        }
        match UnrequestedEncoding::of(self.headers) {
            Some(encoding) => Err(self.wrong(&encoding.to_string())),
            None => Ok(()),
        }
    }

    fn unexpected_status(&self) -> Failure {
        let cause = match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Cause::Down,
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Cause::Gateway,
            _ => Cause::WrongAnswer,
        };
        let status = self.status.as_u16();
        let problem = format!("the introspection endpoint answers {status}");
        Failure::new(cause, problem).with_headers(self.headers)
    }

    /// Reads the body.
    pub(super) fn read(&self, body: Vec<u8>) -> Result<Answer, Failure> {
        let body = match body.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) => text.to_vec(),
            None => body,
        };
        let said = String::from_utf8(body)
            .map_err(|_| "it is no UTF-8")
            .and_then(|text| Ok((Said::read(&text)?, text)));
        match said {
            Ok((said, _)) if said.error.as_deref() == Some("invalid_client") => {
                Err(self.refused_client())
            }
            Ok((said, text)) if self.status == StatusCode::OK => self.read_ok(&said, text),
            Ok((said, _)) => self.read_error(&said),
            Err(problem) => Err(self.wrong(&format!("its answer cannot be read: {problem}"))),
        }
    }

    /// `active` is required, and a boolean. What the endpoint says about a token otherwise is not certain.
    fn read_ok(&self, said: &Said, text: String) -> Result<Answer, Failure> {
        match (&said.active, &said.error) {
            (Active::Boolean(true), None) => Ok(Answer::Active(text)),
            (Active::Boolean(true), Some(_)) => {
                Err(self.wrong("its answer has an \"error\", and \"active\" is true"))
            }
            (Active::Boolean(false), _) => Ok(Answer::Inactive),
            (Active::Other, _) => Err(self.wrong("\"active\" is no boolean in its answer")),
            (Active::Absent, Some(error)) => {
                let error = shown(error);
                Err(self.wrong(&format!(
                    "its answer has the error {error} and no \"active\""
                )))
            }
            (Active::Absent, None) => Err(self.wrong("its answer has no \"active\"")),
        }
    }

    /// Some endpoints answer with the status of an error where a token is not active, which says so only with a
    /// body.
    ///
    /// At 401, `invalid_token` may be about the bearer token that this server asks with (RFC 6750 §3.1). If that
    /// counted as an inactive token, every client's good token would be refused as soon as this server's own
    /// expired.
    fn read_error(&self, said: &Said) -> Result<Answer, Failure> {
        let may_be_our_token = self.asked_as_bearer && self.status == StatusCode::UNAUTHORIZED;
        let ours = || {
            self.wrong(
                "invalid_token may be about the bearer token that this server asks with; if it is not, \
                 configure inactive_statuses(..)",
            )
        };
        match (&said.active, said.error.as_deref()) {
            (Active::Boolean(false), _) if may_be_our_token && self.challenges_a_token() => {
                Err(ours())
            }
            (Active::Boolean(false), _) => Ok(Answer::Inactive),
            (Active::Absent, Some("invalid_token")) if may_be_our_token => Err(ours()),
            (Active::Absent, Some("invalid_token")) => Ok(Answer::Inactive),
            (Active::Absent, Some(error)) => {
                let error = shown(error);
                Err(self.wrong(&format!("its error is {error}")))
            }
            (Active::Boolean(true) | Active::Other | Active::Absent, _) => {
                Err(self.wrong("it does not say that the token is inactive"))
            }
        }
    }

    fn challenges_a_token(&self) -> bool {
        let challenges = self.headers.get_all(WWW_AUTHENTICATE);
        challenges.iter().any(|challenge| {
            let challenge = challenge.as_bytes().to_ascii_lowercase();
            String::from_utf8_lossy(&challenge).contains("invalid_token")
        })
    }

    fn refused_client(&self) -> Failure {
        let status = self.status.as_u16();
        let problem = format!(
            "the introspection endpoint answers {status}: it does not accept the credentials of this server \
             (invalid_client)"
        );
        Failure::new(Cause::Down, problem).with_headers(self.headers)
    }

    fn wrong(&self, problem: &str) -> Failure {
        let status = self.status.as_u16();
        let problem = format!("the introspection endpoint answers {status}: {problem}");
        Failure::new(Cause::WrongAnswer, problem).with_headers(self.headers)
    }
}

/// The statuses besides 200 whose body may say that a token is not active.
fn may_say_inactive(status: StatusCode) -> bool {
    [
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
    ]
    .contains(&status)
}

/// What RFC 8259 §8.1 lets a reader ignore.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The members that decide.
struct Said {
    active: Active,
    /// `None` where it is no text, or an empty one.
    error: Option<String>,
}

enum Active {
    Boolean(bool),
    Other,
    Absent,
}

impl Said {
    fn read(text: &str) -> Result<Self, &'static str> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err("it is no JSON object");
        }
        let problem = |error: &serde_json::Error, twice| match error.is_data() {
            true => twice,
            false => "it is no JSON",
        };
        let active = claim_lookup::find::<Value>(text, "active")
            .map_err(|error| problem(&error, "\"active\" occurs twice"))?;
        let active = match active {
            Some(Value::Bool(active)) => Active::Boolean(active),
            Some(_) => Active::Other,
            None => Active::Absent,
        };
        let error = claim_lookup::find::<MaybeText<'_>>(text, "error")
            .map_err(|error| problem(&error, "\"error\" occurs twice"))?;
        let error = match error {
            Some(MaybeText::Text(text)) if !text.is_empty() => Some(text.into_owned()),
            Some(MaybeText::Text(_) | MaybeText::Other) | None => None,
        };
        Ok(Self { active, error })
    }
}

/// An error code that a log may show. Any other text may hold what the endpoint was asked.
fn shown(error: &str) -> &'static str {
    let known = KNOWN_ERRORS.iter().find(|known| **known == error);
    known.copied().unwrap_or("that no RFC defines")
}

/// RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, and what servers borrow from RFC 6749 §4.1.2.1.
const KNOWN_ERRORS: [&str; 12] = [
    "access_denied",
    "insufficient_scope",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_token",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
];
