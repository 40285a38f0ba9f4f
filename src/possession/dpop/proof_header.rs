//! The header of a proof (RFC 9449 §4.2). Nothing is trusted yet.

use serde::de::MapAccess;

use crate::json::{Fault, Member, Object, Presence, Text, parse_object, written_members};
use crate::verify::jwt::jws::UNSUPPORTED;
use crate::verify::keys::algorithm::Algorithm;

/// The members of a header that are used. `kid`, `jku`, `x5c` and others are ignored: the key is in `jwk`.
#[derive(Debug)]
pub(super) struct ProofHeader<'a> {
    pub(super) algorithm: Algorithm,
    /// The text of the JWK, which is a JSON value.
    pub(super) jwk: &'a str,
}

#[derive(Default)]
struct Members<'a> {
    typ: Member<Text<'a>>,
    alg: Member<Text<'a>>,
    jwk: Presence,
    unsupported: Option<&'static str>,
}

impl<'de> Object<'de> for Members<'de> {
    const MEMBERS: &'static [&'static str] = &["typ", "alg", "jwk"];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name {
            "typ" => self.typ.read(members),
            "alg" => self.alg.read(members),
            "jwk" => self.jwk.read(members),
            _ => {
                let unsupported = UNSUPPORTED.into_iter().find(|known| *known == name);
                self.unsupported = self.unsupported.or(unsupported);
                Ok(false)
            }
        }
    }
}

/// Media types are case-insensitive (RFC 7515 §4.1.9). The form with `application/` is not accepted, since RFC 9449
/// §4.3 names one value.
const TYPE: &str = "dpop+jwt";

impl<'a> ProofHeader<'a> {
    pub(super) fn parse(json: &'a str) -> Result<Self, Fault> {
        let members: Members<'a> = parse_object(json)?;
        if let Some(member) = members.unsupported {
            return Err(Fault::in_member(
                member,
                "no proof may have this header member",
            ));
        }
        let typ = members.typ.into_value();
        if !typ.is_some_and(|typ| typ.0.eq_ignore_ascii_case(TYPE)) {
            return Err(Fault::in_member("typ", "it is not dpop+jwt"));
        }
        let name = members.alg.into_value();
        let name = name.ok_or_else(|| Fault::in_member("alg", "it is missing"))?;
        let algorithm = Algorithm::from_name(&name.0)
            .ok_or_else(|| Fault::in_member("alg", "it is not an algorithm for proofs"))?;
        let jwk = written_members(json).find(|member| member.name == "jwk");
        let jwk = jwk.ok_or_else(|| Fault::in_member("jwk", "it is missing"))?;
        Ok(Self {
            algorithm,
            jwk: jwk.value,
        })
    }
}
