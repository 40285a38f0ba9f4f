//! Turns an active answer into a verified token: a pure function of the answer, the rules and the time.

use crate::access_token::Verified;
use crate::claim_lookup;
use crate::json::{Fault, MaybeText, Member};
use crate::telemetry::INTROSPECTION;
use crate::verify::claims::registered::Claims;
use crate::verify::claims::verifier::ClaimsVerifier;
use crate::verify_error::InvalidReason;

/// The rules for an active answer.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) claims: ClaimsVerifier,
    /// Whether an `exp` of zero means a token that does not expire.
    pub(super) accept_zero_expiry: bool,
}

impl Rules {
    /// The name of the verifier.
    pub(super) fn verifier(&self) -> &str {
        &self.claims.verifier
    }

    /// Reads an active answer (RFC 7662 §2.2). Its members are the claims of a JWT, by name and by type.
    pub(super) fn read(&self, answer: String) -> Result<Verified, InvalidReason> {
        let mut claims = Claims::default();
        self.claims
            .read(&mut claims, &answer)
            .map_err(|fault| unacceptable(&fault))?;
        if self.accept_zero_expiry && has_zero_expiry(&answer) {
            claims.exp = Member::default();
        }
        self.claims.check(&claims, &answer)?;
        check_token_type(&answer)?;
        let mut verified = Verified::default();
        self.claims.fill(&mut verified, &claims, &answer)?;
        verified.claims = answer;
        Ok(verified)
    }
}

/// Logs which rule an answer breaks.
fn unacceptable(fault: &Fault) -> InvalidReason {
    tracing::debug!(
        target: INTROSPECTION,
        member = fault.member(),
        rule = fault.rule(),
        "the answer about a token is malformed",
    );
    InvalidReason::InvalidClaim
}

/// Whether `exp` is the integer zero. A small fraction is not, although it rounds to zero.
fn has_zero_expiry(answer: &str) -> bool {
    matches!(claim_lookup::find::<u64>(answer, "exp"), Ok(Some(0)))
}

/// Checks that the token is a bearer token. A DPoP token needs a proof, and a token of another type may be a refresh
/// token. Ory Hydra writes `access_token` in place of `Bearer` (RFC 6749 §7.1).
fn check_token_type(answer: &str) -> Result<(), InvalidReason> {
    let token_type = claim_lookup::find::<Option<MaybeText<'_>>>(answer, "token_type")
        .map_err(|_| InvalidReason::InvalidClaim)?;
    let Some(token_type) = token_type.flatten() else {
        return Ok(());
    };
    let MaybeText::Text(name) = token_type else {
        return Err(InvalidReason::WrongType);
    };
    match name.to_ascii_lowercase().as_str() {
        "bearer" | "access_token" => Ok(()),
        "dpop" => Err(InvalidReason::BoundToKey),
        _ => Err(InvalidReason::WrongType),
    }
}
