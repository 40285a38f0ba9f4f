//! `AccessToken`: who is calling, as a verifier established it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bearer::BearerToken;
use crate::claim_lookup;
use crate::clock::Clock;
use crate::key_state::KeyState;
use crate::late_refusal::LateRefusal;
use crate::protection::{PassedGuards, Protection};
use crate::scopes::Scopes;
use crate::verify_error::InvalidReason;

mod builder;
mod lapse;
mod part;
mod principal;

pub use self::builder::AccessTokenBuilder;
pub(crate) use self::lapse::Lapse;
pub(crate) use self::part::Part;
pub use self::principal::Principal;

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
    late_refusal: LateRefusal,
    passed_guards: PassedGuards,
}

/// What a verifier established. It does not hold the token.
#[derive(Clone, Default)]
pub(crate) struct Verified {
    /// The verifier's name.
    pub(crate) verifier: Cow<'static, str>,
    /// Distinguishes the verifier's principals if neither its name nor an issuer does. It is part of [`Principal`] and
    /// never shown.
    pub(crate) authority: Option<Arc<str>>,
    pub(crate) subject: Option<Part>,
    pub(crate) client_id: Option<Part>,
    pub(crate) issuer: Option<Part>,
    pub(crate) audiences: Vec<String>,
    pub(crate) scopes: Scopes,
    pub(crate) jwt_id: Option<Part>,
    /// Since 1970, as all dates here.
    pub(crate) expires_at: Option<Duration>,
    pub(crate) issued_at: Option<Duration>,
    /// How long after its expiry the token still counts.
    pub(crate) leeway: Duration,
    pub(crate) clock: Clock,
    /// The state of the key that signed the token, where one did.
    pub(crate) key: Option<Arc<KeyState>>,
    /// The claims set: a JSON object, which the parts are in.
    pub(crate) claims: String,
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

    pub(crate) fn new(token: BearerToken, verified: Arc<Verified>) -> Self {
        Self {
            verified,
            token,
            protection: None,
            late_refusal: LateRefusal::default(),
            passed_guards: PassedGuards::default(),
        }
    }

    /// What was verified, without this request's token.
    pub(crate) fn into_verified(self) -> Arc<Verified> {
        self.verified
    }

    pub(crate) fn protected_by(
        mut self,
        protection: Arc<Protection>,
        late_refusal: LateRefusal,
    ) -> Self {
        self.protection = Some(protection);
        self.late_refusal = late_refusal;
        self.passed_guards = PassedGuards::default();
        self
    }

    /// Where what is found out late about this request can be said.
    pub(crate) fn late_refusal(&self) -> &LateRefusal {
        &self.late_refusal
    }

    /// Whether a layer put this token into its request.
    pub(crate) fn is_protected(&self) -> bool {
        self.protection.is_some()
    }

    /// The scopes that guards have required. Each guard that the request passes adds its own.
    pub(crate) fn passed_guards_mut(&mut self) -> &mut PassedGuards {
        &mut self.passed_guards
    }

    /// The scopes that the layer and the guards have required so far.
    pub(crate) fn required_so_far(&self) -> Scopes {
        match &self.protection {
            Some(protection) => self.passed_guards.scopes_after(&protection.scopes),
            None => self.passed_guards.scopes_after(&Scopes::default()),
        }
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
        self.verified.text(&self.verified.subject)
    }

    /// The client the token was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.verified.text(&self.verified.client_id)
    }

    /// Who issued the token: `iss`, as it stands there.
    pub fn issuer(&self) -> Option<&str> {
        self.verified.text(&self.verified.issuer)
    }

    /// Who the token is meant for: `aud`, as a list.
    pub fn audiences(&self) -> &[String] {
        &self.verified.audiences
    }

    /// What the token allows, in both forms where the verifier has a
    /// [`scope_prefix`](crate::JwtVerifierBuilder::scope_prefix), and without what a
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
        self.verified.text(&self.verified.jwt_id)
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

    /// The name of the verifier that vouched for the token: what its `name(..)` was set to, such as
    /// [`JwtVerifierBuilder::name`](crate::JwtVerifierBuilder::name); by default `jwt`, `static` or
    /// `introspection` with its endpoint; or the [name](AccessTokenBuilder::verifier) of a verifier of your
    /// own.
    pub fn verifier(&self) -> &str {
        &self.verified.verifier
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn verifier_name(&self) -> Cow<'static, str> {
        self.verified.verifier.clone()
    }

    /// Who is calling, in a form that can be compared between requests: the same for every token
    /// that the same client gets for the same subject from the same issuer.
    ///
    /// Principals of verifiers with different [names](Self::verifier) are never equal, nor are those of
    /// JWT verifiers that check the issuer and accept different ones. Two verifiers of another kind
    /// need names of their own, unless a subject is the same for both.
    ///
    /// `None` when the token names neither a subject nor a client.
    pub fn principal(&self) -> Option<Principal> {
        if self.subject().is_none() && self.client_id().is_none() {
            return None;
        }
        let verified = &*self.verified;
        Some(Principal::of(verified))
    }

    /// Whether the token still counts: it has not expired since it was verified, by the verifier's
    /// own clock and leeway, and the key that signed it has not been withdrawn. For long-running work
    /// and open streams.
    pub fn is_current(&self) -> bool {
        self.lapsed().is_none()
    }

    /// Why the token no longer counts, if so.
    pub(crate) fn lapsed(&self) -> Option<InvalidReason> {
        self.verified.lapsed()
    }
}

impl Verified {
    fn text<'a>(&'a self, part: &'a Option<Part>) -> Option<&'a str> {
        part.as_ref().map(|part| part.text(&self.claims))
    }

    /// The same, for somebody who is going to write the claims set anew.
    fn detached(&self) -> Self {
        let detach = |part: &Option<Part>| part.as_ref().map(|part| part.detached(&self.claims));
        Self {
            subject: detach(&self.subject),
            client_id: detach(&self.client_id),
            issuer: detach(&self.issuer),
            jwt_id: detach(&self.jwt_id),
            ..self.clone()
        }
    }

    fn lapsed(&self) -> Option<InvalidReason> {
        if self.key.as_ref().is_some_and(|key| key.is_withdrawn()) {
            return Some(InvalidReason::Revoked);
        }
        let end = self.expires_at?.saturating_add(self.leeway);
        (self.clock.since_epoch() >= end).then_some(InvalidReason::Expired)
    }

    /// Whether somebody who remembers this may go on without asking again.
    #[cfg(feature = "cache")]
    pub(crate) fn is_servable(&self) -> bool {
        let is_refresh_due = self.key.as_ref().is_some_and(|key| key.is_refresh_due());
        !is_refresh_due && self.lapsed().is_none()
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

fn system_time(since_epoch: Duration) -> SystemTime {
    UNIX_EPOCH + since_epoch
}

#[cfg(test)]
mod tests;
