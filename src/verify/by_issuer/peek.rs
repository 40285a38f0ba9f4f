//! The issuer and the tenant that a token names, before it is verified.

use std::borrow::Cow;

use serde::de::MapAccess;

use crate::json::{Fault, MaybeText, Member, Object, Text, parse_object};
use crate::verify::claims::registered::{Claims, SubjectType};
use crate::verify::jwt::jws::{Jws, THREE_SEGMENTS, USUAL_PAYLOAD_LENGTH};
use crate::verify::jwt::refusal::{TokenPart, malformed, undecodable};
use crate::verify_error::InvalidReason;

/// The claims that route a token.
#[derive(Debug, Default)]
pub(super) struct Origin<'a> {
    iss: Member<Text<'a>>,
    tid: Member<MaybeText<'a>>,
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

    /// The value of `iss`.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.iss.get().map(|issuer| &*issuer.0)
    }

    /// The value of `tid`, if it is a text.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self.tid.get() {
            Some(MaybeText::Text(tenant)) => Some(tenant),
            Some(MaybeText::Other) | None => None,
        }
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
