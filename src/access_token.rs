//! `AccessToken`: who is calling, as a verifier established it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::bearer::BearerToken;
use crate::claim_lookup;
use crate::clock::Clock;
use crate::key_state::KeyState;
use crate::protection::Protection;
use crate::scopes::Scopes;
use crate::verify_error::InvalidReason;

/// A verified access token.
///
/// [`BearerAuthLayer`](crate::BearerAuthLayer) puts one into the extensions of every request it
/// lets through. Clones share everything and allocate nothing. `Debug` shows who the token is
/// about, never the token itself nor its other claims.
///
/// ```
/// use tower_bearer_auth::AccessToken;
///
/// fn greet(request: &http::Request<()>) -> String {
///     match request.extensions().get::<AccessToken>() {
///         Some(token) => format!("hello {}", token.subject().unwrap_or("stranger")),
///         None => "who are you?".to_owned(),
///     }
/// }
/// # greet(&http::Request::new(()));
/// ```
#[derive(Clone)]
pub struct AccessToken {
    verified: Arc<Verified>,
    token: BearerToken,
    protection: Option<Arc<Protection>>,
}

/// What a verifier established. It does not hold the token.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) verifier: Cow<'static, str>,
    pub(crate) subject: Option<Box<str>>,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) audiences: Vec<String>,
    pub(crate) scopes: Scopes,
    pub(crate) jwt_id: Option<Box<str>>,
    /// Since 1970, as all dates here.
    pub(crate) expires_at: Option<Duration>,
    pub(crate) issued_at: Option<Duration>,
    /// How long after its expiry the token still counts.
    pub(crate) leeway: Duration,
    pub(crate) clock: Clock,
    /// The state of the key that signed the token, where one did.
    pub(crate) key: Option<Arc<KeyState>>,
    /// The claims set: a JSON object.
    pub(crate) claims: Box<str>,
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
        AccessTokenBuilder {
            token,
            protection: None,
            claims: Map::new(),
            verified: Verified {
                verifier: Cow::Borrowed("custom"),
                subject: None,
                client_id: None,
                issuer: None,
                audiences: Vec::new(),
                scopes: Scopes::default(),
                jwt_id: None,
                expires_at: None,
                issued_at: None,
                leeway: Duration::ZERO,
                clock: Clock::system(),
                key: None,
                claims: "{}".into(),
            },
        }
    }

    /// Starts from this token, to add to it or change it: enrichment behind a verifier.
    pub fn to_builder(&self) -> AccessTokenBuilder {
        AccessTokenBuilder {
            token: self.token.clone(),
            protection: self.protection.clone(),
            claims: self.claims().unwrap_or_default(),
            verified: Verified::clone(&self.verified),
        }
    }

    pub(crate) fn new(token: BearerToken, verified: Arc<Verified>) -> Self {
        Self {
            verified,
            token,
            protection: None,
        }
    }

    /// What was verified, without this request's token.
    pub(crate) fn into_verified(self) -> Arc<Verified> {
        self.verified
    }

    pub(crate) fn protected_by(mut self, protection: Arc<Protection>) -> Self {
        self.protection = Some(protection);
        self
    }

    /// The configuration of the layer in front; the default one, where there is no layer.
    pub(crate) fn shared_protection(&self) -> Arc<Protection> {
        self.protection.clone().unwrap_or_default()
    }

    /// The token as the client sent it.
    pub fn token(&self) -> &BearerToken {
        &self.token
    }

    /// Who the token is about: `sub`. A user, or the client itself.
    pub fn subject(&self) -> Option<&str> {
        self.verified.subject.as_deref()
    }

    /// The client the token was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.verified.client_id.as_deref()
    }

    /// Who issued the token: `iss`, as it stands there.
    pub fn issuer(&self) -> Option<&str> {
        self.verified.issuer.as_deref()
    }

    /// Who the token is meant for: `aud`, as a list.
    pub fn audiences(&self) -> &[String] {
        &self.verified.audiences
    }

    /// What the token allows, as it says itself, without what a
    /// [`ScopeHierarchy`](crate::ScopeHierarchy) adds.
    pub fn scopes(&self) -> &Scopes {
        &self.verified.scopes
    }

    /// Whether the token has `scope`, by name or by the layer's
    /// [`ScopeHierarchy`](crate::ScopeHierarchy).
    pub fn has_scope(&self, scope: &str) -> bool {
        match &self.protection {
            Some(protection) => protection.hierarchy.grants(self.scopes(), scope),
            None => self.scopes().contains(scope),
        }
    }

    /// When the token expires: `exp`, without leeway.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.verified.expires_at.map(system_time)
    }

    /// When the token was issued: `iat`.
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.verified.issued_at.map(system_time)
    }

    /// The token's own identifier: `jti`.
    pub fn jwt_id(&self) -> Option<&str> {
        self.verified.jwt_id.as_deref()
    }

    /// The claim called `name`, parsed now.
    ///
    /// A name is taken literally (`https://example.com/roles`), except that one that starts with
    /// `/` is a JSON Pointer (RFC 6901) into the claims set (`/realm_access/roles`). A claim that is
    /// absent, occurs twice or is no `T` is `None`.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        claim_lookup::find(self.raw_claims(), name).ok().flatten()
    }

    /// The whole claims set as a type of your own, which may borrow from it.
    ///
    /// # Errors
    ///
    /// When the claims do not fit the type.
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(self.raw_claims())
    }

    /// The claims set as JSON: a JWT's payload to the byte, or what the verifier put together.
    pub fn raw_claims(&self) -> &str {
        &self.verified.claims
    }

    /// Who is calling, in a form that can be compared between requests: the same for every token
    /// that the same client gets for the same subject from the same issuer.
    ///
    /// `None` when the token names neither a subject nor a client.
    pub fn principal(&self) -> Option<Principal> {
        if self.subject().is_none() && self.client_id().is_none() {
            return None;
        }
        let verified = &*self.verified;
        Some(Principal {
            verifier: verified.verifier.as_ref().into(),
            issuer: verified.issuer.clone(),
            subject: verified.subject.clone(),
            client_id: verified.client_id.clone(),
        })
    }

    /// Whether the token still counts: it has not expired since it was verified, by the verifier's
    /// own clock and leeway, and the key that signed it has not been withdrawn. For long-running work
    /// and open streams.
    pub fn is_current(&self) -> bool {
        self.lapsed().is_none()
    }

    /// Why the token no longer counts, if so.
    pub(crate) fn lapsed(&self) -> Option<InvalidReason> {
        let verified = &*self.verified;
        if verified.key.as_ref().is_some_and(|key| key.is_withdrawn()) {
            return Some(InvalidReason::Revoked);
        }
        let end = verified.expires_at?.saturating_add(verified.leeway);
        (verified.clock.since_epoch() >= end).then_some(InvalidReason::Expired)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("issuer", &self.issuer())
            .field("audiences", &self.audiences())
            .field("scopes", self.scopes())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

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
}

impl AccessTokenBuilder {
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

    /// Sets another claim.
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
        self.verified.claims = Value::Object(self.claims).to_string().into();
        AccessToken {
            verified: Arc::new(self.verified),
            token: self.token,
            protection: self.protection,
        }
    }

    fn text_claim(&mut self, name: &str, value: String) -> Box<str> {
        self.claims.insert(name.into(), value.clone().into());
        value.into()
    }
}

impl fmt::Debug for AccessTokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenBuilder").finish_non_exhaustive()
    }
}

/// Who is calling: the verifier that vouched, the issuer, the subject and the client.
///
/// Equal for two tokens of the same caller, whichever of its tokens it uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    verifier: Box<str>,
    issuer: Option<Box<str>>,
    subject: Option<Box<str>>,
    client_id: Option<Box<str>>,
}

impl Principal {
    /// The principal as bytes that no other principal shares: each part with its length in front,
    /// so that nothing can be moved from one part into the next.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let parts = [
            Some(&self.verifier),
            self.issuer.as_ref(),
            self.subject.as_ref(),
            self.client_id.as_ref(),
        ];
        for part in parts {
            match part {
                None => bytes.push(0),
                Some(text) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        bytes
    }
}

fn system_time(since_epoch: Duration) -> SystemTime {
    UNIX_EPOCH + since_epoch
}

/// Zero for dates before 1970, which JWT dates cannot express here.
fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn builder() -> AccessTokenBuilder {
        AccessToken::builder("secret-token".parse().unwrap())
    }

    #[test]
    fn debug_shows_neither_the_token_nor_its_private_claims() {
        let token = builder()
            .subject("alice")
            .claim("email", "a@example.com")
            .build();
        let shown = format!("{token:?} {:?} {:?}", token.to_builder(), token.token());
        assert!(shown.contains("alice"));
        assert!(
            !shown.contains("secret-token") && !shown.contains("example.com"),
            "{shown}"
        );
    }

    #[test]
    fn setters_and_claims_agree() {
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let token = builder()
            .subject("alice")
            .client_id("cli")
            .issuer("https://issuer")
            .audiences(["a", "b"])
            .scopes(["read", "not a scope"])
            .issued_at(at)
            .expires_at(at)
            .jwt_id("id-1")
            .claim("nested", json!({"roles": ["x"]}))
            .build();
        let expected = json!({
            "sub": "alice", "client_id": "cli", "iss": "https://issuer", "aud": ["a", "b"],
            "scope": "read", "iat": 1_700_000_000, "exp": 1_700_000_000, "jti": "id-1",
            "nested": {"roles": ["x"]},
        });
        assert_eq!(token.claims::<Value>().unwrap(), expected);
        assert_eq!(
            token.claim::<Vec<String>>("/nested/roles"),
            Some(vec!["x".into()])
        );
        assert_eq!(token.claim::<u64>("sub"), None);
        assert_eq!(token.expires_at(), Some(at));
        assert_eq!(token.audiences(), ["a", "b"]);
    }

    #[test]
    fn enrichment_keeps_what_it_does_not_touch() {
        let token = builder().subject("alice").claim("plan", "gold").build();
        let richer = token.to_builder().scopes(["read"]).build();
        assert_eq!(richer.subject(), Some("alice"));
        assert_eq!(richer.claim::<String>("plan").as_deref(), Some("gold"));
        assert!(richer.has_scope("read") && !token.has_scope("read"));
        assert_eq!(richer.principal(), token.principal());
    }

    #[test]
    fn a_token_stops_being_current_when_it_expires() {
        let clock = Clock::manual(UNIX_EPOCH);
        let token = builder()
            .clock(clock.clone())
            .expires_at(UNIX_EPOCH + Duration::from_secs(10))
            .build();
        assert!(token.is_current());
        clock.advance(Duration::from_secs(9));
        assert!(token.is_current());
        clock.advance(Duration::from_secs(1));
        assert!(!token.is_current());
        assert!(builder().build().is_current());
    }

    #[test]
    fn a_principal_cannot_be_shifted_between_its_parts() {
        let one = builder().subject("ab").client_id("c").build();
        let other = builder().subject("a").client_id("bc").build();
        let (one, other) = (one.principal().unwrap(), other.principal().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.to_bytes(), other.to_bytes());
        assert_eq!(builder().issuer("https://issuer").build().principal(), None);
        let named = builder()
            .verifier("keys")
            .subject("ab")
            .client_id("c")
            .build();
        assert_ne!(named.principal().unwrap().to_bytes(), one.to_bytes());
    }
}
