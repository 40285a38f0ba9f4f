//! The claims that this crate reads, with their types. They are parsed in one pass over the JSON.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::token_type::short as short_media_type;
use crate::json::{
    Fault, MaybeText, Member, NumericDate, Object, Presence, Text, TextOrList, TextOrNumber,
    fill_object, written_members,
};

/// The claims that every verifier reads. All others stay unparsed until the application reads them.
///
/// Registered claims (RFC 7519 §4.1, RFC 8693 §4.2) must have their type, and no claim may occur twice. A claim that is
/// `null` has no value. Claims that only some providers define are read if they are strings.
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    pub(crate) iss: Member<Text<'a>>,
    pub(crate) sub: Member<Text<'a>>,
    /// Whether `sub` is a number. `sub` then has no value until [`fill`](Self::fill) reads its digits.
    subject_is_number: bool,
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

    /// The tenant of Entra ID.
    pub(crate) tid: Member<MaybeText<'a>>,

    /// The key that the token is bound to (RFC 7800).
    pub(crate) cnf: Presence,

    // Marks of tokens that are not access tokens.
    at_hash: Presence,
    c_hash: Presence,
    events: Presence,
    token_introspection: Presence,
    token_use: Member<MaybeText<'a>>,
    token_type: Member<MaybeText<'a>>,
    typ: Member<MaybeText<'a>>,
    type_: Member<MaybeText<'a>>,
}

impl<'de> Object<'de> for Claims<'de> {
    const MEMBERS: &'static [&'static str] = &[
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "scope",
        "scp",
        "client_id",
        "azp",
        "cid",
        "appid",
        "tid",
        "cnf",
        "at_hash",
        "c_hash",
        "events",
        "token_introspection",
        "token_use",
        "token_type",
        "typ",
        "type",
    ];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        // As bytes, a name is matched by its length and some bytes, instead of by one comparison after another.
        match name.as_bytes() {
            b"iss" => self.iss.read(members),
            b"sub" => {
                let subject = match members.next_value::<TextOrNumber<'de>>()? {
                    TextOrNumber::Text(text) => Some(Text(text)),
                    TextOrNumber::Number => {
                        self.subject_is_number = true;
                        None
                    }
                    TextOrNumber::Null => None,
                };
                self.sub.set(subject)
            }
            b"aud" => self.aud.read(members),
            b"exp" => self.exp.read(members),
            b"nbf" => self.nbf.read(members),
            b"iat" => self.iat.read(members),
            b"jti" => self.jti.read(members),
            b"scope" => self.scope.read(members),
            b"scp" => self.scp.read(members),
            b"client_id" => self.client_id.read(members),
            b"azp" => self.azp.read(members),
            b"cid" => self.cid.read(members),
            b"appid" => self.appid.read(members),
            b"tid" => self.tid.read(members),
            b"cnf" => self.cnf.read(members),
            b"at_hash" => self.at_hash.read(members),
            b"c_hash" => self.c_hash.read(members),
            b"events" => self.events.read(members),
            b"token_introspection" => self.token_introspection.read(members),
            b"token_use" => self.token_use.read(members),
            b"token_type" => self.token_type.read(members),
            b"typ" => self.typ.read(members),
            b"type" => self.type_.read(members),
            _ => Ok(false),
        }
    }
}

impl<'a> Claims<'a> {
    /// Reads a payload with a `sub` of this type into these claims, which are still empty. They are large, and
    /// moves cost.
    pub(crate) fn fill(&mut self, payload: &'a str, subject: SubjectType) -> Result<(), Fault> {
        self.fill_but_subject(payload)?;
        self.settle_subject(payload, subject)
    }

    /// Like [`fill`](Self::fill), for a caller that does not know which types `sub` may have.
    pub(crate) fn fill_but_subject(&mut self, payload: &'a str) -> Result<(), Fault> {
        fill_object(self, payload)
    }

    /// Reads a `sub` that is a number, if it may be one.
    pub(crate) fn settle_subject(
        &mut self,
        payload: &'a str,
        subject: SubjectType,
    ) -> Result<(), Fault> {
        if self.subject_is_number {
            let digits = subject.digits(payload);
            let digits = digits.map_err(|rule| Fault::in_member("sub", rule))?;
            self.sub = Member::Value(Text(Cow::Borrowed(digits)));
        }
        Ok(())
    }

    /// The claim that marks the token as another kind: an ID token (OpenID Connect Core §3.1.3.6, §3.3.2.11), a logout
    /// or security event token (RFC 8417), a signed introspection response (RFC 9701), or a refresh token. With `accept_hash_claims`, `at_hash` and `c_hash` are not
    /// such marks.
    pub(crate) fn mark_of_another_kind(&self, accept_hash_claims: bool) -> Option<&'static str> {
        let is_access = |usage: &MaybeText<'_>| matches!(usage, MaybeText::Text(text) if ["access", "access_token"].contains(&&**text));
        let is_another_kind = |member: &Member<MaybeText<'_>>| match member.get() {
            Some(MaybeText::Text(name)) => names_another_kind(name),
            Some(MaybeText::Other) | None => false,
        };
        let counts_hashes = !accept_hash_claims;
        let marks = [
            ("at_hash", counts_hashes && self.at_hash.occurs()),
            ("c_hash", counts_hashes && self.c_hash.occurs()),
            ("events", self.events.occurs()),
            ("token_introspection", self.token_introspection.occurs()),
            (
                "token_use",
                self.token_use.get().is_some_and(|usage| !is_access(usage)),
            ),
            ("token_type", is_another_kind(&self.token_type)),
            ("typ", is_another_kind(&self.typ)),
            ("type", is_another_kind(&self.type_)),
        ];
        let mark = marks.into_iter().find(|(_, is_set)| *is_set);
        mark.map(|(name, _)| name)
    }
}

/// The types that `sub` may have. RFC 7519 §4.1.2 requires a string, but some issuers write the ID of a database row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubjectType {
    String,
    /// Also an integer of at most 20 digits. The digits are the subject.
    StringOrInteger,
}

/// Enough for every unsigned integer of 64 bits.
const MAX_SUBJECT_DIGITS: usize = 20;

impl SubjectType {
    /// The digits of a numeric `sub`, from the text of the payload: a parsed number could lose digits.
    fn digits(self, payload: &str) -> Result<&str, &'static str> {
        match self {
            Self::String => return Err("it is a number and not a string"),
            Self::StringOrInteger => {}
        }
        written_members(payload)
            .find(|member| member.name == "sub")
            .map(|member| member.value)
            .filter(|digits| (1..=MAX_SUBJECT_DIGITS).contains(&digits.len()))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or("it is neither a string nor an integer of at most 20 digits")
    }
}

/// Whether `token_type`, `typ` or `type` names a known kind of token other than an access token.
///
/// Keycloak writes `typ`, djangorestframework-simplejwt `token_type` and flask-jwt-extended `type`. Other values do not
/// refuse a token: issuers and applications use these claims for purposes of their own.
fn names_another_kind(name: &str) -> bool {
    const KINDS: [&str; 4] = ["refresh", "id", "logout", "offline"];
    const ENDINGS: [&str; 6] = ["", "_token", "-token", " token", "token", "+jwt"];

    let name = short_media_type(name);
    KINDS.iter().any(|kind| {
        let (start, ending) = name.split_at_checked(kind.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(kind) && ENDINGS.iter().any(|e| e.eq_ignore_ascii_case(ending))
    })
}
