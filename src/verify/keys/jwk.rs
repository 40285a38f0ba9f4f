//! Imports JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964).

use std::borrow::Cow;

#[cfg(any(feature = "jsonwebtoken-11", feature = "jsonwebtoken-12"))]
use serde_json::Value;
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyKind, Scheme};
use super::jwk_octets::octets;
use super::jwk_text::JsonText;
pub(crate) use super::jwk_unusable::Unusable;
use super::key::{BadMaterial, Material, VerifyingKey, without_leading_zeros};
use crate::config_error::ConfigError;
use crate::json::BYTE_ORDER_MARK;

/// The source of a JWK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The server's own configuration, which may have secrets.
    Local,
    /// A document of another server, which must not have secrets.
    Remote,
}

/// Which JWKs of a set are accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted<'a> {
    pub(crate) origin: Origin,
    /// The values of `use` for keys that verify tokens. A key without `use` is accepted as well.
    pub(crate) key_uses: &'a [Cow<'static, str>],
}

/// The `use` of keys for signatures (RFC 7517 §4.2).
pub(crate) const USUAL_KEY_USES: &[Cow<'static, str>] = &[Cow::Borrowed("sig")];

impl Accepted<'static> {
    /// Accepts keys with the `use` of RFC 7517, `sig`.
    pub(crate) fn from(origin: Origin) -> Self {
        Self {
            origin,
            key_uses: USUAL_KEY_USES,
        }
    }
}

/// The result of importing one JWK.
#[derive(Debug)]
pub(crate) struct Imported {
    /// The `kid`, if it can be read. A key that cannot be used may have one too.
    pub(crate) key_id: Option<String>,
    pub(crate) key: Result<VerifyingKey, Unusable>,
}

impl VerifyingKey {
    /// Parses a JSON Web Key (RFC 7517), which may be a secret.
    ///
    /// The key allows the algorithm in `alg`. Without `alg`, an RSA key allows RS* and PS*, an EC key the algorithm of
    /// its curve, an Ed25519 key EdDSA, and a secret every HS* for which it is long enough. An ML-DSA key
    /// (`"kty": "AKP"`, RFC 9964) must have `alg`.
    ///
    /// `n`, `e`, `x`, `y`, `k` and `pub` may be in base64url or base64, with or without padding. Coordinates of EC
    /// keys may have missing or additional leading zero octets. Members that are not listed in RFC 7517 §4, RFC 7518
    /// §6 or RFC 9964 are ignored, whatever their values. An optional member may be `null`.
    ///
    /// # Errors
    ///
    /// If the key is malformed, weak or private, or if it is not for verifying signatures. The error names the member.
    pub fn from_jwk(json: &str) -> Result<Self, ConfigError> {
        let problem = |text: String| ConfigError::of(format!("the JWK {text}"));
        let jwk = JsonText::parse(without_bom(json))
            .map_err(|error| problem(format!("is not JSON: {error}")))?;
        let accepted = Accepted::from(Origin::Local);
        import_parsed(jwk, accepted)
            .key
            .map_err(|unusable| problem(unusable.to_string()))
    }
}

/// Removes a byte order mark at the start of a text.
pub(crate) fn without_bom(json: &str) -> &str {
    json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json)
}

/// Imports the text of one JWK, such as [`jwks_of`](super::key_set::jwks_of) returns for a set.
pub(crate) fn import_text(json: &str, accepted: Accepted<'_>) -> Imported {
    match JsonText::parse(json) {
        Ok(jwk) => import_parsed(jwk, accepted),
        Err(_) => Imported {
            key_id: None,
            key: Err(Unusable::NotJson),
        },
    }
}

/// Like [`import_text`], for a JWK that another crate has parsed.
#[cfg(any(feature = "jsonwebtoken-11", feature = "jsonwebtoken-12"))]
pub(crate) fn import(jwk: &Value, origin: Origin) -> Result<VerifyingKey, Unusable> {
    import_text(&jwk.to_string(), Accepted::from(origin)).key
}

fn import_parsed(jwk: JsonText<'_>, accepted: Accepted<'_>) -> Imported {
    let members = match Members::of(jwk) {
        Ok(members) => members,
        Err(unusable) => {
            return Imported {
                key_id: None,
                key: Err(unusable),
            };
        }
    };
    let key_id = members.text("kid").ok().flatten().map(Cow::into_owned);
    let key = key_of(&members, accepted).map(|key| match &key_id {
        Some(key_id) => key.with_key_id(key_id),
        None => key,
    });
    Imported { key_id, key }
}

fn key_of(jwk: &Members<'_>, accepted: Accepted<'_>) -> Result<VerifyingKey, Unusable> {
    if let Some(name) = jwk.repeated {
        return Err(Unusable::Repeated(name));
    }
    jwk.text("kid")?;
    is_for_verifying(jwk, accepted.key_uses)?;
    match &*jwk.required_text("kty")? {
        "RSA" => rsa(jwk),
        "EC" => ec(jwk),
        "OKP" => okp(jwk),
        "AKP" => akp(jwk),
        "oct" => match accepted.origin {
            Origin::Remote => Err(Unusable::Symmetric),
            Origin::Local => secret(jwk),
        },
        _ => Err(Unusable::UnknownKeyType),
    }
}

/// Checks that `use` and `key_ops`, if present, allow verifying (RFC 7517 §4.2, §4.3).
fn is_for_verifying(jwk: &Members<'_>, key_uses: &[Cow<'static, str>]) -> Result<(), Unusable> {
    if jwk
        .text("use")?
        .is_some_and(|usage| !key_uses.contains(&usage))
    {
        return Err(Unusable::NotForVerifying);
    }
    let Some(operations) = jwk.get("key_ops") else {
        return Ok(());
    };
    let wrong = Unusable::WrongType("key_ops");
    let mut verifies = false;
    for operation in operations.elements().ok_or(wrong)? {
        verifies |= operation.string().ok_or(wrong)? == "verify";
    }
    match verifies {
        true => Ok(()),
        false => Err(Unusable::NotForVerifying),
    }
}

fn rsa(jwk: &Members<'_>) -> Result<VerifyingKey, Unusable> {
    jwk.is_public()?;
    let n = jwk.octets("n")?;
    let e = jwk.octets("e")?;
    let all = Algorithm::of_kind(KeyKind::Rsa);
    make(jwk, all, &Material::Rsa { n: &n, e: &e })
}

fn ec(jwk: &Members<'_>) -> Result<VerifyingKey, Unusable> {
    jwk.is_public()?;
    let name = jwk.required_text("crv")?;
    let (algorithm, length) = on_curve(&name).ok_or(Unusable::UnknownCurve)?;
    // The uncompressed form of SEC 1 §2.3.3. Coordinates must have their full length (RFC 7518 §6.2.1.2), but several
    // issuers omit leading zero octets, or add one as if the number were signed.
    let mut point = vec![0x04];
    for coordinate in ["x", "y"] {
        let octets = jwk.octets(coordinate)?;
        let number = without_leading_zeros(&octets);
        let missing = length.checked_sub(number.len());
        let missing = missing.filter(|_| !octets.is_empty());
        let missing = missing.ok_or(Unusable::Material(BadMaterial::Invalid))?;
        point.resize(point.len() + missing, 0);
        point.extend_from_slice(number);
    }
    make(jwk, [algorithm], &Material::Ec(&point))
}

/// The algorithm for the curve with this name, and the length of its coordinates in bytes.
fn on_curve(name: &str) -> Option<(Algorithm, usize)> {
    Algorithm::ALL
        .iter()
        .find_map(|&algorithm| match algorithm.scheme() {
            Scheme::Ec { curve, .. } if curve.name == name => {
                Some((algorithm, curve.coordinate_length))
            }
            Scheme::Hmac { .. }
            | Scheme::Rsa { .. }
            | Scheme::Ec { .. }
            | Scheme::Ed25519
            | Scheme::MlDsa { .. } => None,
        })
}

fn okp(jwk: &Members<'_>) -> Result<VerifyingKey, Unusable> {
    jwk.is_public()?;
    if jwk.required_text("crv")? != "Ed25519" {
        return Err(Unusable::UnknownCurve);
    }
    // `x` is a string of octets and not a number (RFC 8037 §2), so its length is checked exactly.
    let x = jwk.octets("x")?;
    make(jwk, [Algorithm::EdDSA], &Material::Ed25519(&x))
}

/// Imports an Algorithm Key Pair (RFC 9964). `alg` is required, because only `alg` says how to read `pub`.
fn akp(jwk: &Members<'_>) -> Result<VerifyingKey, Unusable> {
    jwk.is_public()?;
    let name = jwk.required_text("alg")?;
    let algorithm = Algorithm::of_kind(KeyKind::MlDsa).find(|known| known.as_str() == name);
    // Other algorithms, such as SLH-DSA, have keys of this type as well.
    let algorithm = algorithm.ok_or(Unusable::UnsupportedAlgorithm)?;
    let key = jwk.octets("pub")?;
    make(jwk, [algorithm], &Material::MlDsa(&key))
}

fn secret(jwk: &Members<'_>) -> Result<VerifyingKey, Unusable> {
    let k = jwk.octets("k")?;
    let all = Algorithm::of_kind(KeyKind::Secret);
    if jwk.get("alg").is_some() {
        return make(jwk, all, &Material::Secret(&k));
    }
    let long_enough: Vec<_> = all
        .filter(|algorithm| algorithm.fits_secret(k.len()))
        .collect();
    // A secret that is too short for all algorithms is reported for HS256, which has the lowest minimum.
    let suitable = match long_enough.is_empty() {
        true => vec![Algorithm::HS256],
        false => long_enough,
    };
    make(jwk, suitable, &Material::Secret(&k))
}

/// Creates a key that allows the algorithm in `alg`, which must be in `suitable`. Without `alg` it allows all of
/// these.
fn make(
    jwk: &Members<'_>,
    suitable: impl IntoIterator<Item = Algorithm>,
    material: &Material<'_>,
) -> Result<VerifyingKey, Unusable> {
    let suitable = suitable.into_iter();
    let key = match jwk.text("alg")? {
        None => VerifyingKey::from_material(suitable, material),
        Some(name) => {
            let algorithm = Algorithm::from_name(&name).ok_or(Unusable::UnsupportedAlgorithm)?;
            let mut suitable = suitable;
            if !suitable.any(|candidate| candidate == algorithm) {
                return Err(Unusable::UnsupportedAlgorithm);
            }
            VerifyingKey::from_material([algorithm], material)
        }
    };
    key.map_err(Unusable::Material)
}

/// The members of a JWK that this module uses. The values of other members are not checked.
struct Members<'a> {
    values: [Option<JsonText<'a>>; NAMES.len()],
    repeated: Option<&'static str>,
}

const NAMES: [&str; 20] = [
    "kty", "use", "key_ops", "alg", "kid", "crv", "n", "e", "x", "y", "k", "pub", "d", "p", "q",
    "dp", "dq", "qi", "oth", "priv",
];

/// Private members of RSA, EC, OKP and AKP keys (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2, RFC 9964).
pub(crate) const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

impl<'a> Members<'a> {
    fn of(jwk: JsonText<'a>) -> Result<Self, Unusable> {
        let mut members = Self {
            values: [None; NAMES.len()],
            repeated: None,
        };
        for (name, value) in jwk.members().ok_or(Unusable::NotAnObject)? {
            let Some(place) = place_of(name) else {
                continue;
            };
            if members.values[place].replace(value).is_some() {
                members.repeated = Some(NAMES[place]);
            }
        }
        Ok(members)
    }

    /// The value of one of [`NAMES`]. `null` means absent, because some serializers write it for absent members.
    fn get(&self, name: &'static str) -> Option<JsonText<'a>> {
        let place = NAMES.iter().position(|known| *known == name)?;
        self.values[place].filter(|value| !value.is_null())
    }

    fn text(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, Unusable> {
        self.get(name)
            .map(|value| value.string().ok_or(Unusable::WrongType(name)))
            .transpose()
    }

    fn required_text(&self, name: &'static str) -> Result<Cow<'a, str>, Unusable> {
        self.text(name)?.ok_or(Unusable::Missing(name))
    }

    /// Decodes a required member. The octets are wiped when they are dropped, because `k` is a secret.
    fn octets(&self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, Unusable> {
        octets(&self.required_text(name)?).ok_or(Unusable::NotBase64(name))
    }

    fn is_public(&self) -> Result<(), Unusable> {
        match PRIVATE.iter().any(|name| self.get(name).is_some()) {
            true => Err(Unusable::Private),
            false => Ok(()),
        }
    }
}

/// The index of a name in [`NAMES`]. Names without escapes, which are almost all, are compared without unescaping.
fn place_of(name: JsonText<'_>) -> Option<usize> {
    let quoted = name.as_str();
    let plain = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .filter(|text| !text.contains('\\'));
    // A name with a lone surrogate is not in the list.
    let text = plain.map(Cow::Borrowed).or_else(|| name.string())?;
    NAMES.iter().position(|known| *known == text)
}
