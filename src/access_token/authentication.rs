//! How and when the user authenticated (RFC 9068 §2.2.1, RFC 9470 §6).

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use super::token::{AccessToken, system_time};
use crate::authentication_requirement::AuthenticationRequirement;
use crate::claim_lookup;
use crate::json::{NumericDate, Text};

impl AccessToken {
    /// How the user authenticated: `acr`, the authentication context class reference (RFC 9068 §2.2.1). `None` if the
    /// claim is absent, occurs twice, or is no string.
    ///
    /// It is read from the claims set, so [`AccessTokenBuilder::claim`](crate::AccessTokenBuilder::claim) sets it. Each
    /// call parses the claims set. To require a value, use [`require_authentication`](Self::require_authentication).
    pub fn acr(&self) -> Option<Cow<'_, str>> {
        let found = claim_lookup::find::<Text<'_>>(self.raw_claims(), "acr");
        found.ok().flatten().map(|Text(acr)| acr)
    }

    /// When the user authenticated: `auth_time` (RFC 9068 §2.2.1). `None` if the claim is absent, occurs twice, or is
    /// no number of seconds in the years 1970 to 9999.
    ///
    /// It is read from the claims set, as [`acr`](Self::acr) is.
    pub fn auth_time(&self) -> Option<SystemTime> {
        self.authenticated_at().map(system_time)
    }

    /// Since 1970.
    fn authenticated_at(&self) -> Option<Duration> {
        let found = claim_lookup::find::<NumericDate>(self.raw_claims(), "auth_time");
        found.ok().flatten().map(|NumericDate(date)| date)
    }
}

impl AuthenticationRequirement {
    /// Whether the user of this token has authenticated as required, by the clock of the token's verifier. It records
    /// no decision, unlike [`AccessToken::require_authentication`].
    pub fn is_met_by(&self, token: &AccessToken) -> bool {
        self.is_met_with(
            || token.acr(),
            || token.authenticated_at(),
            || token.verified().clock.since_epoch(),
        )
    }
}
