use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::MapAccess;
use serde_json::Value;

use super::claim_text::ClaimText;
use super::confirmation::Confirmations;
use super::invalid_claims::InvalidClaims;
use super::token::AccessToken;
use super::verified::{DEFAULT_VERIFIER, Verified};
use crate::challenge_config::{ChallengeConfig, PassedGuards};
use crate::clock::Clock;
use crate::credentials::{BearerToken, Scheme};
use crate::json::{Object, parse_object, written_members};
use crate::refusal_slot::RefusalSlot;
use crate::scopes::{Scopes, log_left_out};

/// Builds an [`AccessToken`], for verifiers of your own and for tests; see [`AccessToken::builder`].
///
/// The setters of standard claims also set the claim: after `.subject("alice")`, `claim::<String>("sub")` is `alice`. The
/// reverse is not true: [`claim`](Self::claim), [`claims`](Self::claims) and [`raw_claims`](Self::raw_claims) change no
/// accessor, except for [`AccessToken::acr`] and [`AccessToken::auth_time`], which read the claims. So a token expires
/// only if [`expires_at`](Self::expires_at) was called.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct AccessTokenBuilder {
    token: BearerToken,
    /// Its texts do not depend on its claims.
    verified: Verified,
    /// The members that replace those of the claims in `verified`.
    changes: BTreeMap<String, Value>,
    challenge_config: Option<Arc<ChallengeConfig>>,
    refusal_slot: RefusalSlot,
    passed_guards: PassedGuards,
    scheme: Scheme,
}

impl AccessToken {
    /// Starts a token, in a verifier of your own. To change a token that another verifier has made, use
    /// [`to_builder`](Self::to_builder): a layer refuses a token that has lost the key that it is bound to.
    ///
    /// ```
    /// use tower_bearer_auth::{AccessToken, BearerToken};
    ///
    /// let token: BearerToken = "opaque-key-1".parse()?;
    /// let access_token = AccessToken::builder(token)
    ///     .subject("alice")
    ///     .client_id("reports")
    ///     .scopes(["read"])
    ///     .claim("plan", "gold")
    ///     .build();
    /// assert!(access_token.has_scope("read"));
    /// assert_eq!(access_token.claim::<String>("plan").as_deref(), Some("gold"));
    /// # Ok::<(), tower_bearer_auth::InvalidBearerToken>(())
    /// ```
    pub fn builder(token: BearerToken) -> AccessTokenBuilder {
        AccessTokenBuilder::new(token)
    }

    /// Starts from this token, to change it or add to it, such as in a middleware behind the layer.
    pub fn to_builder(&self) -> AccessTokenBuilder {
        AccessTokenBuilder::from_token(self)
    }
}

impl AccessTokenBuilder {
    pub(super) fn new(token: BearerToken) -> Self {
        Self {
            token,
            challenge_config: None,
            refusal_slot: RefusalSlot::default(),
            changes: BTreeMap::new(),
            passed_guards: PassedGuards::default(),
            scheme: Scheme::default(),
            verified: Verified {
                verifier: Cow::Borrowed(DEFAULT_VERIFIER),
                claims: "{}".to_owned(),
                ..Verified::default()
            },
        }
    }

    pub(super) fn from_token(token: &AccessToken) -> Self {
        Self {
            token: token.token.clone(),
            challenge_config: token.challenge_config.clone(),
            refusal_slot: token.refusal_slot.clone(),
            changes: BTreeMap::new(),
            passed_guards: token.passed_guards.clone(),
            scheme: token.scheme,
            verified: token.verified.detached(),
        }
    }

    /// Sets `sub`.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.verified.subject = Some(self.text_claim("sub", subject.into()));
        self
    }

    /// Sets `client_id`.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.verified.client_id = Some(self.text_claim("client_id", client_id.into()));
        self
    }

    /// Sets `iss`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.verified.issuer = Some(self.text_claim("iss", issuer.into()));
        self
    }

    /// Sets `aud` to one audience.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.audiences([audience])
    }

    /// Sets `aud`.
    pub fn audiences<I>(mut self, audiences: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        let audiences: Vec<String> = audiences.into_iter().map(Into::into).collect();
        let texts = audiences.iter().cloned().map(ClaimText::from);
        self.verified.audiences = texts.collect();
        self.claim("aud", audiences)
    }

    /// Sets `scope` from names that are one scope each, and are written in code.
    ///
    /// For names from another service or a database, use [`granted_scopes`](Self::granted_scopes), or
    /// [`scope_set`](Self::scope_set) if an invalid name is an error.
    ///
    /// # Panics
    ///
    /// If a name is not a scope (RFC 6749 §3.3), such as `read write`, which is two.
    #[track_caller]
    pub fn scopes<I>(self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.scope_set(Scopes::configured(scopes))
    }

    /// Sets `scope` from names that come from another service or a database. It never panics.
    ///
    /// A name that is not a scope (RFC 6749 §3.3) can match no requirement, so it is left out. The number of such names is
    /// [logged](crate::telemetry) at level `DEBUG`.
    pub fn granted_scopes<I>(self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut left_out = 0;
        let scopes = Scopes::lossy_counted(scopes, &mut left_out);
        log_left_out(left_out);
        self.scope_set(scopes)
    }

    /// Sets `scope` to a set that was parsed before.
    ///
    /// ```
    /// use tower_bearer_auth::{AccessToken, BearerToken, InvalidScope, Scopes};
    ///
    /// fn verified(token: BearerToken, scope_column: &str) -> Result<AccessToken, InvalidScope> {
    ///     let scopes = Scopes::parse(scope_column)?;
    ///     Ok(AccessToken::builder(token).scope_set(scopes).build())
    /// }
    /// # assert!(verified("any".parse().unwrap(), "read write").unwrap().has_scope("write"));
    /// ```
    pub fn scope_set(mut self, scopes: Scopes) -> Self {
        let claim = scopes.to_string();
        self.verified.scopes = scopes;
        self.claim("scope", claim)
    }

    /// Sets the expiry, and the claim `exp`, which is rounded down to seconds. Without it, the token does not expire.
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.verified.expires_at = Some(since_epoch(at));
        self.claim("exp", since_epoch(at).as_secs())
    }

    /// Sets the time of issue, and the claim `iat`, which is rounded down to seconds.
    pub fn issued_at(mut self, at: SystemTime) -> Self {
        self.verified.issued_at = Some(since_epoch(at));
        self.claim("iat", since_epoch(at).as_secs())
    }

    /// Sets `jti`.
    pub fn jwt_id(mut self, jwt_id: impl Into<String>) -> Self {
        self.verified.jwt_id = Some(self.text_claim("jti", jwt_id.into()));
        self
    }

    /// Sets how long the token stays valid after [`expires_at`](Self::expires_at), to allow for clocks that differ.
    /// Default: zero.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.verified.leeway = leeway;
        self
    }

    /// Sets another claim. Claims that are not set stay as they are, byte for byte. A standard claim that is set this way
    /// changes what [`AccessToken::claim`] finds, but not the values of the token's accessors.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.changes.insert(name.into(), value.into());
        self
    }

    /// Sets several claims, such as those of a `serde_json::Map`. It is the same as a call of [`claim`](Self::claim) for
    /// each.
    pub fn claims<I, N, V>(self, claims: I) -> Self
    where
        I: IntoIterator<Item = (N, V)>,
        N: Into<String>,
        V: Into<Value>,
    {
        claims
            .into_iter()
            .fold(self, |builder, (name, value)| builder.claim(name, value))
    }

    /// Sets the text of the claims set, which must be a JSON object, such as the payload of a token. The claims that this
    /// builder sets, before or after, replace those of the text. All others stay as they are, byte for byte.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use tower_bearer_auth::{AccessToken, BearerToken, InvalidClaims};
    ///
    /// fn verified(token: BearerToken, payload: &str) -> Result<AccessToken, InvalidClaims> {
    ///     let builder = AccessToken::builder(token).raw_claims(payload)?;
    ///     // The accessors of the token come from these setters only.
    ///     let expiry = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    ///     Ok(builder.subject("alice").expires_at(expiry).build())
    /// }
    /// # let token = verified("any".parse().unwrap(), r#"{"plan":"gold"}"#).unwrap();
    /// # assert_eq!(token.claim::<String>("plan").as_deref(), Some("gold"));
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is not a JSON object, has a member twice or more than 256 members (a verifier accepts 256 besides those that it reads), or is not read the same by every
    /// parser: nested deeper than 32 levels, with a lone surrogate, or with a number out of range.
    pub fn raw_claims(mut self, json: impl Into<String>) -> Result<Self, InvalidClaims> {
        let json = json.into();
        let AnyClaims = parse_object(&json).map_err(InvalidClaims::of)?;
        self.verified.claims = json;
        Ok(self)
    }

    /// Sets the name of the verifier. It is part of the [principal](AccessToken::principal), so that the `alice` of one
    /// verifier is not that of another. Give each verifier of your own a name. Default: `custom`.
    pub fn verifier(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.verified.verifier = name.into();
        self
    }

    /// Sets the clock by which the token expires. Default: that of the system.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.verified.clock = clock;
        self
    }

    /// Builds the token.
    pub fn build(mut self) -> AccessToken {
        if !self.changes.is_empty() {
            self.verified.claims = merged(&self.verified.claims, &self.changes);
        }
        // Read from the final claims, because several methods can set `cnf`.
        self.verified.confirmations = Confirmations::of_claims(&self.verified.claims);
        if self.verified.needs_confirmation() {
            self.token.record_bound();
        }
        AccessToken {
            verified: Arc::new(self.verified),
            token: self.token,
            challenge_config: self.challenge_config,
            refusal_slot: self.refusal_slot,
            passed_guards: self.passed_guards,
            scheme: self.scheme,
        }
    }

    fn text_claim(&mut self, name: &str, value: String) -> ClaimText {
        self.changes.insert(name.into(), value.clone().into());
        value.into()
    }
}

/// Any claims set. It uses no member, so all are checked by the rules of [`parse_object`].
#[derive(Default)]
struct AnyClaims;

impl<'de> Object<'de> for AnyClaims {
    const MEMBERS: &'static [&'static str] = &[];

    fn read<A: MapAccess<'de>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}

impl fmt::Debug for AccessTokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenBuilder").finish_non_exhaustive()
    }
}

/// The text of the claims. These members replace those with the same names.
///
/// Other members are copied verbatim: they may be nested deeper than serde_json parses, or contain digits that a parsed
/// number would lose.
fn merged(claims: &str, changes: &BTreeMap<String, Value>) -> String {
    let kept = written_members(claims)
        .filter(|member| !changes.contains_key(&*member.name))
        .map(|member| claims[member.range].to_owned());
    let changed = changes
        .iter()
        .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
    let members: Vec<_> = kept.chain(changed).collect();
    format!("{{{}}}", members.join(","))
}

/// Zero for dates before 1970, for which this crate has no JWT date.
fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}
