use std::fmt;

use crate::json::Fault;

/// The error for a text that cannot be a claims set; see
/// [`AccessTokenBuilder::raw_claims`](super::AccessTokenBuilder::raw_claims). It does not contain the text.
#[derive(Debug, Clone)]
pub struct InvalidClaims {
    rule: &'static str,
}

impl InvalidClaims {
    pub(super) fn of(fault: Fault) -> Self {
        Self { rule: fault.rule() }
    }
}

impl fmt::Display for InvalidClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text is not a claims set: {}", self.rule)
    }
}

impl std::error::Error for InvalidClaims {}
