//! Checks the members of an active answer: a pure function of the answer, the rules and the time.

use std::sync::Arc;

use crate::access_token::Verified;
use crate::claim_lookup;
use crate::clock::Clock;
use crate::json::{Fault, MaybeText, Member};
use crate::telemetry::INTROSPECTION;
use crate::verify::claims::mapping::ClaimMapping;
use crate::verify::claims::registered::Claims;
use crate::verify::claims::rules::ClaimRules;
use crate::verify_error::InvalidReason;

/// What an answer is to hold.
#[derive(Debug)]
pub(super) struct Rules {
    /// The verifier's name: two endpoints may each know a user of the same name.
    pub(super) verifier: String,
    /// The client that this server authenticates as, if the verifier has no name: one endpoint may answer different
    /// clients differently.
    pub(super) authority: Option<Arc<str>>,
    pub(super) claims: ClaimRules,
    pub(super) mapping: ClaimMapping,
    /// Whether an `exp` of zero means a token that does not expire.
    pub(super) accept_zero_expiry: bool,
    pub(super) clock: Clock,
}

impl Rules {
    /// Reads an active answer (RFC 7662 §2.2).
    pub(super) fn read(&self, answer: String) -> Result<Verified, InvalidReason> {
        // The claims are those of a JWT, by name and by type.
        let mut claims = Claims::parse(&answer).map_err(|fault| unacceptable(&fault))?;
        if self.accept_zero_expiry && has_zero_expiry(&answer) {
            claims.exp = Member::default();
        }
        self.claims
            .check(&claims, &answer, self.clock.since_epoch())?;
        check_token_type(&answer)?;

        let mut verified = Verified {
            verifier: self.verifier.clone().into(),
            authority: self.authority.clone(),
            leeway: self.claims.leeway,
            clock: self.clock.clone(),
            ..Verified::default()
        };
        self.mapping.fill(&mut verified, &claims, &answer)?;
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

/// A token of another type needs more than to be sent: DPoP's a proof, and a refresh token is none for us.
/// Ory Hydra writes `access_token`, which is a kind of token and no type (RFC 6749 §7.1), in the place of `Bearer`.
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
