//! What an answer means: a pure function of the answer, the rules and the time.

use serde_json::Value;

use crate::access_token::Verified;
use crate::claim_lookup;
use crate::clock::Clock;
use crate::json::MaybeText;
use crate::verify::jwt::claims::Claims;
use crate::verify::jwt::mapping::ClaimMapping;
use crate::verify::jwt::rules::ClaimRules;
use crate::verify_error::InvalidReason;

/// What an answer is to hold.
#[derive(Debug)]
pub(super) struct Rules {
    /// The verifier's name: two endpoints may each know a user of the same name.
    pub(super) verifier: String,
    pub(super) claims: ClaimRules,
    pub(super) mapping: ClaimMapping,
    pub(super) clock: Clock,
}

/// Why an answer does not vouch for a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotVerified {
    Invalid(InvalidReason),
    /// It is no answer.
    Nonsense(&'static str),
}

impl From<InvalidReason> for NotVerified {
    fn from(reason: InvalidReason) -> Self {
        Self::Invalid(reason)
    }
}

impl Rules {
    /// Reads an answer (RFC 7662 §2.2).
    pub(super) fn read(&self, body: Vec<u8>) -> Result<Verified, NotVerified> {
        let answer = String::from_utf8(body).map_err(|_| NotVerified::Nonsense("it is no text"))?;
        if !is_active(&answer)? {
            return Err(InvalidReason::Unrecognized.into());
        }
        // The claims are those of a JWT, by name and by type.
        let claims = Claims::parse(&answer).map_err(|_| InvalidReason::InvalidClaim)?;
        self.claims
            .check(&claims, &answer, self.clock.since_epoch())?;
        check_token_type(&answer)?;

        let mut verified = Verified {
            verifier: self.verifier.clone().into(),
            leeway: self.claims.leeway,
            clock: self.clock.clone(),
            ..Verified::default()
        };
        self.mapping.fill(&mut verified, &claims, &answer)?;
        verified.claims = answer;
        Ok(verified)
    }
}

/// Whether the answer says, as a boolean, that the token is active. A text that says so is an answer of
/// somebody who does not know what it is about.
fn is_active(answer: &str) -> Result<bool, NotVerified> {
    if !answer.trim_ascii_start().starts_with('{') {
        return Err(NotVerified::Nonsense("it is no JSON object"));
    }
    match claim_lookup::find::<Value>(answer, "active") {
        Ok(Some(Value::Bool(active))) => Ok(active),
        Ok(_) => Ok(false),
        Err(error) if error.is_data() => Ok(false),
        Err(_) => Err(NotVerified::Nonsense("it is no JSON")),
    }
}

/// A token of another type needs more than to be sent: DPoP's a proof, and a refresh token is none for us.
fn check_token_type(answer: &str) -> Result<(), InvalidReason> {
    let token_type = claim_lookup::find::<Option<MaybeText<'_>>>(answer, "token_type")
        .map_err(|_| InvalidReason::InvalidClaim)?;
    match token_type.flatten() {
        None => Ok(()),
        Some(MaybeText::Text(text)) if text.eq_ignore_ascii_case("bearer") => Ok(()),
        Some(MaybeText::Text(text)) if text.eq_ignore_ascii_case("dpop") => {
            Err(InvalidReason::BoundToKey)
        }
        Some(_) => Err(InvalidReason::WrongType),
    }
}
