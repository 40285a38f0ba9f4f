//! Decides whether claims are acceptable: a pure function of the claims, the rules and the time.

use std::fmt;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::audience::Audience;
use super::registered::Claims;
use super::token_kind::{NotOfKind, TokenKind};
use crate::access_token::Confirmations;
use crate::claim_lookup;
use crate::json::{NumericDate, TextOrList};
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

/// Why claims are not acceptable. Names of claims are constants or from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimFault<'n> {
    /// The claim marks a token of another kind.
    Marked(&'static str),
    /// The claim is required and has no value.
    Missing(&'n str),
    /// The claim has another type or form, or occurs twice.
    Unreadable(&'n str),
    AnotherIssuer,
    AnotherAudience,
    Expired,
    NotYetValid,
    /// The claim has none of the accepted values.
    NoneOfTheValues(&'n str),
    BoundToKey,
}

impl ClaimFault<'_> {
    pub(crate) fn reason(&self) -> InvalidReason {
        match self {
            Self::Marked(_) => InvalidReason::WrongType,
            Self::Missing(_) => InvalidReason::MissingClaim,
            Self::Unreadable(_) | Self::NoneOfTheValues(_) => InvalidReason::InvalidClaim,
            Self::AnotherIssuer => InvalidReason::WrongIssuer,
            Self::AnotherAudience => InvalidReason::WrongAudience,
            Self::Expired => InvalidReason::Expired,
            Self::NotYetValid => InvalidReason::NotYetValid,
            Self::BoundToKey => InvalidReason::BoundToKey,
        }
    }
}

impl From<NotOfKind> for ClaimFault<'_> {
    fn from(cause: NotOfKind) -> Self {
        match cause {
            NotOfKind::Marked(claim) => Self::Marked(claim),
            NotOfKind::Missing(claim) => Self::Missing(claim),
            NotOfKind::Unreadable(claim) => Self::Unreadable(claim),
        }
    }
}

/// The checks are pure and log nothing. An explanation of a token runs each of them by itself.
impl ClaimRules {
    /// Runs all checks, in order, up to the first that fails.
    pub(crate) fn check<'r>(
        &'r self,
        claims: &Claims<'_>,
        payload: &str,
        now: Duration,
        possession_is_checked: bool,
    ) -> Result<(), ClaimFault<'r>> {
        self.check_kind(claims, payload)?;
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        self.check_expiry(claims, now)?;
        self.check_not_before(claims, now)?;
        self.check_issued_at(claims, now)?;
        for name in &self.required_claims {
            check_required(name, claims, payload)?;
        }
        for (name, accepted) in &self.claims_in {
            check_value(name, accepted, claims, payload)?;
        }
        self.check_confirmation(claims, payload, possession_is_checked)
    }

    pub(crate) fn check_kind(
        &self,
        claims: &Claims<'_>,
        payload: &str,
    ) -> Result<(), ClaimFault<'static>> {
        let checked = self.kind.check(claims, payload, self.accept_hash_claims);
        checked.map_err(ClaimFault::from)
    }

    pub(crate) fn check_issuer(&self, claims: &Claims<'_>) -> Result<(), ClaimFault<'static>> {
        if self.issuers.is_empty() {
            return Ok(());
        }
        let issuer = claims.iss.get().ok_or(ClaimFault::Missing("iss"))?;
        match self.issuers.iter().any(|accepted| *accepted == issuer.0) {
            true => Ok(()),
            false => Err(ClaimFault::AnotherIssuer),
        }
    }

    pub(crate) fn check_audience(&self, claims: &Claims<'_>) -> Result<(), ClaimFault<'static>> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        let audience = claims.aud.get().ok_or(ClaimFault::Missing("aud"))?;
        match audience
            .iter()
            .any(|name| self.audiences.iter().any(|accepted| accepted.is(name)))
        {
            true => Ok(()),
            false => Err(ClaimFault::AnotherAudience),
        }
    }

    /// RFC 7519 §4.1.4. A token expires at its `exp`, not after it.
    pub(crate) fn check_expiry(
        &self,
        claims: &Claims<'_>,
        now: Duration,
    ) -> Result<(), ClaimFault<'static>> {
        match claims.exp.get() {
            None if self.accept_missing_expiry => Ok(()),
            None => Err(ClaimFault::Missing("exp")),
            Some(exp) if now >= exp.0.saturating_add(self.leeway) => Err(ClaimFault::Expired),
            Some(_) => Ok(()),
        }
    }

    /// RFC 7519 §4.1.5.
    pub(crate) fn check_not_before(
        &self,
        claims: &Claims<'_>,
        now: Duration,
    ) -> Result<(), ClaimFault<'static>> {
        self.is_not_after_now(claims.nbf.get(), now)
    }

    /// RFC 7519 §4.1.6 does not require this. An `iat` in the future means that a clock or an issuer is wrong.
    pub(crate) fn check_issued_at(
        &self,
        claims: &Claims<'_>,
        now: Duration,
    ) -> Result<(), ClaimFault<'static>> {
        match self.accept_future_issued_at {
            true => Ok(()),
            false => self.is_not_after_now(claims.iat.get(), now),
        }
    }

    fn is_not_after_now(
        &self,
        date: Option<&NumericDate>,
        now: Duration,
    ) -> Result<(), ClaimFault<'static>> {
        match date {
            Some(date) if date.0 > now.saturating_add(self.leeway) => Err(ClaimFault::NotYetValid),
            Some(_) | None => Ok(()),
        }
    }

    /// With `cnf`, only the holder of a key may use the token (RFC 7800 §3.1). So the layer must check that the sender
    /// holds it, and the claim must name nothing but keys for which there is a check.
    pub(crate) fn check_confirmation(
        &self,
        claims: &Claims<'_>,
        payload: &str,
        possession_is_checked: bool,
    ) -> Result<(), ClaimFault<'static>> {
        if !claims.cnf.occurs() || self.accept_unchecked_confirmation {
            return Ok(());
        }
        let can_be_checked = possession_is_checked
            && Confirmations::of_claims(payload).is_some_and(|bound_to| !bound_to.has_unknown());
        match can_be_checked {
            true => Ok(()),
            false => Err(ClaimFault::BoundToKey),
        }
    }

    /// Logs why a token is refused for its claims, and returns the reason.
    pub(crate) fn log(&self, fault: ClaimFault<'_>) -> InvalidReason {
        match fault {
            ClaimFault::Marked(claim) => {
                tracing::debug!(target: CLAIMS, claim, "a claim marks a token of another kind");
            }
            ClaimFault::Missing(claim) => {
                tracing::debug!(target: CLAIMS, claim, "a required claim is missing");
            }
            ClaimFault::Unreadable(claim) => {
                tracing::debug!(target: CLAIMS, claim, "a claim has another type, or occurs twice");
            }
            ClaimFault::AnotherIssuer => {
                let expected = ShownUrl::of_all(&self.issuers);
                tracing::debug!(target: CLAIMS, ?expected, "the token names another issuer");
            }
            ClaimFault::AnotherAudience => {
                let expected = ShownUrl::of_all(self.audiences.iter().map(Audience::as_str));
                tracing::debug!(target: CLAIMS, ?expected, "the token is meant for another audience");
            }
            ClaimFault::NoneOfTheValues(claim) => {
                tracing::debug!(target: CLAIMS, claim, "a claim has none of the accepted values");
            }
            ClaimFault::Expired | ClaimFault::NotYetValid | ClaimFault::BoundToKey => {}
        }
        fault.reason()
    }
}

/// Checks that the claim has a value.
pub(crate) fn check_required<'n>(
    name: &'n str,
    claims: &Claims<'_>,
    payload: &str,
) -> Result<(), ClaimFault<'n>> {
    let is_present = match name {
        "iss" => claims.iss.has_value(),
        "sub" => claims.sub.has_value(),
        "aud" => claims.aud.has_value(),
        "exp" => claims.exp.has_value(),
        "nbf" => claims.nbf.has_value(),
        "iat" => claims.iat.has_value(),
        "jti" => claims.jti.has_value(),
        "client_id" => claims.client_id.has_value(),
        _ => claim_lookup::find_value::<IgnoredAny>(payload, name)
            .map_err(|_| ClaimFault::Unreadable(name))?
            .is_some(),
    };
    match is_present {
        true => Ok(()),
        false => Err(ClaimFault::Missing(name)),
    }
}

/// Checks that the claim has one of the accepted values.
pub(crate) fn check_value<'n>(
    name: &'n str,
    accepted: &[String],
    claims: &Claims<'_>,
    payload: &str,
) -> Result<(), ClaimFault<'n>> {
    let is_accepted = |value: &str| accepted.iter().any(|a| a == value);
    let holds = match name {
        // `sub` may be a number. `Claims` has read its digits.
        "sub" => claims.sub.get().map(|subject| is_accepted(&subject.0)),
        _ => claim_lookup::find_value::<TextOrList<'_>>(payload, name)
            .map_err(|_| ClaimFault::Unreadable(name))?
            .map(|value| value.iter().any(is_accepted)),
    };
    match holds.ok_or(ClaimFault::Missing(name))? {
        true => Ok(()),
        false => Err(ClaimFault::NoneOfTheValues(name)),
    }
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
