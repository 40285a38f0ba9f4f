//! What a token says about where it comes from, before anybody looked whether that is true.

use serde::de::MapAccess;

use crate::json::{MaybeText, Member, Object, Text, parse_object};
use crate::verify::jwt::jws::Jws;

/// The claims that a token is sent on by.
#[derive(Debug, Default)]
pub(super) struct Origin<'a> {
    iss: Member<Text<'a>>,
    tid: Member<MaybeText<'a>>,
}

impl<'de> Object<'de> for Origin<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name {
            "iss" => self.iss.read(members),
            "tid" => self.tid.read(members),
            _ => Ok(false),
        }
    }
}

impl<'a> Origin<'a> {
    /// Reads a payload at least as strictly as the verifier will, so that the two cannot see different issuers.
    pub(super) fn of(payload: &'a str) -> Option<Self> {
        parse_object(payload)
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.iss.0.as_ref().map(|issuer| &*issuer.0)
    }

    #[cfg(feature = "cache")]
    pub(super) fn tenant(&self) -> Option<&str> {
        match &self.tid.0 {
            Some(MaybeText::Text(tenant)) => Some(tenant),
            _ => None,
        }
    }
}

/// The payload of a token that has the form of a JWT.
pub(super) fn payload(token: &[u8]) -> Option<String> {
    Jws::split(token)?.decode_payload()
}
