//! The kinds of tokens that a JWT verifier can be for, and the claims that mark each. No token is of two kinds.

use serde_json::{Map, Value};

use super::registered::Claims;
use super::token_type::{RFC9068_TYPE, TokenTypes};
use crate::claim_lookup;

/// The kind of token that a verifier is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An access token.
    #[default]
    Access,
    /// A logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
    Logout,
    /// A security event token (RFC 8417).
    SecurityEvent,
}

/// The event of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
pub(crate) const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The header `typ` of a logout token.
pub(crate) const LOGOUT_TYPE: &str = "logout+jwt";

/// The header `typ` of a SET (RFC 8417 §2.3).
pub(crate) const SECURITY_EVENT_TYPE: &str = "secevent+jwt";

/// Why a token is not of the kind that the verifier is for, with the name of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotOfKind {
    /// The claim marks another kind.
    Marked(&'static str),
    /// The kind requires the claim.
    Missing(&'static str),
    /// The claim has a form that the kind does not allow.
    Unreadable(&'static str),
}

impl TokenKind {
    /// The accepted types in the header by default, and `more`.
    pub(crate) fn default_types(self, more: Vec<String>) -> TokenTypes {
        let and_more = |names: &[&str]| -> Vec<String> {
            let names = names.iter().map(|name| (*name).to_owned());
            names.chain(more.iter().cloned()).collect()
        };
        match self {
            // Issuers that implement a draft write `JWT` or nothing. The event and the absence of `nonce` still
            // distinguish a logout token from others.
            Self::Logout => TokenTypes::NoneOr(and_more(&["JWT", LOGOUT_TYPE])),
            // A SET needs neither `exp` nor `sub`, and has any event, so its type distinguishes it (RFC 8417 §4.5).
            Self::SecurityEvent => TokenTypes::Only(and_more(&[SECURITY_EVENT_TYPE])),
            Self::Access => TokenTypes::UsualAnd(more),
        }
    }

    /// Whether tokens of this kind need an `exp`. A SET describes the past and should have none (RFC 8417 §2.2).
    pub(crate) fn needs_expiry(self) -> bool {
        match self {
            Self::Access | Self::Logout => true,
            Self::SecurityEvent => false,
        }
    }

    /// The problem if a verifier for this kind requires the profile of RFC 9068.
    pub(crate) fn contradicts_rfc9068(self) -> Option<String> {
        match self {
            Self::Access => None,
            Self::Logout | Self::SecurityEvent => Some(format!(
                "rfc9068() requires the type {RFC9068_TYPE}, which is that of access tokens"
            )),
        }
    }

    /// Checks the claims that distinguish the kinds.
    pub(super) fn check(
        self,
        claims: &Claims<'_>,
        payload: &str,
        accept_hash_claims: bool,
    ) -> Result<(), NotOfKind> {
        match self {
            Self::Access => match claims.mark_of_another_kind(accept_hash_claims) {
                Some(claim) => Err(NotOfKind::Marked(claim)),
                None => Ok(()),
            },
            Self::Logout => check_logout(claims, payload),
            Self::SecurityEvent => check_events(claims, payload).map(|_| ()),
        }
    }
}

/// Steps 4 to 6 of OpenID Connect Back-Channel Logout 1.0 §2.6, and the claims that §2.4 requires.
fn check_logout(claims: &Claims<'_>, payload: &str) -> Result<(), NotOfKind> {
    let events = check_events(claims, payload)?;
    if !events.contains_key(LOGOUT_EVENT) {
        return Err(NotOfKind::Marked("events"));
    }
    let session = claim_lookup::find_value::<String>(payload, "sid");
    let session = session.map_err(|_| NotOfKind::Unreadable("sid"))?;
    if session.is_none() && !claims.sub.has_value() {
        return Err(NotOfKind::Missing("sid"));
    }
    // The claim of an ID token, which must not occur with any value.
    match claim_lookup::find::<Value>(payload, "nonce") {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(NotOfKind::Marked("nonce")),
        Err(_) => Err(NotOfKind::Unreadable("nonce")),
    }
}

/// The claims that RFC 8417 §2.2 requires. Returns the events, of which there is at least one.
fn check_events(claims: &Claims<'_>, payload: &str) -> Result<Map<String, Value>, NotOfKind> {
    let required = [
        ("iss", claims.iss.has_value()),
        ("iat", claims.iat.has_value()),
        ("jti", claims.jti.has_value()),
    ];
    if let Some((name, _)) = required.iter().find(|(_, has_value)| !has_value) {
        return Err(NotOfKind::Missing(name));
    }
    let events = claim_lookup::find_value::<Map<String, Value>>(payload, "events")
        .map_err(|_| NotOfKind::Unreadable("events"))?
        .ok_or(NotOfKind::Missing("events"))?;
    match !events.is_empty() && events.values().all(Value::is_object) {
        true => Ok(events),
        false => Err(NotOfKind::Unreadable("events")),
    }
}
