use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::{AccessToken, Part, Verified};
use crate::bearer::BearerToken;
use crate::clock::Clock;
use crate::late_refusal::LateRefusal;
use crate::protection::{PassedGuards, Protection};
use crate::scopes::Scopes;

/// Builds an [`AccessToken`]; see [`AccessToken::builder`].
///
/// The setters of standard claims also set the claim itself: after `.subject("alice")`,
/// `claim::<String>("sub")` is `alice`.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct AccessTokenBuilder {
    token: BearerToken,
    verified: Verified,
    claims: Map<String, Value>,
    protection: Option<Arc<Protection>>,
    late_refusal: LateRefusal,
    passed_guards: PassedGuards,
}

impl AccessTokenBuilder {
    pub(super) fn new(token: BearerToken) -> Self {
        Self {
            token,
            protection: None,
            late_refusal: LateRefusal::default(),
            passed_guards: PassedGuards::default(),
            claims: Map::new(),
            verified: Verified {
                verifier: Cow::Borrowed("custom"),
                ..Verified::default()
            },
        }
    }

    pub(super) fn from_token(token: &AccessToken) -> Self {
        Self {
            token: token.token.clone(),
            protection: token.protection.clone(),
            late_refusal: token.late_refusal.clone(),
            passed_guards: token.passed_guards.clone(),
            // Verifiers refuse what cannot be read, so there is nothing to lose here.
            claims: token.claims().unwrap_or_default(),
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

    /// Sets `scope`. A name that is not a scope (RFC 6749 §3.3) can match no requirement and is
    /// left out.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.verified.scopes = Scopes::lossy(scopes);
        let claim = self.verified.scopes.to_string();
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

    /// Sets another claim. A standard one set this way changes what [`AccessToken::claim`] finds, not
    /// what the token's accessors say.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Names the verifier, as a part of the [principal](AccessToken::principal): two verifiers that
    /// both know an `alice` then mean two people. Default: `custom`.
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
        self.verified.claims = Value::Object(self.claims).to_string();
        AccessToken {
            verified: Arc::new(self.verified),
            token: self.token,
            protection: self.protection,
            late_refusal: self.late_refusal,
            passed_guards: self.passed_guards,
        }
    }

    fn text_claim(&mut self, name: &str, value: String) -> Part {
        self.claims.insert(name.into(), value.clone().into());
        value.into()
    }
}

impl fmt::Debug for AccessTokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenBuilder").finish_non_exhaustive()
    }
}

/// Zero for dates before 1970, which JWT dates cannot express here.
fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}
