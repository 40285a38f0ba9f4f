//! The keys to which a token is bound: the claim `cnf` (RFC 7800, RFC 9449 §6, RFC 8705 §3.1).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::{memchr, memmem};
use serde::de::MapAccess;

use crate::json::{Member, Object, Text, parse_object, written_members};

/// A key to which a token is bound: only a sender that has the key may use the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Confirmation<'a> {
    /// The SHA-256 thumbprint of a public key (RFC 7638) in base64url: `jkt` (RFC 9449 §6.1).
    JwkThumbprint(&'a str),
    /// The SHA-256 thumbprint of a client certificate in base64url: `x5t#S256` (RFC 8705 §3.1).
    CertificateThumbprint(&'a str),
}

/// The members of a `cnf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Confirmations {
    jwk: Option<Box<str>>,
    certificate: Option<Box<str>>,
    /// Whether `cnf` has a member that no check of this crate can prove, is not an object, or has no members.
    has_unknown: bool,
}

impl Confirmations {
    /// Reads the `cnf` of a claims set. `None` if there is none.
    pub(crate) fn of_claims(claims: &str) -> Option<Box<Self>> {
        // The fast path: most tokens have no `cnf`. An escape could hide the name, so it takes the slow path.
        let may_occur = memmem::find(claims.as_bytes(), b"\"cnf\"").is_some()
            || memchr(b'\\', claims.as_bytes()).is_some();
        if !may_occur {
            return None;
        }
        let mut found = written_members(claims).filter(|member| member.name == "cnf");
        let first = found.next()?;
        let confirmations = match found.next() {
            None => Self::parse(first.value),
            Some(_) => Self::unknown(),
        };
        Some(Box::new(confirmations))
    }

    fn parse(cnf: &str) -> Self {
        let Ok(members) = parse_object::<Cnf<'_>>(cnf) else {
            return Self::unknown();
        };
        let [jwk, certificate] =
            [&members.jkt, &members.x5t].map(|member| member.get().map(|text| &text.0));
        let has_unknown = members.has_others
            || [&jwk, &certificate]
                .into_iter()
                .flatten()
                .any(|thumbprint| !is_thumbprint(thumbprint))
            || (jwk.is_none() && certificate.is_none());
        let boxed = |text: &Cow<'_, str>| Box::from(&**text);
        Self {
            jwk: jwk.map(boxed),
            certificate: certificate.map(boxed),
            has_unknown,
        }
    }

    fn unknown() -> Self {
        Self {
            has_unknown: true,
            ..Self::default()
        }
    }

    /// The thumbprint of the public key, if the token is bound to one.
    pub(crate) fn jwk(&self) -> Option<&str> {
        self.jwk.as_deref()
    }

    /// The thumbprint of the client certificate, if the token is bound to one.
    pub(crate) fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Whether the token is bound to something that this crate does not understand.
    pub(crate) fn has_unknown(&self) -> bool {
        self.has_unknown
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Confirmation<'_>> {
        let jwk = self.jwk().map(Confirmation::JwkThumbprint);
        let certificate = self.certificate().map(Confirmation::CertificateThumbprint);
        jwk.into_iter().chain(certificate)
    }
}

/// Whether a text is a SHA-256 digest in base64url, in its only spelling.
fn is_thumbprint(text: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(text)
        .is_ok_and(|digest| digest.len() == 32)
}

#[derive(Default)]
struct Cnf<'a> {
    jkt: Member<Text<'a>>,
    x5t: Member<Text<'a>>,
    has_others: bool,
}

impl<'de> Object<'de> for Cnf<'de> {
    const MEMBERS: &'static [&'static str] = &["jkt", "x5t#S256"];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name {
            "jkt" => self.jkt.read(members),
            "x5t#S256" => self.x5t.read(members),
            _ => {
                self.has_others = true;
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const OTHER: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

    fn of(cnf: &str) -> Option<Confirmations> {
        Confirmations::of_claims(&format!(r#"{{"sub":"a","cnf":{cnf},"x":[]}}"#))
            .map(|found| *found)
    }

    #[test]
    fn thumbprints_of_keys_and_certificates_are_read() {
        let found = of(&format!(r#"{{"jkt":"{ONE}"}}"#)).unwrap();
        assert_eq!((found.jwk(), found.certificate()), (Some(ONE), None));
        assert!(!found.has_unknown());
        let found = of(&format!(r#"{{"x5t#S256":"{OTHER}","jkt":"{ONE}"}}"#)).unwrap();
        assert_eq!((found.jwk(), found.certificate()), (Some(ONE), Some(OTHER)));
        assert!(
            found.has_unknown(),
            "the last character has bits that are not zero"
        );
        let all: Vec<_> = found.iter().collect();
        assert_eq!(
            all,
            [
                Confirmation::JwkThumbprint(ONE),
                Confirmation::CertificateThumbprint(OTHER)
            ]
        );
    }

    #[test]
    fn an_unsupported_cnf_is_marked_as_unknown() {
        for cnf in [
            "null".to_owned(),
            "{}".to_owned(),
            "[]".to_owned(),
            "\"x\"".to_owned(),
            format!(r#"{{"jkt":"{ONE}","kid":"1"}}"#),
            format!(r#"{{"jkt":"{ONE}","jkt":"{ONE}"}}"#),
            format!(r#"{{"JKT":"{ONE}"}}"#),
            format!(r#"{{"jkt":["{ONE}"]}}"#),
            format!(r#"{{"jkt":"{ONE}="}}"#),
            r#"{"jkt":null}"#.to_owned(),
            r#"{"jkt":""}"#.to_owned(),
            r#"{"jwk":{"kty":"EC"}}"#.to_owned(),
            format!(r#"{{"x5t":"{ONE}"}}"#),
            format!(r#"{{"jkt":"{}"}}"#, &ONE[1..]),
        ] {
            let found = of(&cnf).unwrap();
            assert!(found.has_unknown(), "{cnf}: {found:?}");
        }
    }

    #[test]
    fn only_a_member_of_the_claims_set_counts_however_it_is_written() {
        let cnf = format!(r#"{{"jkt":"{ONE}"}}"#);
        for claims in [
            "{}".to_owned(),
            format!(r#"{{"a":{{"cnf":{cnf}}},"b":"cnf"}}"#),
        ] {
            assert_eq!(Confirmations::of_claims(&claims), None, "{claims}");
        }
        let escaped = Confirmations::of_claims(&format!(r#"{{"\u0063nf":{cnf}}}"#)).unwrap();
        assert_eq!(escaped.jwk(), Some(ONE));
        let twice = Confirmations::of_claims(&format!(r#"{{"cnf":{cnf},"cnf":{cnf}}}"#)).unwrap();
        assert!(twice.has_unknown() && twice.jwk().is_none());
    }
}
