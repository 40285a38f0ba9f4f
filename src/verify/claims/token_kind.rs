//! The kinds of tokens that a JWT verifier accepts, and the claims that mark each. No token is of two kinds.

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
    /// The signed answer of an introspection endpoint (RFC 9701).
    #[cfg_attr(not(feature = "introspection"), allow(dead_code))]
    Introspection,
}

/// The event of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
pub(crate) const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The header `typ` of a logout token.
pub(crate) const LOGOUT_TYPE: &str = "logout+jwt";

/// The header `typ` of a SET (RFC 8417 §2.3).
pub(crate) const SECURITY_EVENT_TYPE: &str = "secevent+jwt";

/// The claim of a signed introspection response that has the members of a plain one.
pub(crate) const INTROSPECTION_CLAIM: &str = "token_introspection";

/// The header `typ` of a signed introspection response (RFC 9701 §5).
pub(crate) const INTROSPECTION_TYPE: &str = "token-introspection+jwt";

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
            // It contains the claims of an access token, so its type must distinguish it (RFC 9701 §8.1).
            Self::Introspection => TokenTypes::Only(and_more(&[INTROSPECTION_TYPE])),
            Self::Access => TokenTypes::UsualAnd(more),
        }
    }

    /// What a token of this kind is, for an explanation.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Access => "an access token",
            Self::Logout => "a logout token",
            Self::SecurityEvent => "a security event token",
            Self::Introspection => "a signed introspection response",
        }
    }

    /// Whether tokens of this kind need an `exp`. A SET describes the past and should have none (RFC 8417 §2.2), and so
    /// should an introspection response (RFC 9701 §5).
    pub(crate) fn needs_expiry(self) -> bool {
        match self {
            Self::Access | Self::Logout => true,
            Self::SecurityEvent | Self::Introspection => false,
        }
    }

    /// The problem if a verifier for this kind requires the profile of RFC 9068.
    pub(crate) fn contradicts_rfc9068(self) -> Option<String> {
        match self {
            Self::Access => None,
            Self::Logout | Self::SecurityEvent | Self::Introspection => Some(format!(
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
            Self::Introspection => check_introspection(claims, payload),
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
    if session.as_deref() == Some("") {
        return Err(NotOfKind::Unreadable("sid"));
    }
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

/// The claims that RFC 9701 §5 requires. The audience is checked with the other rules.
fn check_introspection(claims: &Claims<'_>, payload: &str) -> Result<(), NotOfKind> {
    if !claims.iss.has_value() {
        return Err(NotOfKind::Missing("iss"));
    }
    if !claims.iat.has_value() {
        return Err(NotOfKind::Missing("iat"));
    }
    match claim_lookup::find_value::<Map<String, Value>>(payload, INTROSPECTION_CLAIM) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(NotOfKind::Missing(INTROSPECTION_CLAIM)),
        Err(_) => Err(NotOfKind::Unreadable(INTROSPECTION_CLAIM)),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::claims::registered::SubjectType;

    /// A logout token with these claims in place of its own. Those that are `"-"` are absent.
    fn check(kind: TokenKind, changes: &Value) -> Result<(), NotOfKind> {
        let mut claims = json!({
            "iss": "i", "sub": "s", "iat": 1, "jti": "1", "events": {LOGOUT_EVENT: {}}
        });
        let members = claims.as_object_mut().unwrap();
        members.extend(changes.as_object().unwrap().clone());
        members.retain(|_, value| value != "-");
        let payload = claims.to_string();
        let mut claims = Claims::default();
        claims.fill(&payload, SubjectType::String).unwrap();
        kind.check(&claims, &payload, false)
    }

    #[test]
    fn each_kind_has_its_claims() {
        use NotOfKind::{Marked, Missing, Unreadable};

        let ok = Ok(());
        for (changes, logout, event) in [
            (json!({}), ok, ok),
            (json!({"sub": "-"}), Err(Missing("sid")), ok),
            (json!({"sub": null}), Err(Missing("sid")), ok),
            (json!({"sub": "-", "sid": "1"}), ok, ok),
            (json!({"sid": null}), ok, ok),
            (json!({"sid": ["1"]}), Err(Unreadable("sid")), ok),
            // It would end no session, and the subject would stay logged in.
            (json!({"sid": ""}), Err(Unreadable("sid")), ok),
            (json!({"nonce": null}), Err(Marked("nonce")), ok),
            (json!({"nonce": "n"}), Err(Marked("nonce")), ok),
            (json!({"events": {"x": {}}}), Err(Marked("events")), ok),
            (json!({"typ": "Logout"}), ok, ok),
        ] {
            assert_eq!(check(TokenKind::Logout, &changes), logout, "{changes}");
            assert_eq!(
                check(TokenKind::SecurityEvent, &changes),
                event,
                "{changes}"
            );
            assert_eq!(check(TokenKind::Access, &changes), Err(Marked("events")));
        }
        for (changes, expected) in [
            (json!({"iss": "-"}), Missing("iss")),
            (json!({"iat": null}), Missing("iat")),
            (json!({"jti": "-"}), Missing("jti")),
            (json!({"events": "-"}), Missing("events")),
            (json!({"events": null}), Missing("events")),
            (json!({"events": {}}), Unreadable("events")),
            (json!({"events": []}), Unreadable("events")),
            (
                json!({"events": {LOGOUT_EVENT: {}, "x": null}}),
                Unreadable("events"),
            ),
        ] {
            for kind in [TokenKind::Logout, TokenKind::SecurityEvent] {
                assert_eq!(check(kind, &changes), Err(expected), "{changes}");
            }
        }
        assert_eq!(check(TokenKind::Access, &json!({"events": "-"})), ok);
    }

    #[test]
    fn each_kind_has_its_types() {
        let more = || vec!["x+jwt".to_owned()];
        for (kind, shown) in [
            (TokenKind::Access, "JWT, at+jwt, x+jwt, none"),
            (TokenKind::Logout, "JWT, logout+jwt, x+jwt, none"),
            (TokenKind::SecurityEvent, "secevent+jwt, x+jwt"),
        ] {
            let types = kind.default_types(more());
            assert_eq!(types.to_string(), shown);
            let names = [
                None,
                Some("JWT"),
                Some("at+jwt"),
                Some("logout+jwt"),
                Some("x+jwt"),
            ];
            for name in names.into_iter().chain([Some("secevent+jwt")]) {
                let is_shown = shown.split(", ").any(|part| part == name.unwrap_or("none"));
                assert_eq!(types.allow(name), is_shown, "{kind:?} {name:?}");
            }
        }
    }
}
