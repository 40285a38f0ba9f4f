//! A JWT's payload: the claims that this crate looks at, typed, in one pass over the JSON.

use serde::Deserialize;

use super::json::{MaybeText, Member, NumericDate, Present, Text, TextOrList, parse_object};
use crate::verify_error::InvalidReason;

/// The claims that every verifier reads. All others stay unparsed until somebody asks.
///
/// The registered ones (RFC 7519 §4.1, RFC 8693 §4.2) must have their type, and none of those here
/// may occur twice. Names that only some providers give a meaning to are read as far as they are
/// strings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Claims<'a> {
    #[serde(borrow)]
    pub(super) iss: Member<Text<'a>>,
    #[serde(borrow)]
    pub(super) sub: Member<Text<'a>>,
    #[serde(borrow)]
    pub(super) aud: Member<TextOrList<'a>>,
    pub(super) exp: Member<NumericDate>,
    pub(super) nbf: Member<NumericDate>,
    pub(super) iat: Member<NumericDate>,
    #[serde(borrow)]
    pub(super) jti: Member<Text<'a>>,

    #[serde(borrow)]
    pub(super) scope: Member<TextOrList<'a>>,
    #[serde(borrow)]
    pub(super) scp: Member<TextOrList<'a>>,

    #[serde(borrow)]
    pub(super) client_id: Member<Text<'a>>,
    #[serde(borrow)]
    pub(super) azp: Member<Text<'a>>,
    #[serde(borrow)]
    pub(super) cid: Member<MaybeText<'a>>,
    #[serde(borrow)]
    pub(super) appid: Member<MaybeText<'a>>,

    /// The key that the token is bound to (RFC 7800).
    pub(super) cnf: Present,

    // Marks of tokens that are no access tokens.
    at_hash: Present,
    c_hash: Present,
    events: Present,
    #[serde(borrow)]
    token_use: Member<MaybeText<'a>>,
    #[serde(borrow)]
    typ: Member<MaybeText<'a>>,
}

impl<'a> Claims<'a> {
    pub(super) fn parse(payload: &'a str) -> Result<Self, InvalidReason> {
        parse_object(payload).ok_or(InvalidReason::Malformed)
    }

    /// Whether the payload says itself that it is something else: an ID token (OpenID Connect Core
    /// §3.1.3.6, §3.3.2.11), a logout or security event token (RFC 8417), a refresh token.
    pub(super) fn is_not_an_access_token(&self) -> bool {
        let hashes = [self.at_hash, self.c_hash, self.events].contains(&Present(true));
        let other_use = self
            .token_use
            .0
            .as_ref()
            .is_some_and(|usage| !matches!(usage, MaybeText::Text(text) if text == "access"));
        let other_type = matches!(&self.typ.0, Some(MaybeText::Text(typ)) if NOT_ACCESS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(typ)));
        hashes || other_use || other_type
    }
}

/// What Keycloak writes into the payload's `typ` for everything but access tokens.
const NOT_ACCESS: [&str; 4] = ["ID", "Refresh", "Offline", "Logout"];
