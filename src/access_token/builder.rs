use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::claim_text::ClaimText;
use super::token::AccessToken;
use super::verified::{DEFAULT_VERIFIER, Verified};
use crate::challenge_config::{ChallengeConfig, PassedGuards};
use crate::clock::Clock;
use crate::credentials::BearerToken;
use crate::json::written_members;
use crate::refusal_slot::RefusalSlot;
use crate::scopes::{Scopes, log_left_out};

/// Builds an [`AccessToken`]; see [`AccessToken::builder`].
///
/// The setters of standard claims also set the claim itself: after `.subject("alice")`,
/// `claim::<String>("sub")` is `alice`.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct AccessTokenBuilder {
    token: BearerToken,
    verified: Verified,
    /// The members that replace those of the claims in `verified`.
    changes: BTreeMap<String, Value>,
    challenge_config: Option<Arc<ChallengeConfig>>,
    refusal_slot: RefusalSlot,
    passed_guards: PassedGuards,
}

impl AccessToken {
    /// Starts a token for a verifier of your own.
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

    /// Starts from this token, to add to it or change it: enrichment behind a verifier.
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
        self.verified.audiences = audiences.into_iter().map(Into::into).collect();
        let claim = self.verified.audiences.clone();
        self.claim("aud", claim)
    }

    /// Sets `scope` from names that are one scope each. Use it for names that are written in code.
    ///
    /// # Panics
    ///
    /// When a name is not a valid scope (RFC 6749 §3.3), such as `read write`, which is two. For names from another service
    /// or a database use [`granted_scopes`](Self::granted_scopes), or [`Scopes::parse`] if an invalid name is an error.
    #[track_caller]
    pub fn scopes<I>(self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.set_scopes(Scopes::configured(scopes))
    }

    /// Sets `scope` from names that come from another service or a database. It never panics.
    ///
    /// A name that is not a valid scope (RFC 6749 §3.3) can match no requirement, so it is left out. The number of such
    /// names is [logged](crate::telemetry) at level `DEBUG`.
    pub fn granted_scopes<I>(self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut left_out = 0;
        let scopes = Scopes::lossy_counted(scopes, &mut left_out);
        log_left_out(left_out);
        self.set_scopes(scopes)
    }

    fn set_scopes(mut self, scopes: Scopes) -> Self {
        let claim = scopes.to_string();
        self.verified.scopes = scopes;
        self.claim("scope", claim)
    }

    /// Sets `exp`, to the second. Without it the token does not expire.
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.verified.expires_at = Some(since_epoch(at));
        self.claim("exp", since_epoch(at).as_secs())
    }

    /// Sets `iat`, to the second.
    pub fn issued_at(mut self, at: SystemTime) -> Self {
        self.verified.issued_at = Some(since_epoch(at));
        self.claim("iat", since_epoch(at).as_secs())
    }

    /// Sets `jti`.
    pub fn jwt_id(mut self, jwt_id: impl Into<String>) -> Self {
        self.verified.jwt_id = Some(self.text_claim("jti", jwt_id.into()));
        self
    }

    /// Sets another claim. Claims that are not set stay as they are, byte for byte. A standard claim that is set this
    /// way changes what [`AccessToken::claim`] finds, but not the values of the token's accessors.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.changes.insert(name.into(), value.into());
        self
    }

    /// Names the verifier, as a part of the [principal](AccessToken::principal): two verifiers that
    /// both know an `alice` then mean two people. Give each verifier of your own a name. Default: `custom`.
    pub fn verifier(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.verified.verifier = name.into();
        self
    }

    /// The clock that [`AccessToken::is_current`] looks at. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.verified.clock = clock;
        self
    }

    /// The finished token.
    pub fn build(mut self) -> AccessToken {
        if !self.changes.is_empty() {
            self.verified.claims = merged(&self.verified.claims, &self.changes);
        }
        AccessToken {
            verified: Arc::new(self.verified),
            token: self.token,
            challenge_config: self.challenge_config,
            refusal_slot: self.refusal_slot,
            passed_guards: self.passed_guards,
        }
    }

    fn text_claim(&mut self, name: &str, value: String) -> ClaimText {
        self.changes.insert(name.into(), value.clone().into());
        value.into()
    }
}

impl fmt::Debug for AccessTokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenBuilder").finish_non_exhaustive()
    }
}

/// The text of the claims, with these members in place of those with the same names.
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

/// Zero for dates before 1970, which JWT dates cannot express here.
fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}
