//! Decides whether claims are acceptable: a pure function of the claims, the rules and the time.

use std::fmt;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::audience::Audience;
use super::registered::Claims;
use super::token_kind::{NotOfKind, TokenKind};
use crate::access_token::Confirmations;
use crate::claim_lookup;
use crate::json::TextOrList;
use crate::shown_url::ShownUrl;
use crate::telemetry::CLAIMS;
use crate::verify_error::InvalidReason;

/// The rules for a token's claims. By default, only an `exp` in the future is required.
#[derive(Default)]
pub(crate) struct ClaimRules {
    pub(crate) kind: TokenKind,
    /// The accepted issuers, byte by byte. If there are none, any issuer is accepted.
    pub(crate) issuers: Vec<String>,
    /// The accepted audiences. If there are none, any audience is accepted.
    pub(crate) audiences: Vec<Audience>,
    pub(crate) required_claims: Vec<String>,
    /// Claims, each with its accepted values.
    pub(crate) claims_in: Vec<(String, Vec<String>)>,
    pub(crate) leeway: Duration,
    pub(crate) accept_missing_expiry: bool,
    pub(crate) accept_future_issued_at: bool,
    pub(crate) accept_unchecked_confirmation: bool,
    /// Whether tokens may have `at_hash` and `c_hash`, which mark an ID token.
    pub(crate) accept_hash_claims: bool,
}

impl ClaimRules {
    pub(crate) fn check(
        &self,
        claims: &Claims<'_>,
        payload: &str,
        now: Duration,
        possession_is_checked: bool,
    ) -> Result<(), InvalidReason> {
        self.kind
            .check(claims, payload, self.accept_hash_claims)
            .map_err(not_of_kind)?;
        self.check_issuer(claims)
            .inspect_err(|reason| self.log_issuer(*reason))?;
        self.check_audience(claims)?;
        self.check_dates(claims, now)?;
        self.check_required(claims, payload)?;
        self.check_values(claims, payload)?;
        self.check_confirmation(claims, payload, possession_is_checked)
    }

    /// With `cnf`, only the holder of a key may use the token (RFC 7800 §3.1). So the layer must check that the sender
    /// holds it, and the claim must name nothing but keys for which there is a check.
    fn check_confirmation(
        &self,
        claims: &Claims<'_>,
        payload: &str,
        possession_is_checked: bool,
    ) -> Result<(), InvalidReason> {
        if !claims.cnf.occurs() || self.accept_unchecked_confirmation {
            return Ok(());
        }
        let can_be_checked = possession_is_checked
            && Confirmations::of_claims(payload).is_some_and(|bound_to| !bound_to.has_unknown());
        match can_be_checked {
            true => Ok(()),
            false => Err(InvalidReason::BoundToKey),
        }
    }

    /// Checks the issuer. It logs nothing, since it is also called for tokens that are refused for another reason.
    pub(crate) fn check_issuer(&self, claims: &Claims<'_>) -> Result<(), InvalidReason> {
        if self.issuers.is_empty() {
            return Ok(());
        }
        let issuer = claims.iss.get().ok_or(InvalidReason::MissingClaim)?;
        match self.issuers.iter().any(|accepted| *accepted == issuer.0) {
            true => Ok(()),
            false => Err(InvalidReason::WrongIssuer),
        }
    }

    fn check_audience(&self, claims: &Claims<'_>) -> Result<(), InvalidReason> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        let audience = claims.aud.get().ok_or_else(|| missing("aud"))?;
        match audience
            .iter()
            .any(|name| self.audiences.iter().any(|accepted| accepted.is(name)))
        {
            true => Ok(()),
            false => {
                let expected = ShownUrl::of_all(self.audiences.iter().map(Audience::as_str));
                tracing::debug!(target: CLAIMS, ?expected, "the token is meant for another audience");
                Err(InvalidReason::WrongAudience)
            }
        }
    }

    /// Logs which issuers are accepted, for a token that is refused for its issuer.
    pub(crate) fn log_issuer(&self, reason: InvalidReason) {
        if reason == InvalidReason::MissingClaim {
            missing("iss");
        } else {
            let expected = ShownUrl::of_all(&self.issuers);
            tracing::debug!(target: CLAIMS, ?expected, "the token names another issuer");
        }
    }

    /// Checks `exp`, `nbf` and `iat` (RFC 7519 §4.1.4 to §4.1.6). A token expires at its `exp`, not after it.
    fn check_dates(&self, claims: &Claims<'_>, now: Duration) -> Result<(), InvalidReason> {
        match claims.exp.get() {
            None if self.accept_missing_expiry => {}
            None => return Err(missing("exp")),
            Some(exp) if now >= exp.0.saturating_add(self.leeway) => {
                return Err(InvalidReason::Expired);
            }
            Some(_) => {}
        }
        let horizon = now.saturating_add(self.leeway);
        if claims.nbf.get().is_some_and(|nbf| nbf.0 > horizon) {
            return Err(InvalidReason::NotYetValid);
        }
        // The RFC does not require this. An `iat` in the future means that a clock or an issuer is wrong.
        let from_the_future = claims.iat.get().is_some_and(|iat| iat.0 > horizon);
        if from_the_future && !self.accept_future_issued_at {
            return Err(InvalidReason::NotYetValid);
        }
        Ok(())
    }

    fn check_required(&self, claims: &Claims<'_>, payload: &str) -> Result<(), InvalidReason> {
        for name in &self.required_claims {
            let is_present = match name.as_str() {
                "iss" => claims.iss.has_value(),
                "sub" => claims.sub.has_value(),
                "aud" => claims.aud.has_value(),
                "exp" => claims.exp.has_value(),
                "nbf" => claims.nbf.has_value(),
                "iat" => claims.iat.has_value(),
                "jti" => claims.jti.has_value(),
                "client_id" => claims.client_id.has_value(),
                _ => claim_lookup::find_value::<IgnoredAny>(payload, name)
                    .map_err(|_| unreadable(name))?
                    .is_some(),
            };
            if !is_present {
                return Err(missing(name));
            }
        }
        Ok(())
    }

    fn check_values(&self, claims: &Claims<'_>, payload: &str) -> Result<(), InvalidReason> {
        for (name, accepted) in &self.claims_in {
            let is_accepted = |value: &str| accepted.iter().any(|a| a == value);
            let holds = match name.as_str() {
                // `sub` may be a number. `Claims` has read its digits.
                "sub" => claims.sub.get().map(|subject| is_accepted(&subject.0)),
                _ => claim_lookup::find_value::<TextOrList<'_>>(payload, name)
                    .map_err(|_| unreadable(name))?
                    .map(|value| value.iter().any(is_accepted)),
            };
            if !holds.ok_or_else(|| missing(name))? {
                tracing::debug!(target: CLAIMS, claim = name, "a claim has none of the accepted values");
                return Err(InvalidReason::InvalidClaim);
            }
        }
        Ok(())
    }
}

/// Logs why a token is not of the verifier's kind, and returns the reason to refuse it.
fn not_of_kind(cause: NotOfKind) -> InvalidReason {
    match cause {
        NotOfKind::Marked(claim) => {
            tracing::debug!(target: CLAIMS, claim, "a claim marks a token of another kind");
            InvalidReason::WrongType
        }
        NotOfKind::Missing(claim) => missing(claim),
        NotOfKind::Unreadable(claim) => unreadable(claim),
    }
}

/// Logs that a configured claim is missing, and returns the reason to refuse the token.
fn missing(name: &str) -> InvalidReason {
    tracing::debug!(target: CLAIMS, claim = name, "a required claim is missing");
    InvalidReason::MissingClaim
}

/// Logs that a configured claim cannot be read, and returns the reason to refuse the token.
pub(crate) fn unreadable(name: &str) -> InvalidReason {
    tracing::debug!(target: CLAIMS, claim = name, "a claim has another type, or occurs twice");
    InvalidReason::InvalidClaim
}

/// It shows no query of a URL.
impl fmt::Debug for ClaimRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimRules")
            .field("issuers", &ShownUrl::of_all(&self.issuers))
            .field("audiences", &self.audiences)
            .field("required_claims", &self.required_claims)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}
