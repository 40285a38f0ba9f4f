//! The form of the token: what surrounds it, its characters and its segments.

use super::advice;
use super::explanation::{CheckOutcome, ExplainedCheck, Part};
use super::words::counted;
use crate::verify::jwt::jws::{Jws, THREE_SEGMENTS};
use crate::verify_error::InvalidReason;

/// A text with a token in it.
pub(super) struct GivenText<'t> {
    pub(super) token: &'t str,
    /// What surrounds the token.
    surroundings: Vec<&'static str>,
}

impl<'t> GivenText<'t> {
    /// Takes the token out of a text that may have white space around it, a scheme, and the name of the header.
    pub(super) fn read(text: &'t str) -> Self {
        let mut surroundings = Vec::new();
        let mut token = text.trim();
        if token.len() < text.len() {
            surroundings.push("white space around it");
        }
        for (prefix, name) in [
            ("authorization:", "the name of the header"),
            ("bearer ", "the scheme Bearer"),
            ("dpop ", "the scheme DPoP"),
        ] {
            if let Some((start, rest)) = token.split_at_checked(prefix.len())
                && start.eq_ignore_ascii_case(prefix)
            {
                surroundings.push(name);
                token = rest.trim_start();
            }
        }
        Self {
            token,
            surroundings,
        }
    }

    /// The check of what surrounds the token, if there is something.
    pub(super) fn check(&self) -> Option<ExplainedCheck> {
        if self.surroundings.is_empty() {
            return None;
        }
        let check = ExplainedCheck::new(Part::Text, "text")
            .outcome_is(CheckOutcome::Noted)
            .want("the token alone")
            .got(self.surroundings.join(", "))
            .advise(
                "It is ignored here. In a request the header is exactly `Authorization: Bearer TOKEN`, and a client \
                 library that adds `Bearer` by itself must not get it twice.",
            );
        Some(check)
    }
}

const TOKEN: &str = "token";

/// The check of a text that is a bearer token.
pub(super) fn is_token(token: &str) -> ExplainedCheck {
    ExplainedCheck::new(Part::Text, TOKEN).got(counted(token.len(), "character"))
}

/// The check of a text that is no bearer token.
pub(super) fn is_no_token(text: &str) -> ExplainedCheck {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    let found = match text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        None if text.is_empty() => "nothing".to_owned(),
        None => "the sign `=` in another place than the end".to_owned(),
        Some((position, c)) if c.is_whitespace() => {
            format!("white space after {}", counted(position, "byte"))
        }
        Some((position, c)) => format!(
            "the character {} after {}",
            c.escape_debug(),
            counted(position, "byte")
        ),
    };
    ExplainedCheck::new(Part::Text, TOKEN)
        .failed(InvalidReason::Malformed)
        .want("letters, digits and -._~+/ with = at the end (RFC 6750 section 2.1)")
        .got(found)
        .advise(advice::no_token(text))
}

/// The check of the segments, by the rule of the verifier.
pub(super) fn segments(token: &str, jws: Option<&Jws<'_>>) -> ExplainedCheck {
    let lengths: Vec<_> = token.split('.').map(str::len).collect();
    let check = ExplainedCheck::new(Part::Text, "segments");
    if jws.is_some() {
        let lengths: Vec<_> = lengths.iter().map(usize::to_string).collect();
        return check.got(format!("three, of {} characters", lengths.join(", ")));
    }
    check
        .failed(InvalidReason::Malformed)
        .want("header.payload.signature (RFC 7515 section 7.1)")
        .got(match lengths.len() {
            count @ 1..=9 => format!("{}: {THREE_SEGMENTS}", counted(count, "segment")),
            _ => THREE_SEGMENTS.to_owned(),
        })
        .advise(advice::segments(lengths.len()))
}
