//! What a verifier established of a token.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::claim_text::ClaimText;
use crate::clock::Clock;
use crate::key_state::KeyState;
use crate::scopes::Scopes;
use crate::verify_error::InvalidReason;

/// The name of a verifier of the application's own that has no name.
pub(super) const DEFAULT_VERIFIER: &str = "custom";

/// What a verifier established. It does not hold the token.
#[derive(Clone, Default)]
pub(crate) struct Verified {
    /// The verifier's name.
    pub(crate) verifier: Cow<'static, str>,
    /// Distinguishes the verifier's principals if neither its name nor an issuer does. It is part of [`Principal`](super::principal::Principal) and
    /// never shown.
    pub(crate) authority: Option<Arc<str>>,
    pub(crate) subject: Option<ClaimText>,
    pub(crate) client_id: Option<ClaimText>,
    pub(crate) issuer: Option<ClaimText>,
    pub(crate) audiences: Vec<String>,
    pub(crate) scopes: Scopes,
    pub(crate) jwt_id: Option<ClaimText>,
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

impl Verified {
    pub(super) fn text<'a>(&'a self, part: &'a Option<ClaimText>) -> Option<&'a str> {
        part.as_ref().map(|part| part.text(&self.claims))
    }

    /// The same, for somebody who is going to write the claims set anew.
    pub(super) fn detached(&self) -> Self {
        let detach =
            |part: &Option<ClaimText>| part.as_ref().map(|part| part.detached(&self.claims));
        Self {
            subject: detach(&self.subject),
            client_id: detach(&self.client_id),
            issuer: detach(&self.issuer),
            jwt_id: detach(&self.jwt_id),
            ..self.clone()
        }
    }

    pub(super) fn invalid_reason(&self) -> Option<InvalidReason> {
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
        !is_refresh_due && self.invalid_reason().is_none()
    }
}
