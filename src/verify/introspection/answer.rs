//! Decides from an HTTP response whether a token is active: a pure function, before the claims are checked.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::failure::{Failure, FailureCause};
use crate::claim_lookup;
use crate::json::{BYTE_ORDER_MARK, MaybeText};

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
    /// Whether a bearer token of this server authorized the request.
    pub(super) sent_bearer_token: bool,
}

impl Head<'_> {
    /// Checks whether a response with this status can be an answer.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let answers = match self.status {
            StatusCode::OK => true,
            status => may_say_inactive(status),
        };
        match answers {
            true => Ok(()),
            false => Err(self.unexpected_status()),
        }
    }

    fn unexpected_status(&self) -> Failure {
        let cause = match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => FailureCause::Down,
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => FailureCause::Gateway,
            _ => FailureCause::WrongAnswer,
        };
        let status = self.status.as_u16();
        let problem = format!("the introspection endpoint answers {status}");
        Failure::new(cause, problem).with_headers(self.headers)
    }

    /// Reads the body.
    pub(super) fn read(&self, body: Vec<u8>) -> Result<Answer, Failure> {
        let body = match body.strip_prefix(BYTE_ORDER_MARK.as_bytes()) {
            Some(text) => text.to_vec(),
            None => body,
        };
        let members = String::from_utf8(body)
            .map_err(|_| "it is not UTF-8")
            .and_then(|text| Ok((AnswerMembers::read(&text)?, text)));
        match members {
            Ok((members, _)) if members.error.as_deref() == Some("invalid_client") => {
                Err(self.refused_client())
            }
            Ok((members, text)) if self.status == StatusCode::OK => self.read_ok(&members, text),
            Ok((members, _)) => self.read_error(&members),
            Err(problem) => Err(self.wrong(&format!("its answer cannot be read: {problem}"))),
        }
    }

    /// Reads an answer with status 200. `active` must be a boolean; without it the state of the token is not known.
    fn read_ok(&self, members: &AnswerMembers, text: String) -> Result<Answer, Failure> {
        match (&members.active, &members.error) {
            (Active::Boolean(true), None) => Ok(Answer::Active(text)),
            (Active::Boolean(true), Some(_)) => {
                Err(self.wrong("its answer has an \"error\", and \"active\" is true"))
            }
            (Active::Boolean(false), _) => Ok(Answer::Inactive),
            (Active::Other, _) => Err(self.wrong("\"active\" is not a boolean in its answer")),
            (Active::Absent, Some(error)) => {
                let error = shown(error);
                Err(self.wrong(&format!(
                    "its answer has the error {error} and no \"active\""
                )))
            }
            (Active::Absent, None) => Err(self.wrong("its answer has no \"active\"")),
        }
    }

    /// Reads an answer with the status of an error. Some endpoints send one for a token that is not active, and the body
    /// says so.
    ///
    /// With 401, `invalid_token` may be about the bearer token that authorizes this server's request (RFC 6750 §3.1). If
    /// that counted as an inactive token, valid tokens of all clients would be refused once this server's own token
    /// has expired.
    fn read_error(&self, members: &AnswerMembers) -> Result<Answer, Failure> {
        let may_be_our_token = self.sent_bearer_token && self.status == StatusCode::UNAUTHORIZED;
        let ours = || {
            self.wrong(
                "invalid_token may be about the bearer token of this server; if it is not, \
                 configure inactive_statuses(..)",
            )
        };
        match (&members.active, members.error.as_deref()) {
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
        Failure::new(FailureCause::Down, problem).with_headers(self.headers)
    }

    pub(super) fn wrong(&self, problem: &str) -> Failure {
        let status = self.status.as_u16();
        let problem = format!("the introspection endpoint answers {status}: {problem}");
        Failure::new(FailureCause::WrongAnswer, problem).with_headers(self.headers)
    }
}

/// The error statuses whose body may say that a token is not active.
fn may_say_inactive(status: StatusCode) -> bool {
    [
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
    ]
    .contains(&status)
}

/// The members of an answer that decide whether the token is active.
struct AnswerMembers {
    active: Active,
    /// `None` if it is not a string, or empty.
    error: Option<String>,
}

enum Active {
    Boolean(bool),
    Other,
    Absent,
}

impl AnswerMembers {
    fn read(text: &str) -> Result<Self, &'static str> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err("it is not a JSON object");
        }
        let problem = |error: &serde_json::Error, twice| match error.is_data() {
            true => twice,
            false => "it is not JSON",
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

/// An error code that a log may show. Any other text may contain the token from the request.
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
