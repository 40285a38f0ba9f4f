//! Which claims make a token acceptable: a pure function of the claims, the rules and the time.

use std::fmt;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::claims::Claims;
use crate::claim_lookup;
use crate::json::TextOrList;
use crate::shown_url::ShownUrl;
use crate::telemetry::CLAIMS;
use crate::verify::audience::Audience;
use crate::verify_error::InvalidReason;

/// What a verifier asks of a token's claims.
pub(crate) struct ClaimRules {
    /// One of these, to the byte; any, when there are none.
    pub(crate) issuers: Vec<String>,
    /// At least one of these; any, when there are none.
    pub(crate) audiences: Vec<Audience>,
    pub(crate) required_claims: Vec<String>,
    /// Names, each with the values of which it must have one.
    pub(crate) claims_in: Vec<(String, Vec<String>)>,
    pub(crate) leeway: Duration,
    pub(crate) accept_missing_expiry: bool,
    pub(crate) accept_future_issued_at: bool,
    pub(crate) accept_unchecked_confirmation: bool,
}

impl ClaimRules {
    pub(crate) fn check(
        &self,
        claims: &Claims<'_>,
        payload: &str,
        now: Duration,
    ) -> Result<(), InvalidReason> {
        if claims.is_not_an_access_token() {
            return Err(InvalidReason::WrongType);
        }
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        self.check_dates(claims, now)?;
        self.check_required(claims, payload)?;
        self.check_values(payload)?;
        // `cnf` says that only the holder of a key may use the token, and nobody here asked for a
        // proof (RFC 7800 §3.1).
        if claims.cnf.0.is_some() && !self.accept_unchecked_confirmation {
            return Err(InvalidReason::BoundToKey);
        }
        Ok(())
    }

    pub(crate) fn check_issuer(&self, claims: &Claims<'_>) -> Result<(), InvalidReason> {
        if self.issuers.is_empty() {
            return Ok(());
        }
        let issuer = claims.iss.0.as_ref().ok_or(InvalidReason::MissingClaim)?;
        match self.issuers.iter().any(|accepted| *accepted == issuer.0) {
            true => Ok(()),
            false => Err(InvalidReason::WrongIssuer),
        }
    }

    fn check_audience(&self, claims: &Claims<'_>) -> Result<(), InvalidReason> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        let audience = claims.aud.0.as_ref().ok_or(InvalidReason::MissingClaim)?;
        match audience
            .iter()
            .any(|name| self.audiences.iter().any(|accepted| accepted.is(name)))
        {
            true => Ok(()),
            false => Err(InvalidReason::WrongAudience),
        }
    }

    /// RFC 7519 §4.1.4 to §4.1.6. A token dies in the second its `exp` names, not after it.
    fn check_dates(&self, claims: &Claims<'_>, now: Duration) -> Result<(), InvalidReason> {
        match claims.exp.0 {
            None if self.accept_missing_expiry => {}
            None => return Err(InvalidReason::MissingClaim),
            Some(exp) if now >= exp.0.saturating_add(self.leeway) => {
                return Err(InvalidReason::Expired);
            }
            Some(_) => {}
        }
        let horizon = now.saturating_add(self.leeway);
        if claims.nbf.0.is_some_and(|nbf| nbf.0 > horizon) {
            return Err(InvalidReason::NotYetValid);
        }
        // Not in the RFC, but a token from the future means a clock or an issuer gone wrong.
        let from_the_future = claims.iat.0.is_some_and(|iat| iat.0 > horizon);
        if from_the_future && !self.accept_future_issued_at {
            return Err(InvalidReason::NotYetValid);
        }
        Ok(())
    }

    fn check_required(&self, claims: &Claims<'_>, payload: &str) -> Result<(), InvalidReason> {
        for name in &self.required_claims {
            let there = match name.as_str() {
                "iss" => claims.iss.0.is_some(),
                "sub" => claims.sub.0.is_some(),
                "aud" => claims.aud.0.is_some(),
                "exp" => claims.exp.0.is_some(),
                "nbf" => claims.nbf.0.is_some(),
                "iat" => claims.iat.0.is_some(),
                "jti" => claims.jti.0.is_some(),
                "client_id" => claims.client_id.0.is_some(),
                // A claim that is `null` says nothing.
                _ => claim_lookup::find::<Option<IgnoredAny>>(payload, name)
                    .map_err(|_| InvalidReason::InvalidClaim)?
                    .flatten()
                    .is_some(),
            };
            if !there {
                tracing::debug!(target: CLAIMS, claim = name, "a required claim is missing");
                return Err(InvalidReason::MissingClaim);
            }
        }
        Ok(())
    }

    fn check_values(&self, payload: &str) -> Result<(), InvalidReason> {
        for (name, accepted) in &self.claims_in {
            let value = claim_lookup::find::<TextOrList<'_>>(payload, name)
                .map_err(|_| InvalidReason::InvalidClaim)?
                .ok_or(InvalidReason::MissingClaim)?;
            if !value
                .iter()
                .any(|value| accepted.iter().any(|a| a == value))
            {
                tracing::debug!(target: CLAIMS, claim = name, "a claim has none of the accepted values");
                return Err(InvalidReason::InvalidClaim);
            }
        }
        Ok(())
    }
}

/// What is compared; of issuers and audiences that are URLs, without their queries.
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
