//! The issuer and the tenant that a token names, before it is verified.

use std::borrow::Cow;

use serde::de::MapAccess;

use crate::json::{Fault, MaybeText, Member, Object, Text, parse_object};
use crate::verify::claims::registered::{Claims, SubjectType};
use crate::verify::jwt::jws::{Jws, THREE_SEGMENTS, USUAL_PAYLOAD_LENGTH};
use crate::verify::jwt::refusal::{TokenPart, malformed, undecodable};
use crate::verify_error::InvalidReason;

/// The claims that route a token, of a payload whose other claims are not as this crate reads them. A verifier of the
/// application may accept it nevertheless.
#[derive(Debug, Default)]
pub(super) struct Origin<'a> {
    iss: Member<Text<'a>>,
    tid: Member<MaybeText<'a>>,
}

/// The issuer that a token names, and the value of `tid`, if that is a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) issuer: Option<&'a str>,
    pub(super) tenant: Option<&'a str>,
}

impl<'a> Named<'a> {
    pub(super) fn by(claims: &'a Claims<'_>) -> Self {
        Self::of(&claims.iss, &claims.tid)
    }

    fn of(iss: &'a Member<Text<'_>>, tid: &'a Member<MaybeText<'_>>) -> Self {
        Self {
            issuer: iss.get().map(|issuer| &*issuer.0),
            tenant: match tid.get() {
                Some(MaybeText::Text(tenant)) => Some(tenant),
                Some(MaybeText::Other) | None => None,
            },
        }
    }
}

impl<'de> Object<'de> for Origin<'de> {
    const MEMBERS: &'static [&'static str] = &["iss", "tid"];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name {
            "iss" => self.iss.read(members),
            "tid" => self.tid.read(members),
            _ => Ok(false),
        }
    }
}

impl<'a> Origin<'a> {
    /// Reads a payload at least as strictly as the verifier does, so that both read the same issuer.
    pub(super) fn of(payload: &'a str) -> Result<Self, InvalidReason> {
        parse_object(payload)
            .map_err(|fault| malformed(TokenPart::Payload, &closer(payload, fault)))
    }

    pub(super) fn named(&self) -> Named<'_> {
        Named::of(&self.iss, &self.tid)
    }
}

/// The fault that a verifier would report, which reads more members by name.
fn closer(payload: &str, fault: Fault) -> Fault {
    match Claims::default().fill(payload, SubjectType::StringOrInteger) {
        Err(closer) => closer,
        Ok(()) => fault,
    }
}

/// The payload of a token that has the form of a JWT.
pub(super) fn payload<'b>(
    token: &[u8],
    buffer: &'b mut [u8; USUAL_PAYLOAD_LENGTH],
) -> Result<Cow<'b, str>, InvalidReason> {
    let Some(jws) = Jws::split(token) else {
        return Err(malformed(TokenPart::Token, &Fault::of(THREE_SEGMENTS)));
    };
    let payload = jws.decode_payload_into(buffer);
    payload.ok_or_else(|| undecodable(TokenPart::Payload))
}
