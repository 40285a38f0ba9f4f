//! How and when the user authenticated (RFC 9068 §2.2.1, RFC 9470 §6), in which session, and for what.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

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

    /// The methods by which the user authenticated: `amr` (RFC 8176), such as `pwd` and `otp`. Empty if the claim is
    /// absent, occurs twice, or is no list of strings.
    ///
    /// It is read from the claims set, as [`acr`](Self::acr) is. What the methods mean together is up to the issuer, so
    /// decide by `acr` if the issuer sets it.
    pub fn amr(&self) -> Vec<String> {
        self.claim("amr").unwrap_or_default()
    }

    /// The session of the user at the issuer: `sid` (OpenID Connect Back-Channel Logout 1.0 §2.1). `None` if the claim is
    /// absent, occurs twice, or is no string. Each call parses the claims set.
    pub fn session_id(&self) -> Option<Cow<'_, str>> {
        self.verified().session_id()
    }

    /// What the token authorizes in detail: `authorization_details` (RFC 9396 §9.1), as a type of your own. Empty if the
    /// claim is absent.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use tower_bearer_auth::AccessToken;
    ///
    /// #[derive(Deserialize)]
    /// #[serde(tag = "type", rename_all = "snake_case")]
    /// enum Detail {
    ///     PaymentInitiation { creditor: String },
    ///     #[serde(other)]
    ///     Other,
    /// }
    ///
    /// fn may_pay(token: &AccessToken, to: &str) -> serde_json::Result<bool> {
    ///     let details: Vec<Detail> = token.authorization_details()?;
    ///     let allows = |detail: &Detail| {
    ///         matches!(detail, Detail::PaymentInitiation { creditor } if creditor == to)
    ///     };
    ///     Ok(details.iter().any(allows))
    /// }
    /// # let claims = r#"{"authorization_details":[{"type":"payment_initiation","creditor":"shop"}]}"#;
    /// # let token = AccessToken::builder("token".parse()?).raw_claims(claims)?.build();
    /// # assert!(may_pay(&token, "shop")? && !may_pay(&token, "other")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Each call parses the claims set.
    ///
    /// # Errors
    ///
    /// If the claim is not a list, occurs twice, or has an entry that does not fit the type. A server must not guess what
    /// such an entry allows.
    pub fn authorization_details<T: DeserializeOwned>(&self) -> serde_json::Result<Vec<T>> {
        let found = claim_lookup::find(self.raw_claims(), "authorization_details");
        found.map(Option::unwrap_or_default)
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
