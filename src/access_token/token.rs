#[cfg(feature = "metrics")]
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::confirmation::{Confirmation, Confirmations};
use super::principal::Principal;
use super::verified::{DEFAULT_VERIFIER, Verified};
use crate::authentication_requirement::AuthenticationRequirement;
use crate::challenge_config::{ChallengeConfig, PassedGuards};
use crate::claim_lookup;
use crate::credentials::{BearerToken, PossessionMark, Scheme};
use crate::refusal_slot::RefusalSlot;
use crate::scopes::Scopes;
use crate::telemetry::VERIFICATION;
use crate::verify_error::{InvalidReason, VerifyErrorKind};

/// A verified access token.
///
/// [`BearerAuthLayer`](crate::BearerAuthLayer) inserts it into the extensions of every request with a good token. axum
/// handlers and rmcp tools can take it as a parameter. Verifiers make it with a [builder](Self::builder).
///
/// Clones share the claims and allocate nothing. `Debug` shows the subject, the client and other standard claims, but
/// never the token itself and no private claim.
///
/// ```
/// use tower_bearer_auth::AccessToken;
///
/// fn greet(request: &http::Request<()>) -> String {
///     match request.extensions().get::<AccessToken>() {
///         Some(token) => format!("hello {}", token.subject().unwrap_or("client")),
///         None => "hello".to_owned(),
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
    /// The scheme in which the request sent the token.
    pub(super) scheme: Scheme,
}

impl AccessToken {
    pub(crate) fn new(token: BearerToken, verified: Arc<Verified>) -> Self {
        if verified.needs_confirmation() {
            token.record_bound();
        }
        Self {
            verified,
            token,
            challenge_config: None,
            refusal_slot: RefusalSlot::default(),
            passed_guards: PassedGuards::default(),
            scheme: Scheme::default(),
        }
    }

    pub(crate) fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The result of the verification, without the token of this request.
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
        scheme: Scheme,
    ) -> Self {
        self.scheme = scheme;
        self.challenge_config = Some(challenge_config);
        self.refusal_slot = refusal_slot;
        self.passed_guards = PassedGuards::default();
        self
    }

    /// Where a tool requests that the layer refuses the request.
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

    /// The configuration of the layer in front.
    #[cfg(feature = "mcp")]
    pub(crate) fn challenge_config(&self) -> Option<&ChallengeConfig> {
        self.challenge_config.as_deref()
    }

    /// The authentication of the user that guards have required so far.
    pub(crate) fn required_authentication_so_far(&self) -> Option<Arc<AuthenticationRequirement>> {
        self.passed_guards.authentication()
    }

    /// The configuration of the layer in front, or the default one without a layer.
    pub(crate) fn shared_challenge_config(&self) -> Arc<ChallengeConfig> {
        self.challenge_config.clone().unwrap_or_default()
    }

    /// The scheme in which the request sent the token, for challenges.
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The keys that the token is bound to, in the form for the checks of a layer.
    pub(crate) fn bound_to(&self) -> Option<&Confirmations> {
        self.verified.confirmations.as_deref()
    }

    /// Refuses this token if it names no key, although a verifier has recorded a key. A verifier that wraps another one
    /// has then dropped `cnf`, and the token would pass without a proof.
    pub(crate) fn check_still_bound(&self, mark: &PossessionMark) -> Result<(), InvalidReason> {
        if !mark.is_bound() || self.bound_to().is_some() {
            return Ok(());
        }
        tracing::debug!(
            target: VERIFICATION,
            verifier = self.verifier(),
            "a verifier has dropped the claim cnf of a bound token: use AccessToken::to_builder"
        );
        Err(InvalidReason::BoundToKey)
    }

    /// Whether the verifier accepts a bound token without a proof that its sender has the key.
    pub(crate) fn waives_confirmation(&self) -> bool {
        self.verified.waives_confirmation
    }

    /// The token as the client sent it.
    pub fn token(&self) -> &BearerToken {
        &self.token
    }

    /// The subject: `sub`. It is a user, or the client itself.
    pub fn subject(&self) -> Option<&str> {
        self.verified.subject()
    }

    /// The client that the token was issued to: `client_id`, or the claim that the verifier is configured to read.
    pub fn client_id(&self) -> Option<&str> {
        self.verified.client_id()
    }

    /// The issuer: `iss`, spelled as in the token.
    pub fn issuer(&self) -> Option<&str> {
        self.verified.issuer()
    }

    /// The audiences: `aud`, in order. A single text is one audience.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.verified.audiences()
    }

    /// The scopes of the token. If the verifier has a [`scope_prefix`](crate::JwtVerifierBuilder::scope_prefix), they are
    /// listed with and without it. Scopes that a [`ScopeHierarchy`](crate::ScopeHierarchy) implies are not included.
    pub fn scopes(&self) -> &Scopes {
        &self.verified.scopes
    }

    /// Whether the token has `scope`, by name or through the layer's [`ScopeHierarchy`](crate::ScopeHierarchy). `false`
    /// for a name that is not a scope.
    ///
    /// To refuse the request, use [`require_scopes`](Self::require_scopes), which records the decision.
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

    /// The ID of the token: `jti`.
    pub fn jwt_id(&self) -> Option<&str> {
        self.verified.jwt_id()
    }

    /// The keys that the token is bound to (`cnf`, RFC 7800). None for a bearer token.
    ///
    /// A layer accepts such a token only if the sender has proved that it has each of these keys, or if the verifier
    /// waives the proof; see [`possession`](crate::possession).
    pub fn confirmations(&self) -> impl Iterator<Item = Confirmation<'_>> {
        self.bound_to().into_iter().flat_map(Confirmations::iter)
    }

    /// Parses the claim called `name`. `None` if it is absent, occurs twice, or does not fit the type.
    ///
    /// A name is taken literally (`https://example.com/roles`). A name that starts with `/` is a JSON Pointer (RFC 6901)
    /// into the claims set (`/realm_access/roles`).
    ///
    /// Each call parses the claims set. For several claims, use [`claims`](Self::claims).
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        claim_lookup::find(self.raw_claims(), name).ok().flatten()
    }

    /// Parses the claims set as a type of your own, which may borrow from it.
    ///
    /// # Errors
    ///
    /// If the claims do not fit the type.
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_str(self.raw_claims())
    }

    /// The claims set as JSON: the payload of a JWT, byte for byte, or the text that the verifier made.
    pub fn raw_claims(&self) -> &str {
        &self.verified.claims
    }

    /// The name of the verifier that accepted the token, as set with its `name(..)`, such as
    /// [`JwtVerifierBuilder::name`](crate::JwtVerifierBuilder::name). Default: `jwt`, `static`, or `introspection` and
    /// its endpoint. Verifiers of your own set it with [`AccessTokenBuilder::verifier`](crate::AccessTokenBuilder::verifier).
    pub fn verifier(&self) -> &str {
        &self.verified.verifier
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn verifier_name(&self) -> Cow<'static, str> {
        self.verified.verifier.clone()
    }

    /// The identity of the caller, to compare requests with each other. It is equal for all tokens that the same issuer
    /// issued to the same client for the same subject. `None` if the token names neither a subject nor a client.
    ///
    /// Principals of verifiers with different [names](Self::verifier) are never equal. Neither are those of JWT verifiers
    /// that check the issuer and accept different ones. Give two other verifiers names of their own, unless a subject
    /// means the same to both.
    pub fn principal(&self) -> Option<Principal> {
        self.names_a_principal()
            .then(|| Principal::of(&self.verified))
    }

    /// The bytes of the [principal](Self::principal).
    #[cfg(feature = "dpop")]
    pub(crate) fn principal_bytes(&self) -> Option<Vec<u8>> {
        self.names_a_principal()
            .then(|| self.verified.principal_bytes())
    }

    fn names_a_principal(&self) -> bool {
        self.subject().is_some() || self.client_id().is_some()
    }

    /// Whether the token is still valid: it has not expired since it was verified, by the clock and the leeway of its
    /// verifier, it was not revoked, and the key that signed it was not withdrawn.
    ///
    /// Use it between the steps of long-running work. To wait for the end, use [`until_invalid`](Self::until_invalid).
    pub fn is_current(&self) -> bool {
        self.invalid_reason().is_none()
    }

    /// The reason if the token is no longer valid.
    pub(crate) fn invalid_reason(&self) -> Option<InvalidReason> {
        let reason = self.verified.invalid_reason();
        let revocations = || self.challenge_config.as_ref()?.revocations.as_ref();
        reason.or_else(
            || match revocations()?.check(&self.verified).err()?.kind() {
                VerifyErrorKind::Invalid(reason) => Some(reason),
                // Open streams survive an outage.
                VerifyErrorKind::Unavailable
                | VerifyErrorKind::InsufficientScope(_)
                | VerifyErrorKind::InsufficientAuthentication(_)
                | VerifyErrorKind::InvalidProof(_)
                | VerifyErrorKind::NonceRequired(_) => None,
            },
        )
    }

    /// Whether the token can become invalid before it expires.
    pub(super) fn is_revocable(&self) -> bool {
        let config = self.challenge_config.as_ref();
        self.verified.is_revocable() || config.is_some_and(|config| config.revocations.is_some())
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("issuer", &self.issuer())
            .field("audiences", &self.audiences().collect::<Vec<_>>())
            .field("scopes", self.scopes())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

pub(super) fn system_time(since_epoch: Duration) -> SystemTime {
    UNIX_EPOCH + since_epoch
}
