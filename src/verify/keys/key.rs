//! A verification key. Its algorithms are fixed and its material is parsed when the key is constructed.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, ParsedPublicKey, PqdsaVerificationAlgorithm, RsaParameters,
    VerificationAlgorithm,
};
use aws_lc_rs::{digest, hmac};

use super::algorithm::{Algorithm, Curve, Scheme};
use super::ed25519_point::{self, BadPoint};
use crate::config_error::ConfigError;
use crate::key_state::KeyState;

/// A key that verifies the signatures of tokens, with the algorithms that it allows.
///
/// The `alg` of a token only selects among the algorithms of the key. So an attacker cannot make the verifier use a
/// public key as a shared secret (RFC 8725 §3.1).
///
/// RSA keys must have 2048 to 8192 bits. Secrets must be at least as long as the hash of their algorithm (RFC 7518
/// §3.2). Secrets are wiped from memory when the last clone is dropped.
///
/// ```
/// use tower_bearer_auth::{Algorithm, VerifyingKey};
///
/// let key = VerifyingKey::from_secret(Algorithm::HS256, [7; 32])?.with_key_id("2026-11");
/// assert_eq!(key.key_id(), Some("2026-11"));
/// # Ok::<(), tower_bearer_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey {
    key_id: Option<Arc<str>>,
    checks: Arc<[Check]>,
    fingerprint: Fingerprint,
    state: Arc<KeyState>,
}

/// A digest of the key material. It identifies the same key in a later document.
pub(crate) type Fingerprint = [u8; digest::SHA256_OUTPUT_LEN];

/// One algorithm, and the key parsed for it.
struct Check {
    algorithm: Algorithm,
    primitive: Primitive,
}

enum Primitive {
    // Boxed, because it is twenty times as large as `Signature`.
    Hmac(Box<hmac::Key>),
    Signature(ParsedPublicKey),
}

/// Decoded key material, before it is checked and parsed for an algorithm.
pub(crate) enum Material<'a> {
    Secret(&'a [u8]),
    /// Modulus and exponent, big-endian.
    Rsa {
        n: &'a [u8],
        e: &'a [u8],
    },
    /// A SEC 1 point, uncompressed.
    Ec(&'a [u8]),
    Ed25519(&'a [u8]),
    /// The encoded public key of FIPS 204 §7.2.
    MlDsa(&'a [u8]),
}

/// The reason why key material was refused. `Display` writes it as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadMaterial {
    ShortSecret {
        length: usize,
        minimum: usize,
    },
    WeakRsa {
        bits: usize,
    },
    /// A PEM text in place of a secret. It is probably a public key, which attackers know (RFC 8725 §2.1).
    PemAsSecret,
    /// An Ed25519 key of small order. An attacker can forge signatures that it verifies.
    SmallOrder,
    Invalid,
}

impl VerifyingKey {
    /// Creates a key from a secret that the issuer shares, for HS256, HS384 or HS512.
    ///
    /// # Errors
    ///
    /// If the algorithm is none of these, if the secret is shorter than the algorithm's hash (32, 48 or 64 bytes), or
    /// if it is a PEM text. The error does not contain the secret.
    pub fn from_secret(
        algorithm: Algorithm,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        Self::from_material([algorithm], &Material::Secret(secret.as_ref()))
            .map_err(|problem| ConfigError::of(format!("the secret for {algorithm} {problem}")))
    }

    /// Sets the key ID. Default: none, so that the key is tried for tokens with any `kid`.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into().into());
        self
    }

    /// The key ID, which tokens name in `kid` (RFC 7515 §4.1.4).
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The algorithms that the key allows.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.checks.iter().map(|check| check.algorithm)
    }

    /// Creates a key that allows all of `algorithms`. Each must fit the type and the size of the material.
    pub(crate) fn from_material(
        algorithms: impl IntoIterator<Item = Algorithm>,
        material: &Material<'_>,
    ) -> Result<Self, BadMaterial> {
        let checks = algorithms
            .into_iter()
            .map(|algorithm| {
                Ok(Check {
                    algorithm,
                    primitive: Primitive::new(algorithm, material)?,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            key_id: None,
            checks,
            fingerprint: material.fingerprint(),
            state: Arc::default(),
        })
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(crate) fn state(&self) -> &Arc<KeyState> {
        &self.state
    }

    /// Shares the state of an earlier import of the same material, so that withdrawing one withdraws both.
    pub(crate) fn continue_as(&mut self, state: Arc<KeyState>) {
        self.state = state;
    }

    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|allowed| allowed == algorithm)
    }

    /// Whether `signature` over `message` is valid. `false` if the key does not allow `algorithm`.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let check = self.checks.iter().find(|c| c.algorithm == algorithm);
        check.is_some_and(|check| match &check.primitive {
            Primitive::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Primitive::Signature(key) => key.verify_sig(message, signature).is_ok(),
        })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("key_id", &self.key_id())
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Material<'_> {
    fn fingerprint(&self) -> Fingerprint {
        let (kind, parts) = match *self {
            Material::Secret(secret) => (0_u8, [secret, &[]]),
            Material::Rsa { n, e } => (1, [without_leading_zeros(n), without_leading_zeros(e)]),
            Material::Ec(point) => (3, [point, &[]]),
            Material::Ed25519(x) => (4, [x, &[]]),
            // The parameter sets have keys of different lengths.
            Material::MlDsa(key) => (5, [key, &[]]),
        };
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[kind]);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut fingerprint = [0; digest::SHA256_OUTPUT_LEN];
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }
}

impl Primitive {
    fn new(algorithm: Algorithm, material: &Material<'_>) -> Result<Self, BadMaterial> {
        let key = match (algorithm.scheme(), material) {
            (
                Scheme::Hmac {
                    hash,
                    minimum_secret_length,
                },
                Material::Secret(secret),
            ) => {
                let key = secret_key(*hash, *minimum_secret_length, secret)?;
                return Ok(Self::Hmac(Box::new(key)));
            }
            (Scheme::Rsa { verification, .. }, Material::Rsa { n, e }) => {
                rsa_key(verification, n, e)?
            }
            (
                Scheme::Ec {
                    verification,
                    curve,
                    ..
                },
                Material::Ec(point),
            ) => ec_key(verification, curve, point)?,
            (Scheme::Ed25519, Material::Ed25519(x)) => ed25519_key(x)?,
            (
                Scheme::MlDsa {
                    verification,
                    public_key_length,
                    ..
                },
                Material::MlDsa(key),
            ) => ml_dsa_key(verification, *public_key_length, key)?,
            (
                Scheme::Hmac { .. }
                | Scheme::Rsa { .. }
                | Scheme::Ec { .. }
                | Scheme::Ed25519
                | Scheme::MlDsa { .. },
                Material::Secret(_)
                | Material::Rsa { .. }
                | Material::Ec(_)
                | Material::Ed25519(_)
                | Material::MlDsa(_),
            ) => return Err(BadMaterial::Invalid),
        };
        Ok(Self::Signature(key))
    }
}

fn secret_key(
    hash: hmac::Algorithm,
    minimum: usize,
    secret: &[u8],
) -> Result<hmac::Key, BadMaterial> {
    if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Err(BadMaterial::PemAsSecret);
    }
    if secret.len() < minimum {
        let length = secret.len();
        return Err(BadMaterial::ShortSecret { length, minimum });
    }
    Ok(hmac::Key::new(hash, secret))
}

fn rsa_key(
    verification: &'static RsaParameters,
    n: &[u8],
    e: &[u8],
) -> Result<ParsedPublicKey, BadMaterial> {
    // Some providers write a leading zero octet, as if the numbers were signed.
    let n = without_leading_zeros(n);
    let e = without_leading_zeros(e);
    let unused_bits = n.first().map_or(0, |first| first.leading_zeros() as usize);
    rsa_size_is_sound(n.len() * 8 - unused_bits)?;
    // With an exponent of 1, an attacker can compute a valid signature. Neither an exponent nor a modulus can be even.
    // The library supports exponents of up to 33 bits.
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let short = e.len() < 5 || (e.len() == 5 && e[0] == 1);
    if !odd(n) || !odd(e) || e == [1] || !short {
        return Err(BadMaterial::Invalid);
    }
    PublicKeyComponents { n, e }
        .to_parsed_public_key(verification)
        .map_err(|_| BadMaterial::Invalid)
}

fn rsa_size_is_sound(bits: usize) -> Result<(), BadMaterial> {
    match bits {
        2048..=8192 => Ok(()),
        _ => Err(BadMaterial::WeakRsa { bits }),
    }
}

/// Parses an uncompressed point. The library also accepts compressed points and keys wrapped in DER. They are refused,
/// because one key would then have several fingerprints.
fn ec_key(
    verification: &'static EcdsaVerificationAlgorithm,
    curve: &Curve,
    point: &[u8],
) -> Result<ParsedPublicKey, BadMaterial> {
    match point {
        [0x04, coordinates @ ..] if coordinates.len() == 2 * curve.coordinate_length => {
            parsed(verification, point)
        }
        _ => Err(BadMaterial::Invalid),
    }
}

fn ed25519_key(x: &[u8]) -> Result<ParsedPublicKey, BadMaterial> {
    ed25519_point::check(x).map_err(|bad| match bad {
        BadPoint::SmallOrder => BadMaterial::SmallOrder,
        BadPoint::Invalid => BadMaterial::Invalid,
    })?;
    parsed(&signature::ED25519, x)
}

/// Parses an encoded key. The library also accepts keys wrapped in DER. They are refused, because one key would then
/// have two fingerprints. Every key of the right length is valid (FIPS 204 §7.2).
fn ml_dsa_key(
    verification: &'static PqdsaVerificationAlgorithm,
    length: usize,
    key: &[u8],
) -> Result<ParsedPublicKey, BadMaterial> {
    match key.len() == length {
        true => parsed(verification, key),
        false => Err(BadMaterial::Invalid),
    }
}

fn parsed(
    verification: &'static dyn VerificationAlgorithm,
    bytes: &[u8],
) -> Result<ParsedPublicKey, BadMaterial> {
    ParsedPublicKey::new(verification, bytes).map_err(|_| BadMaterial::Invalid)
}

pub(crate) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    &number[zeros..]
}

impl fmt::Display for BadMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret { length, minimum } => {
                write!(f, "has {length} bytes and needs at least {minimum}")
            }
            Self::WeakRsa { bits } => write!(f, "has {bits} bits and needs 2048 to 8192"),
            Self::PemAsSecret => f.write_str("is a PEM text; give a public key to public_key_pem"),
            Self::SmallOrder => {
                f.write_str("is a point of small order, for which signatures can be forged")
            }
            Self::Invalid => f.write_str("does not fit its algorithm or is not a valid key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Material;

    #[test]
    fn keys_of_different_types_have_different_fingerprints() {
        let bytes = [7; 64];
        let fingerprints: HashSet<_> = [
            Material::Secret(&bytes),
            Material::Rsa { n: &bytes, e: &[] },
            Material::Rsa {
                n: &bytes[..32],
                e: &bytes[..32],
            },
            Material::Ec(&bytes),
            Material::Ed25519(&bytes),
            Material::MlDsa(&bytes),
        ]
        .map(|material| material.fingerprint())
        .into();
        assert_eq!(fingerprints.len(), 6);
    }
}
