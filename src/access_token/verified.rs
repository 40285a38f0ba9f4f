//! What a verifier established about a token.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::audiences::Audiences;
use super::claim_text::ClaimText;
use super::confirmation::Confirmations;
use crate::claim_lookup;
use crate::clock::Clock;
use crate::key_state::KeyState;
use crate::scopes::Scopes;
use crate::verify_error::InvalidReason;

/// The name of a verifier of the application's own that has no name.
pub(super) const DEFAULT_VERIFIER: &str = "custom";

/// What a verifier established about a token. It does not contain the token itself, so that caches can keep it.
#[derive(Clone, Default)]
pub(crate) struct Verified {
    /// The verifier's name.
    pub(crate) verifier: Cow<'static, str>,
    /// Distinguishes the verifier's principals if neither its name nor an issuer does. It is part of the principal, and
    /// never shown.
    pub(crate) authority: Option<Arc<str>>,
    pub(crate) subject: Option<ClaimText>,
    pub(crate) client_id: Option<ClaimText>,
    pub(crate) issuer: Option<ClaimText>,
    pub(crate) audiences: Audiences,
    pub(crate) scopes: Scopes,
    pub(crate) jwt_id: Option<ClaimText>,
    /// Since 1970, as all dates here.
    pub(crate) expires_at: Option<Duration>,
    pub(crate) issued_at: Option<Duration>,
    /// How long the token stays valid after `expires_at`.
    pub(crate) leeway: Duration,
    pub(crate) clock: Clock,
    /// The state of the key that signed the token, if the verifier has a key.
    pub(crate) key: Option<Arc<KeyState>>,
    /// The keys that the token is bound to, if there are any.
    pub(crate) confirmations: Option<Box<Confirmations>>,
    /// Whether the verifier accepts a bound token without a proof that its sender has the key.
    pub(crate) waives_confirmation: bool,
    /// When the token was looked up among the revocations last.
    pub(crate) not_revoked: NotRevokedAt,
    /// The claims set, a JSON object. The texts above are ranges of it.
    pub(crate) claims: String,
}

impl Verified {
    pub(super) fn text<'a>(&'a self, part: &'a Option<ClaimText>) -> Option<&'a str> {
        part.as_ref().map(|part| part.text(&self.claims))
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.text(&self.subject)
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.text(&self.client_id)
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        self.text(&self.issuer)
    }

    pub(crate) fn jwt_id(&self) -> Option<&str> {
        self.text(&self.jwt_id)
    }

    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        self.audiences.iter().map(|part| part.text(&self.claims))
    }

    /// The session at the issuer: `sid` (OpenID Connect Back-Channel Logout §2.1). It parses the claims set.
    pub(crate) fn session_id(&self) -> Option<Cow<'_, str>> {
        claim_lookup::find_value(&self.claims, "sid").ok().flatten()
    }

    /// A copy whose texts do not depend on `claims`, so that the claims can be replaced.
    pub(super) fn detached(&self) -> Self {
        let detach =
            |part: &Option<ClaimText>| part.as_ref().map(|part| part.detached(&self.claims));
        Self {
            subject: detach(&self.subject),
            client_id: detach(&self.client_id),
            issuer: detach(&self.issuer),
            jwt_id: detach(&self.jwt_id),
            audiences: self.audiences.detached(&self.claims),
            ..self.clone()
        }
    }

    /// Whether the sender must prove that it has a key.
    #[inline]
    pub(super) fn needs_confirmation(&self) -> bool {
        self.confirmations.is_some() && !self.waives_confirmation
    }

    pub(crate) fn invalid_reason(&self) -> Option<InvalidReason> {
        if self.key.as_ref().is_some_and(|key| key.is_withdrawn()) {
            return Some(InvalidReason::Revoked);
        }
        // The clock is read only for a token that expires. Reading it is a good part of the cost of a static token.
        let end = self.end()?;
        (self.clock.since_epoch() >= end).then_some(InvalidReason::Expired)
    }

    /// When the token is no longer valid: its expiry plus the leeway.
    fn end(&self) -> Option<Duration> {
        Some(self.expires_at?.saturating_add(self.leeway))
    }

    /// The time until the token expires, by the verifier's clock, if it does.
    pub(super) fn time_left(&self) -> Option<Duration> {
        Some(self.end()?.saturating_sub(self.clock.since_epoch()))
    }

    /// Whether the token can become invalid before it expires.
    pub(super) fn is_revocable(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.is_revocable())
    }

    /// Whether a cached result may still be served.
    #[cfg(feature = "cache")]
    pub(crate) fn is_servable(&self) -> bool {
        let is_refresh_due = self.key.as_ref().is_some_and(|key| key.is_refresh_due());
        !is_refresh_due && self.invalid_reason().is_none()
    }
}

/// The mark of the revocations that did not include the token when it was looked up last. Zero if it never was.
///
/// A copy of a token may get other claims, so it starts at zero.
#[derive(Debug, Default)]
pub(crate) struct NotRevokedAt(AtomicU64);

impl NotRevokedAt {
    #[inline]
    pub(crate) fn is(&self, mark: u64) -> bool {
        self.0.load(Ordering::Relaxed) == mark
    }

    pub(crate) fn set(&self, mark: u64) {
        self.0.store(mark, Ordering::Relaxed);
    }
}

impl Clone for NotRevokedAt {
    fn clone(&self) -> Self {
        Self::default()
    }
}
