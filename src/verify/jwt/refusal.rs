//! The error and the log event for a token that is refused.

use super::jws::{Jws, USUAL_HEADER_LENGTH};
use crate::credentials::BearerToken;
use crate::json::Fault;
use crate::telemetry::VERIFICATION;
use crate::verify_error::{InvalidReason, VerifyError};

/// The error for a token that is refused.
///
/// A malformed JWT is refused without a fallback to other verifiers. A less strict verifier could accept a token whose
/// malformed signature is refused here.
pub(crate) fn refusal(token: &BearerToken, reason: InvalidReason) -> VerifyError {
    let error = VerifyError::invalid(reason);
    match reason == InvalidReason::Malformed && is_jwt(token) {
        true => error.without_fallback(),
        false => error,
    }
}

/// Whether a token has the form of a signed JWT: three segments, and a header that begins as a JSON object.
fn is_jwt(token: &BearerToken) -> bool {
    let mut buffer = [0; USUAL_HEADER_LENGTH];
    let header = Jws::split(token.as_bytes()).and_then(|jws| jws.decode_header(&mut buffer));
    header.is_some_and(|header| header.trim_ascii_start().starts_with('{'))
}

/// A part of a token that can be malformed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TokenPart {
    Token,
    Header,
    Payload,
    Signature,
}

impl TokenPart {
    fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        }
    }
}

/// Logs which rule a token breaks. The answer to the client says only that the token is malformed.
pub(crate) fn malformed(part: TokenPart, fault: &Fault) -> InvalidReason {
    tracing::debug!(
        target: VERIFICATION,
        part = part.as_str(),
        member = fault.member(),
        rule = fault.rule(),
        "the token is malformed",
    );
    InvalidReason::Malformed
}

/// [`malformed`] for a segment that cannot be decoded.
pub(crate) fn undecodable(part: TokenPart) -> InvalidReason {
    let rule = match part {
        TokenPart::Signature => "it is not base64url without padding, or too long",
        TokenPart::Token | TokenPart::Header | TokenPart::Payload => {
            "it is not UTF-8 in base64url without padding"
        }
    };
    malformed(part, &Fault::of(rule))
}
