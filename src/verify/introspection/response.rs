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
    ///
    /// The layer may check that the sender possesses the key that the token is bound to.
    pub(super) fn read(
        &self,
        answer: String,
        possession_is_checked: bool,
    ) -> Result<Verified, InvalidReason> {
        let mut claims = Claims::default();
        self.claims
            .read(&mut claims, &answer)
            .map_err(|fault| unacceptable(&fault))?;
        if self.accept_zero_expiry && has_zero_expiry(&answer) {
            claims.exp = Member::default();
        }
        self.claims.check(&claims, &answer, possession_is_checked)?;
        let token_type = token_type(&answer)?;
        let mut verified = Verified::default();
        self.claims.fill(&mut verified, &mut claims, &answer)?;
        let bound_to = verified.confirmations.as_deref();
        let is_bound_to_jwk = bound_to.is_some_and(|bound_to| bound_to.jwk().is_some());
        token_type.check(is_bound_to_jwk, possession_is_checked)?;
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

/// The type of an access token (RFC 6749 §7.1). A token of another type may be a refresh token.
#[derive(Debug, Clone, Copy)]
enum TokenType {
    Bearer,
    Dpop,
    /// The answer has no `token_type`, or has `access_token`, as that of Ory Hydra.
    AccessToken,
}

impl TokenType {
    /// Checks that a token is of this type if and only if it is bound to a JWK (RFC 9449 §6.2).
    fn check(
        self,
        is_bound_to_jwk: bool,
        possession_is_checked: bool,
    ) -> Result<(), InvalidReason> {
        match self {
            Self::AccessToken => Ok(()),
            Self::Dpop if is_bound_to_jwk && possession_is_checked => Ok(()),
            // A DPoP token needs a proof.
            Self::Dpop => Err(InvalidReason::BoundToKey),
            Self::Bearer if is_bound_to_jwk && possession_is_checked => {
                tracing::debug!(
                    target: INTROSPECTION,
                    "the answer says that the token is a bearer token, and that it is bound to a key"
                );
                Err(InvalidReason::WrongType)
            }
            Self::Bearer => Ok(()),
        }
    }
}

fn token_type(answer: &str) -> Result<TokenType, InvalidReason> {
    let token_type = claim_lookup::find::<Option<MaybeText<'_>>>(answer, "token_type")
        .map_err(|_| InvalidReason::InvalidClaim)?;
    let Some(token_type) = token_type.flatten() else {
        return Ok(TokenType::AccessToken);
    };
    let MaybeText::Text(name) = token_type else {
        return Err(InvalidReason::WrongType);
    };
    match name.to_ascii_lowercase().as_str() {
        "bearer" => Ok(TokenType::Bearer),
        "access_token" => Ok(TokenType::AccessToken),
        "dpop" => Ok(TokenType::Dpop),
        _ => Err(InvalidReason::WrongType),
    }
}
