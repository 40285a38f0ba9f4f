//! A JWT's payload: the claims that this crate looks at, typed, in one pass over the JSON.

use serde::de::MapAccess;

use crate::json::{
    MaybeText, Member, NumericDate, Object, Presence, Text, TextOrList, parse_object,
};
use crate::verify_error::InvalidReason;

/// The claims that every verifier reads. All others stay unparsed until somebody asks.
///
/// The registered ones (RFC 7519 §4.1, RFC 8693 §4.2) must have their type, and none of those here
/// may occur twice. Names that only some providers give a meaning to are read as far as they are
/// strings.
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    pub(crate) iss: Member<Text<'a>>,
    pub(crate) sub: Member<Text<'a>>,
    pub(crate) aud: Member<TextOrList<'a>>,
    pub(crate) exp: Member<NumericDate>,
    pub(crate) nbf: Member<NumericDate>,
    pub(crate) iat: Member<NumericDate>,
    pub(crate) jti: Member<Text<'a>>,

    pub(crate) scope: Member<TextOrList<'a>>,
    pub(crate) scp: Member<TextOrList<'a>>,

    pub(crate) client_id: Member<Text<'a>>,
    pub(crate) azp: Member<Text<'a>>,
    pub(crate) cid: Member<MaybeText<'a>>,
    pub(crate) appid: Member<MaybeText<'a>>,

    /// The key that the token is bound to (RFC 7800).
    pub(crate) cnf: Presence,

    // Marks of tokens that are no access tokens.
    at_hash: Presence,
    c_hash: Presence,
    events: Presence,
    token_use: Member<MaybeText<'a>>,
    typ: Member<MaybeText<'a>>,
}

impl<'de> Object<'de> for Claims<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name {
            "iss" => self.iss.read(members),
            "sub" => self.sub.read(members),
            "aud" => self.aud.read(members),
            "exp" => self.exp.read(members),
            "nbf" => self.nbf.read(members),
            "iat" => self.iat.read(members),
            "jti" => self.jti.read(members),
            "scope" => self.scope.read(members),
            "scp" => self.scp.read(members),
            "client_id" => self.client_id.read(members),
            "azp" => self.azp.read(members),
            "cid" => self.cid.read(members),
            "appid" => self.appid.read(members),
            "cnf" => self.cnf.read(members),
            "at_hash" => self.at_hash.read(members),
            "c_hash" => self.c_hash.read(members),
            "events" => self.events.read(members),
            "token_use" => self.token_use.read(members),
            "typ" => self.typ.read(members),
            _ => Ok(false),
        }
    }
}

impl<'a> Claims<'a> {
    pub(crate) fn parse(payload: &'a str) -> Result<Self, InvalidReason> {
        parse_object(payload).ok_or(InvalidReason::Malformed)
    }

    /// Whether the payload says itself that it is something else: an ID token (OpenID Connect Core
    /// §3.1.3.6, §3.3.2.11), a logout or security event token (RFC 8417), a refresh token.
    pub(crate) fn is_not_an_access_token(&self) -> bool {
        let marks = [&self.at_hash, &self.c_hash, &self.events];
        let marked = marks.iter().any(|mark| mark.0.is_some());
        let is_access = |usage: &MaybeText<'_>| matches!(usage, MaybeText::Text(text) if ["access", "access_token"].contains(&&**text));
        let other_use = self
            .token_use
            .0
            .as_ref()
            .is_some_and(|usage| !is_access(usage));
        let other_type = matches!(&self.typ.0, Some(MaybeText::Text(typ)) if NOT_ACCESS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(typ)));
        marked || other_use || other_type
    }
}

/// What Keycloak writes into the payload's `typ` for everything but access tokens.
const NOT_ACCESS: [&str; 4] = ["ID", "Refresh", "Offline", "Logout"];
