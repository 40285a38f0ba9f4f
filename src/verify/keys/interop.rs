//! Converts keys and algorithms from and to those of the `jsonwebtoken` crate, for code that already uses its types.
//!
//! Each major version of that crate has its own feature, such as `jsonwebtoken-12`. So support for the next version is
//! not a breaking change of this crate. The conversions are the same for all versions.

use serde_json::Value;

use super::algorithm::{Algorithm, KeyKind, Scheme};
use super::jwk::{self, Origin};
use super::key::{Material, VerifyingKey};
use super::key_set::KeySet;
use super::public_key_info;
use super::unknown_algorithm::UnknownAlgorithm;
use crate::config_error::ConfigError;

/// Implements the conversions for one version of `jsonwebtoken`, given the name of its crate.
macro_rules! conversions {
    ($jsonwebtoken:ident) => {
        impl TryFrom<$jsonwebtoken::Algorithm> for Algorithm {
            type Error = ConfigError;

            /// Converts the algorithm by its name.
            ///
            /// # Errors
            ///
            /// Only for an algorithm that a later minor version of `jsonwebtoken` adds.
            fn try_from(algorithm: $jsonwebtoken::Algorithm) -> Result<Self, ConfigError> {
                let parsed: Result<Self, UnknownAlgorithm> = format!("{algorithm:?}").parse();
                parsed.map_err(|unknown| ConfigError::of(unknown.to_string()))
            }
        }

        impl TryFrom<Algorithm> for $jsonwebtoken::Algorithm {
            type Error = ConfigError;

            /// Converts the algorithm by its name.
            ///
            /// # Errors
            ///
            /// For ES512 and ML-DSA, which `jsonwebtoken` does not have.
            fn try_from(algorithm: Algorithm) -> Result<Self, ConfigError> {
                let unknown = format!("jsonwebtoken does not have {algorithm}");
                algorithm
                    .as_str()
                    .parse()
                    .map_err(|_| ConfigError::of(unknown))
            }
        }

        impl TryFrom<&$jsonwebtoken::jwk::Jwk> for VerifyingKey {
            type Error = ConfigError;

            /// Imports the key as [`VerifyingKey::from_jwk`] does. `jsonwebtoken` drops the private members of a JWK,
            /// so a private key is not detected.
            ///
            /// # Errors
            ///
            /// As for [`VerifyingKey::from_jwk`], and for ML-DSA keys, because `jsonwebtoken` drops their `alg`.
            fn try_from(key: &$jsonwebtoken::jwk::Jwk) -> Result<Self, ConfigError> {
                key_of(serde_json::to_value(key))
            }
        }

        impl TryFrom<&$jsonwebtoken::jwk::JwkSet> for KeySet {
            type Error = ConfigError;

            /// Imports the set as [`KeySet::from_json`] does.
            ///
            /// # Errors
            ///
            /// As for [`KeySet::from_json`].
            fn try_from(set: &$jsonwebtoken::jwk::JwkSet) -> Result<Self, ConfigError> {
                set_of(serde_json::to_value(set))
            }
        }

        impl TryFrom<&$jsonwebtoken::DecodingKey> for VerifyingKey {
            type Error = ConfigError;

            /// Creates a key that allows every algorithm for its type and size, because a `DecodingKey` does not name
            /// one. Use `algorithms(..)` of the verifier's builder to accept fewer.
            ///
            /// # Errors
            ///
            /// If the key is weak or malformed, or fits no algorithm.
            fn try_from(key: &$jsonwebtoken::DecodingKey) -> Result<Self, ConfigError> {
                use $jsonwebtoken::{AlgorithmFamily, DecodingKeyKind};
                let material = match (key.family(), key.kind()) {
                    (_, DecodingKeyKind::RsaModulusExponent { n, e }) => Material::Rsa { n, e },
                    (AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(bytes)) => {
                        Material::Secret(bytes)
                    }
                    (AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(bytes)) => {
                        public_key_info::rsa(bytes).map_err(|bad| bad_decoding_key(&bad))?
                    }
                    (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(bytes)) => {
                        Material::Ec(bytes)
                    }
                    (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(bytes)) => {
                        Material::Ed25519(bytes)
                    }
                };
                key_for_all(&material)
            }
        }
    };
}

#[cfg(feature = "jsonwebtoken-11")]
conversions!(jsonwebtoken_11);
#[cfg(feature = "jsonwebtoken-12")]
conversions!(jsonwebtoken_12);

fn key_of(jwk: serde_json::Result<Value>) -> Result<VerifyingKey, ConfigError> {
    let mut jwk = jwk.map_err(|error| ConfigError::of(format!("the JWK is not JSON: {error}")))?;
    drop_forgotten_algorithm(&mut jwk);
    jwk::import(&jwk, Origin::Local)
        .map_err(|unusable| ConfigError::of(format!("the JWK {unusable}")))
}

fn set_of(set: serde_json::Result<Value>) -> Result<KeySet, ConfigError> {
    let mut set =
        set.map_err(|error| ConfigError::of(format!("the JWK Set is not JSON: {error}")))?;
    let keys = set.get_mut("keys").and_then(Value::as_array_mut);
    keys.into_iter()
        .flatten()
        .for_each(drop_forgotten_algorithm);
    let jwks = set.get("keys").and_then(Value::as_array);
    KeySet::from_jwks(jwks.into_iter().flatten().map(Value::to_string))
}

/// Removes the placeholder that `jsonwebtoken` writes for every `alg` that it does not know, such as ES512 and
/// Ed25519. It is removed only from keys whose curve determines the algorithm.
fn drop_forgotten_algorithm(jwk: &mut Value) {
    let by_curve = matches!(jwk["kty"].as_str(), Some("EC" | "OKP"));
    if let Some(members) = jwk.as_object_mut()
        && by_curve
        && members
            .get("alg")
            .is_some_and(|alg| alg == "UNKNOWN_ALGORITHM")
    {
        members.remove("alg");
    }
}

/// Creates a key that allows every algorithm that the material fits.
fn key_for_all(material: &Material<'_>) -> Result<VerifyingKey, ConfigError> {
    let kind = match material {
        Material::Secret(_) => KeyKind::Secret,
        Material::Rsa { .. } => KeyKind::Rsa,
        Material::Ec(_) => KeyKind::Ec,
        Material::Ed25519(_) => KeyKind::Ed25519,
        Material::MlDsa(_) => KeyKind::MlDsa,
    };
    let suitable: Vec<_> = Algorithm::of_kind(kind)
        .filter(|algorithm| fits(*algorithm, material))
        .collect();
    if suitable.is_empty() {
        return Err(bad_decoding_key("fits no algorithm"));
    }
    VerifyingKey::from_material(suitable, material)
        .map_err(|bad| bad_decoding_key(&bad.to_string()))
}

fn bad_decoding_key(problem: &str) -> ConfigError {
    ConfigError::of(format!("the DecodingKey {problem}"))
}

/// Whether material of the right type has the size that `algorithm` needs.
fn fits(algorithm: Algorithm, material: &Material<'_>) -> bool {
    match material {
        Material::Secret(secret) => algorithm.fits_secret(secret.len()),
        Material::Ec(point) => match algorithm.scheme() {
            // One octet for the form, then two coordinates.
            Scheme::Ec { curve, .. } => point.len() == 1 + 2 * curve.coordinate_length,
            Scheme::Hmac { .. } | Scheme::Rsa { .. } | Scheme::Ed25519 | Scheme::MlDsa { .. } => {
                true
            }
        },
        Material::Rsa { .. } | Material::Ed25519(_) | Material::MlDsa(_) => true,
    }
}

#[cfg(all(test, feature = "testing", feature = "jsonwebtoken-12"))]
mod tests {
    use jsonwebtoken_12::DecodingKey;
    use jsonwebtoken_12::jwk::Jwk;

    use super::*;
    use crate::testing::SigningKey;

    #[test]
    fn a_key_has_one_fingerprint_whatever_form_it_came_in() {
        for &algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm);
            let jwk = key.verifying_key();
            if algorithm.key_kind() == KeyKind::MlDsa {
                // `jsonwebtoken` has no such keys.
                let pem = key.public_key_pem();
                let pem = VerifyingKey::from_public_key_pem(algorithm, pem).unwrap();
                assert_eq!(pem.fingerprint(), jwk.fingerprint(), "{algorithm}");
                continue;
            }
            let theirs: Jwk = match serde_json::from_value(key.jwk()) {
                Ok(jwk) => jwk,
                Err(error) => panic!("{algorithm}: {error}"),
            };
            let mut all = vec![DecodingKey::from_jwk(&theirs).ok()];
            if algorithm.key_kind() != KeyKind::Secret {
                let pem = key.public_key_pem();
                let pem = pem.as_bytes();
                let ours = VerifyingKey::from_public_key_pem(algorithm, pem).unwrap();
                assert_eq!(ours.fingerprint(), jwk.fingerprint(), "{algorithm}");
                all.extend([
                    DecodingKey::from_rsa_pem(pem).ok(),
                    DecodingKey::from_ec_pem(pem).ok(),
                    DecodingKey::from_ed_pem(pem).ok(),
                ]);
            }
            let mut count = 0;
            for theirs in all.iter().flatten() {
                // The PEM parsers of `jsonwebtoken` accept some keys of another type.
                if let Ok(ours) = VerifyingKey::try_from(theirs)
                    && ours.allows(algorithm)
                {
                    assert_eq!(ours.fingerprint(), jwk.fingerprint(), "{algorithm}");
                    count += 1;
                }
            }
            assert!(count > 0, "{algorithm}");
        }
    }
}
