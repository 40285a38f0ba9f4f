#[cfg(feature = "metrics")]
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::principal::Principal;
use super::verified::{DEFAULT_VERIFIER, Verified};
use crate::challenge_config::{ChallengeConfig, PassedGuards};
use crate::claim_lookup;
use crate::credentials::BearerToken;
use crate::refusal_slot::RefusalSlot;
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
    pub(super) verified: Arc<Verified>,
    pub(super) token: BearerToken,
    pub(super) challenge_config: Option<Arc<ChallengeConfig>>,
    pub(super) refusal_slot: RefusalSlot,
    pub(super) passed_guards: PassedGuards,
}

impl AccessToken {
    pub(crate) fn new(token: BearerToken, verified: Arc<Verified>) -> Self {
        Self {
            verified,
            token,
            challenge_config: None,
            refusal_slot: RefusalSlot::default(),
            passed_guards: PassedGuards::default(),
        }
    }

    /// What was verified, without this request's token.
    pub(crate) fn into_verified(self) -> Arc<Verified> {
        self.verified
    }

    /// Names the verifier, unless the token has a name other than the default one.
    pub(crate) fn name_verifier(&mut self, name: &str) {
        if self.verified.verifier == DEFAULT_VERIFIER {
            Arc::make_mut(&mut self.verified).verifier = name.to_owned().into();
        }
    }

    pub(crate) fn protected_by(
        mut self,
        challenge_config: Arc<ChallengeConfig>,
        refusal_slot: RefusalSlot,
    ) -> Self {
        self.challenge_config = Some(challenge_config);
        self.refusal_slot = refusal_slot;
        self.passed_guards = PassedGuards::default();
        self
    }

    /// Where what is found out late about this request can be said.
    pub(crate) fn refusal_slot(&self) -> &RefusalSlot {
        &self.refusal_slot
    }

    /// Whether a layer put this token into its request.
    pub(crate) fn is_protected(&self) -> bool {
        self.challenge_config.is_some()
    }

    /// The scopes that guards have required. Each guard that the request passes adds its own.
    pub(crate) fn passed_guards_mut(&mut self) -> &mut PassedGuards {
        &mut self.passed_guards
    }

    /// The scopes that the layer and the guards have required so far.
    pub(crate) fn required_so_far(&self) -> Scopes {
        match &self.challenge_config {
            Some(challenge_config) => self.passed_guards.scopes_after(&challenge_config.scopes),
            None => self.passed_guards.scopes_after(&Scopes::default()),
        }
    }

    /// The configuration of the layer in front; the default one, where there is no layer.
    pub(crate) fn shared_challenge_config(&self) -> Arc<ChallengeConfig> {
        self.challenge_config.clone().unwrap_or_default()
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
        match &self.challenge_config {
            Some(challenge_config) => challenge_config.hierarchy.grants(self.scopes(), scope),
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
        self.invalid_reason().is_none()
    }

    /// Why the token no longer counts, if so.
    pub(crate) fn invalid_reason(&self) -> Option<InvalidReason> {
        self.verified.invalid_reason()
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
