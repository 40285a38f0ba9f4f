//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2), each read on its own.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyKind};
use super::key::{BadMaterial, Material, VerifyingKey, minimum_secret_length};
use crate::config_error::ConfigError;

/// Who wrote a JWK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The server's own configuration, which may hold secrets.
    Local,
    /// Somebody else's document, which may not.
    Remote,
}

/// Why a JWK is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Not a JSON object, or a member of a wrong type.
    Malformed,
    UnknownKeyType,
    UnknownCurve,
    /// An `alg` that is not a signature algorithm here, or not one for this key.
    UnsupportedAlgorithm,
    /// Made for encryption, or not for verifying.
    NotForVerifying,
    /// It has private members, which have no business in a verifier.
    Private,
    /// A shared secret, published.
    Symmetric,
    Material(BadMaterial),
}

impl Unusable {
    /// A short constant name, for counting.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKeyType => "unknown_key_type",
            Self::UnknownCurve => "unknown_curve",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::NotForVerifying => "not_for_verifying",
            Self::Private => "private",
            Self::Symmetric => "symmetric",
            Self::Material(BadMaterial::WeakRsa { .. }) => "weak_rsa",
            Self::Material(BadMaterial::ShortSecret { .. }) => "short_secret",
            Self::Material(BadMaterial::PemAsSecret | BadMaterial::Invalid) => "invalid_material",
        }
    }

    /// Whether a set of keys may well hold such a key, for a purpose that is none of ours.
    pub(super) fn is_for_others(self) -> bool {
        matches!(
            self,
            Self::UnknownKeyType
                | Self::UnknownCurve
                | Self::UnsupportedAlgorithm
                | Self::NotForVerifying
        )
    }
}

impl VerifyingKey {
    /// One JSON Web Key (RFC 7517).
    ///
    /// Without `alg`, an RSA key serves all of RS* and PS*, an EC key the algorithm of its curve, an
    /// Ed25519 key EdDSA, and a secret every HS* it is long enough for.
    ///
    /// # Errors
    ///
    /// When it is no key that can verify signatures here.
    pub fn from_jwk(json: &str) -> Result<Self, ConfigError> {
        let problem = |text: String| ConfigError::of(format!("the JWK {text}"));
        let jwk: Value =
            serde_json::from_str(json).map_err(|error| problem(format!("is not JSON: {error}")))?;
        import(&jwk, Origin::Local).map_err(|unusable| problem(unusable.to_string()))
    }
}

pub(crate) fn import(jwk: &Value, origin: Origin) -> Result<VerifyingKey, Unusable> {
    let members = jwk.as_object().ok_or(Unusable::Malformed)?;
    is_for_verifying(members)?;
    let kind = required_text(members, "kty")?;
    let key = match kind {
        "RSA" => rsa(members)?,
        "EC" => ec(members)?,
        "OKP" => okp(members)?,
        "oct" if origin == Origin::Remote => return Err(Unusable::Symmetric),
        "oct" => secret(members)?,
        _ => return Err(Unusable::UnknownKeyType),
    };
    Ok(match text(members, "kid")? {
        Some(key_id) => key.with_key_id(key_id),
        None => key,
    })
}

/// `use` and `key_ops`, where they are there, must name our purpose (RFC 7517 §4.2, §4.3).
fn is_for_verifying(jwk: &Map<String, Value>) -> Result<(), Unusable> {
    if text(jwk, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(Unusable::NotForVerifying);
    }
    let Some(operations) = jwk.get("key_ops").filter(|value| !value.is_null()) else {
        return Ok(());
    };
    let operations = operations.as_array().ok_or(Unusable::Malformed)?;
    if operations.iter().any(|operation| !operation.is_string()) {
        return Err(Unusable::Malformed);
    }
    match operations.iter().any(|operation| operation == "verify") {
        true => Ok(()),
        false => Err(Unusable::NotForVerifying),
    }
}

fn rsa(jwk: &Map<String, Value>) -> Result<VerifyingKey, Unusable> {
    is_public(jwk)?;
    let n = octets(jwk, "n")?;
    let e = octets(jwk, "e")?;
    let all = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| algorithm.key_kind() == KeyKind::Rsa);
    make(jwk, all, &Material::Rsa { n: &n, e: &e })
}

fn ec(jwk: &Map<String, Value>) -> Result<VerifyingKey, Unusable> {
    is_public(jwk)?;
    let (algorithm, coordinate_length) = match required_text(jwk, "crv")? {
        "P-256" => (Algorithm::ES256, 32),
        "P-384" => (Algorithm::ES384, 48),
        "P-521" => (Algorithm::ES512, 66),
        _ => return Err(Unusable::UnknownCurve),
    };
    // The uncompressed form of SEC 1 §2.3.3. Coordinates have their full length (RFC 7518 §6.2.1.2).
    let mut point = vec![0x04];
    for coordinate in ["x", "y"] {
        let octets = octets(jwk, coordinate)?;
        if octets.len() != coordinate_length {
            return Err(Unusable::Material(BadMaterial::Invalid));
        }
        point.extend_from_slice(&octets);
    }
    make(jwk, [algorithm], &Material::Ec(&point))
}

fn okp(jwk: &Map<String, Value>) -> Result<VerifyingKey, Unusable> {
    is_public(jwk)?;
    if required_text(jwk, "crv")? != "Ed25519" {
        return Err(Unusable::UnknownCurve);
    }
    let x = octets(jwk, "x")?;
    if x.len() != 32 {
        return Err(Unusable::Material(BadMaterial::Invalid));
    }
    make(jwk, [Algorithm::EdDSA], &Material::Ed25519(&x))
}

fn secret(jwk: &Map<String, Value>) -> Result<VerifyingKey, Unusable> {
    let k = octets(jwk, "k")?;
    let all = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| algorithm.key_kind() == KeyKind::Secret);
    if jwk.contains_key("alg") {
        return make(jwk, all, &Material::Secret(&k));
    }
    let long_enough: Vec<_> = all
        .filter(|algorithm| minimum_secret_length(*algorithm).is_some_and(|min| k.len() >= min))
        .collect();
    // Too short for all of them: too short for the one that asks for least.
    let suitable = match long_enough.is_empty() {
        true => vec![Algorithm::HS256],
        false => long_enough,
    };
    make(jwk, suitable, &Material::Secret(&k))
}

/// The key for `suitable`, or for the one of them that `alg` narrows it to.
fn make(
    jwk: &Map<String, Value>,
    suitable: impl IntoIterator<Item = Algorithm>,
    material: &Material<'_>,
) -> Result<VerifyingKey, Unusable> {
    let suitable = suitable.into_iter();
    let key = match text(jwk, "alg")? {
        None => VerifyingKey::from_material(suitable, material),
        Some(name) => {
            let algorithm = Algorithm::from_name(name).ok_or(Unusable::UnsupportedAlgorithm)?;
            let mut suitable = suitable;
            if !suitable.any(|candidate| candidate == algorithm) {
                return Err(Unusable::UnsupportedAlgorithm);
            }
            VerifyingKey::from_material([algorithm], material)
        }
    };
    key.map_err(Unusable::Material)
}

/// Private members of RSA, EC and OKP keys (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2).
fn is_public(jwk: &Map<String, Value>) -> Result<(), Unusable> {
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth"];
    let there = |member: &&str| jwk.get(*member).is_some_and(|value| !value.is_null());
    match private.iter().any(there) {
        true => Err(Unusable::Private),
        false => Ok(()),
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Result<Option<&'a str>, Unusable> {
    match jwk.get(member) {
        // Some serializers write a null for everything they leave out.
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Unusable::Malformed),
    }
}

fn required_text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Result<&'a str, Unusable> {
    text(jwk, member)?.ok_or(Unusable::Malformed)
}

/// Wiped when dropped, since one of them is a secret.
fn octets(jwk: &Map<String, Value>, member: &str) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let encoded = required_text(jwk, member)?;
    URL_SAFE_NO_PAD
        .decode(encoded)
        .map(Zeroizing::new)
        .map_err(|_| Unusable::Malformed)
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "lacks a member or has one of a wrong type",
            Self::UnknownKeyType => "has an unknown key type (kty)",
            Self::UnknownCurve => "has an unknown curve (crv)",
            Self::UnsupportedAlgorithm => "has an alg that is not supported for its type",
            Self::NotForVerifying => "is not for verifying signatures (use, key_ops)",
            Self::Private => "has private members; give the public key",
            Self::Symmetric => "is a shared secret",
            Self::Material(bad) => return bad.fmt(f),
        })
    }
}
