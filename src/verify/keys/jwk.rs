//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964), each read on its own.

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

/// Who wrote a JWK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The server's own configuration, which may hold secrets.
    Local,
    /// A document of another server, which must not hold secrets.
    Remote,
}

/// Which JWKs of a set are accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted<'a> {
    pub(crate) origin: Origin,
    /// The values of `use` for keys that verify tokens. A key without `use` is accepted as well.
    pub(crate) key_uses: &'a [Cow<'static, str>],
}

/// `sig` (RFC 7517 §4.2).
pub(crate) const USUAL_KEY_USES: &[Cow<'static, str>] = &[Cow::Borrowed("sig")];

impl Accepted<'static> {
    /// Keys with the `use` of RFC 7517.
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
    /// The `kid` if it can be read, also of a key that cannot be used.
    pub(crate) key_id: Option<String>,
    pub(crate) key: Result<VerifyingKey, Unusable>,
}

impl VerifyingKey {
    /// One JSON Web Key (RFC 7517).
    ///
    /// Without `alg`, an RSA key serves all of RS* and PS*, an EC key the algorithm of its curve, an
    /// Ed25519 key EdDSA, and a secret every HS* it is long enough for. An ML-DSA key (`"kty": "AKP"`, RFC 9964) must
    /// have `alg`.
    ///
    /// `n`, `e`, `x`, `y`, `k` and `pub` may be in base64url or base64, with or without padding. Coordinates of EC keys
    /// may lack leading zero octets or have surplus ones. Members that are not listed in RFC 7518 §6 or RFC 9964 are
    /// ignored whatever their value. An optional member may be `null`.
    ///
    /// # Errors
    ///
    /// When the key cannot verify signatures here. The error names the member.
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

/// The text without a byte order mark at its start.
pub(crate) fn without_bom(json: &str) -> &str {
    json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json)
}

/// Makes a key of the text of one JWK, such as [`jwks_of`](super::key_set::jwks_of) cuts from a set.
pub(crate) fn import_text(json: &str, accepted: Accepted<'_>) -> Imported {
    match JsonText::parse(json) {
        Ok(jwk) => import_parsed(jwk, accepted),
        Err(_) => Imported {
            key_id: None,
            key: Err(Unusable::NotJson),
        },
    }
}

/// As [`import_text`], for a JWK that another crate has parsed.
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

/// `use` and `key_ops`, where they are there, must name our purpose (RFC 7517 §4.2, §4.3).
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
    // The uncompressed form of SEC 1 §2.3.3. Coordinates have their full length (RFC 7518 §6.2.1.2), but several
    // issuers write them as the shortest number, or as a signed one.
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

/// The algorithm of the curve of this name, and the length of its coordinates.
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

/// An Algorithm Key Pair (RFC 9964). It must have `alg`, which alone says how to read `pub`.
fn akp(jwk: &Members<'_>) -> Result<VerifyingKey, Unusable> {
    jwk.is_public()?;
    let name = jwk.required_text("alg")?;
    let algorithm = Algorithm::of_kind(KeyKind::MlDsa).find(|known| known.as_str() == name);
    // Other algorithms have keys of this type as well, SLH-DSA for one.
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
    // Too short for all of them: too short for the one that asks for least.
    let suitable = match long_enough.is_empty() {
        true => vec![Algorithm::HS256],
        false => long_enough,
    };
    make(jwk, suitable, &Material::Secret(&k))
}

/// The key for `suitable`, or for the one of them that `alg` narrows it to.
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

/// The members of a JWK that are read here. The values of others are not checked.
struct Members<'a> {
    values: [Option<JsonText<'a>>; NAMES.len()],
    repeated: Option<&'static str>,
}

const NAMES: [&str; 20] = [
    "kty", "use", "key_ops", "alg", "kid", "crv", "n", "e", "x", "y", "k", "pub", "d", "p", "q",
    "dp", "dq", "qi", "oth", "priv",
];

/// Private members of RSA, EC, OKP and AKP keys (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2, RFC 9964).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

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

    /// The value of one of [`NAMES`]. Some serializers write a `null` for every member that they leave out.
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

    /// Wiped when dropped, since one of them is a secret.
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

/// The index of a name in [`NAMES`]. Names without escapes, which most are, are compared without unescaping.
fn place_of(name: JsonText<'_>) -> Option<usize> {
    let quoted = name.as_str();
    let plain = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .filter(|text| !text.contains('\\'));
    // A name that is not Unicode is not in the list.
    let text = plain.map(Cow::Borrowed).or_else(|| name.string())?;
    NAMES.iter().position(|known| *known == text)
}
