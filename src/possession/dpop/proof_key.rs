//! The public key in the header of a proof, and its thumbprint (RFC 7638).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::MapAccess;

use super::proof_header::ProofHeader;
use super::proof_refusal::{ProofPart, ProofRefusal};
use crate::json::{Fault, Member, Object, Text, parse_object};
use crate::sha256::{Sha256Digest, sha256};
use crate::verify::keys::VerifyingKey;
use crate::verify::keys::algorithm::{Algorithm, Scheme};
use crate::verify::keys::jwk::{Accepted, Origin, PRIVATE, import_text};

/// A key of a client, parsed for the algorithm of its proofs.
#[derive(Debug)]
pub(super) struct ProofKey {
    pub(super) algorithm: Algorithm,
    pub(super) thumbprint: Thumbprint,
    key: VerifyingKey,
}

/// The SHA-256 thumbprint of a JWK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thumbprint(pub(super) Sha256Digest);

impl ProofKey {
    /// Reads the key of a header, which must have this thumbprint. Refuses another key before it is parsed.
    pub(super) fn read(header: &ProofHeader<'_>, thumbprint: &str) -> Result<Self, ProofRefusal> {
        let malformed = |fault| ProofRefusal::malformed(ProofPart::Header, fault);
        let found = Thumbprint::of_jwk(header.jwk, header.algorithm).map_err(malformed)?;
        if !found.is(thumbprint) {
            return Err(ProofRefusal::other_key());
        }
        let imported = import_text(header.jwk, Accepted::from(Origin::Remote));
        let key = imported
            .key
            .map_err(|unusable| malformed(Fault::in_member("jwk", unusable.as_str())))?;
        if !key.allows(header.algorithm) {
            return Err(malformed(Fault::in_member("alg", OTHER_ALGORITHM)));
        }
        Ok(Self {
            algorithm: header.algorithm,
            thumbprint: found,
            key,
        })
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(self.algorithm, message, signature)
    }
}

const OTHER_ALGORITHM: &str = "the key is for another algorithm";

impl Thumbprint {
    /// Computes the thumbprint of a public key for this algorithm.
    ///
    /// Each value must be in the spelling of its specification: base64url without padding, coordinates at their full
    /// length, no leading zero octets in other numbers. So a key has one thumbprint only.
    pub(super) fn of_jwk(json: &str, algorithm: Algorithm) -> Result<Self, Fault> {
        let jwk: PublicJwk<'_> = parse_object(json).map_err(|fault: Fault| {
            Fault::in_member(fault.member().unwrap_or("jwk"), fault.rule())
        })?;
        if let Some(member) = jwk.private {
            return Err(Fault::in_member(
                member,
                "the JWK must have no private members",
            ));
        }
        // The members in lexicographic order (RFC 7638 §3.3).
        let members = match algorithm.scheme() {
            Scheme::Rsa { .. } => {
                is(&jwk.kty, "kty", "RSA")?;
                let [e, n] = [number(&jwk.e, "e")?, number(&jwk.n, "n")?];
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            Scheme::Ec { curve, .. } => {
                is(&jwk.kty, "kty", "EC")?;
                is(&jwk.crv, "crv", curve.name)?;
                let length = curve.coordinate_length;
                let [x, y] = [octets(&jwk.x, "x", length)?, octets(&jwk.y, "y", length)?];
                let crv = curve.name;
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Scheme::Ed25519 => {
                is(&jwk.kty, "kty", "OKP")?;
                is(&jwk.crv, "crv", "Ed25519")?;
                let x = octets(&jwk.x, "x", ED25519_LENGTH)?;
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            Scheme::MlDsa {
                public_key_length, ..
            } => {
                is(&jwk.kty, "kty", "AKP")?;
                is(&jwk.alg, "alg", algorithm.as_str())?;
                let key = octets(&jwk.public, "pub", *public_key_length)?;
                format!(r#"{{"alg":"{algorithm}","kty":"AKP","pub":"{key}"}}"#)
            }
            Scheme::Hmac { .. } => return Err(Fault::in_member("alg", OTHER_ALGORITHM)),
        };
        Ok(Self(sha256(members.as_bytes())))
    }

    /// Whether this is the thumbprint with this text in base64url.
    pub(super) fn is(&self, text: &str) -> bool {
        digest_text(&self.0) == text.as_bytes()
    }
}

/// The length of a SHA-256 digest in base64url without padding.
pub(super) const DIGEST_TEXT_LENGTH: usize = 43;

/// A SHA-256 digest in base64url without padding.
pub(super) fn digest_text(digest: &Sha256Digest) -> [u8; DIGEST_TEXT_LENGTH] {
    let mut text = [0; DIGEST_TEXT_LENGTH];
    let length = URL_SAFE_NO_PAD.encode_slice(digest, &mut text);
    debug_assert_eq!(length, Ok(DIGEST_TEXT_LENGTH));
    text
}

/// In bytes (RFC 8032 §5.1.5).
const ED25519_LENGTH: usize = 32;

/// The members of a JWK that are in a thumbprint.
#[derive(Default)]
struct PublicJwk<'a> {
    kty: Member<Text<'a>>,
    crv: Member<Text<'a>>,
    alg: Member<Text<'a>>,
    n: Member<Text<'a>>,
    e: Member<Text<'a>>,
    x: Member<Text<'a>>,
    y: Member<Text<'a>>,
    public: Member<Text<'a>>,
    /// The first member that only a private or secret key has, of any key type and with any value.
    private: Option<&'static str>,
}

impl<'de> Object<'de> for PublicJwk<'de> {
    const MEMBERS: &'static [&'static str] = &["kty", "crv", "alg", "n", "e", "x", "y", "pub"];

    fn read<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<bool, A::Error> {
        match name {
            "kty" => self.kty.read(members),
            "crv" => self.crv.read(members),
            "alg" => self.alg.read(members),
            "n" => self.n.read(members),
            "e" => self.e.read(members),
            "x" => self.x.read(members),
            "y" => self.y.read(members),
            "pub" => self.public.read(members),
            _ => {
                let mut private = PRIVATE.into_iter().chain(["k"]);
                let private = private.find(|known| *known == name);
                self.private = self.private.or(private);
                Ok(false)
            }
        }
    }
}

fn text<'m>(member: &'m Member<Text<'_>>, name: &'static str) -> Result<&'m str, Fault> {
    let text = member.get().map(|text| &*text.0);
    text.ok_or_else(|| Fault::in_member(name, "it is missing"))
}

fn is(member: &Member<Text<'_>>, name: &'static str, expected: &str) -> Result<(), Fault> {
    match text(member, name)? == expected {
        true => Ok(()),
        false => Err(Fault::in_member(name, OTHER_ALGORITHM)),
    }
}

/// The text of a number, which must have no leading zero octets (RFC 7518 §2).
fn number<'m>(member: &'m Member<Text<'_>>, name: &'static str) -> Result<&'m str, Fault> {
    let text = text(member, name)?;
    match decode(text, name)?.first() {
        Some(1..) => Ok(text),
        Some(0) | None => Err(Fault::in_member(name, "it has leading zero octets")),
    }
}

/// The text of this number of octets.
fn octets<'m>(
    member: &'m Member<Text<'_>>,
    name: &'static str,
    length: usize,
) -> Result<&'m str, Fault> {
    let text = text(member, name)?;
    match decode(text, name)?.len() == length {
        true => Ok(text),
        false => Err(Fault::in_member(name, "it has another length")),
    }
}

fn decode(text: &str, name: &'static str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Fault::in_member(name, "it is not base64url without padding"))
}
