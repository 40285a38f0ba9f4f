//! Keys and names from and to the `jsonwebtoken` crate, for code that has them in its types.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind};
use serde_json::Value;

use super::algorithm::{Algorithm, Scheme};
use super::jwk::{self, Origin};
use super::key::{Material, VerifyingKey};
use super::key_set::KeySet;
use super::public_key_info;
use super::unknown_algorithm::UnknownAlgorithm;
use crate::config_error::ConfigError;

impl TryFrom<jsonwebtoken::Algorithm> for Algorithm {
    type Error = ConfigError;

    /// Fails only for algorithms that a later `jsonwebtoken` may bring.
    fn try_from(algorithm: jsonwebtoken::Algorithm) -> Result<Self, ConfigError> {
        let name = format!("{algorithm:?}");
        name.parse()
            .map_err(|unknown: UnknownAlgorithm| ConfigError::of(unknown.to_string()))
    }
}

impl TryFrom<Algorithm> for jsonwebtoken::Algorithm {
    type Error = ConfigError;

    /// Fails for ES512, which `jsonwebtoken` does not have.
    fn try_from(algorithm: Algorithm) -> Result<Self, ConfigError> {
        algorithm
            .as_str()
            .parse()
            .map_err(|_| ConfigError::of(format!("jsonwebtoken does not have {algorithm}")))
    }
}

impl TryFrom<&Jwk> for VerifyingKey {
    type Error = ConfigError;

    /// As [`VerifyingKey::from_jwk`], except that `jsonwebtoken` does not keep private members of a
    /// JWK, so that those go unnoticed here.
    fn try_from(key: &Jwk) -> Result<Self, ConfigError> {
        let mut json = serde_json::to_value(key)
            .map_err(|error| ConfigError::of(format!("the JWK is not JSON: {error}")))?;
        drop_forgotten_algorithm(&mut json);
        jwk::import(&json, Origin::Local)
            .map_err(|unusable| ConfigError::of(format!("the JWK {unusable}")))
    }
}

impl TryFrom<&JwkSet> for KeySet {
    type Error = ConfigError;

    /// As [`KeySet::from_json`].
    fn try_from(set: &JwkSet) -> Result<Self, ConfigError> {
        let mut json = serde_json::to_value(set)
            .map_err(|error| ConfigError::of(format!("the JWK Set is not JSON: {error}")))?;
        let keys = json.get_mut("keys").and_then(Value::as_array_mut);
        keys.into_iter()
            .flatten()
            .for_each(drop_forgotten_algorithm);
        let jwks = json.get("keys").and_then(Value::as_array);
        Self::from_jwks(jwks.into_iter().flatten().map(Value::to_string))
    }
}

/// `jsonwebtoken` has one name for every `alg` it does not know, ES512 and Ed25519 among them. Where
/// the curve says which it was, nothing is lost with it.
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

impl TryFrom<&DecodingKey> for VerifyingKey {
    type Error = ConfigError;

    /// A key for every algorithm that its kind and size allow, since a `DecodingKey` does not say
    /// which it is for. Narrow it with `algorithms(..)` on the verifier's builder.
    fn try_from(key: &DecodingKey) -> Result<Self, ConfigError> {
        let problem = |text: String| ConfigError::of(format!("the DecodingKey {text}"));
        let material = match (key.family(), key.kind()) {
            (_, DecodingKeyKind::RsaModulusExponent { n, e }) => Material::Rsa { n, e },
            (AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(bytes)) => Material::Secret(bytes),
            (AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(bytes)) => {
                public_key_info::rsa(bytes).map_err(|bad| problem(bad.into_owned()))?
            }
            (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(bytes)) => Material::Ec(bytes),
            (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(bytes)) => Material::Ed25519(bytes),
        };
        let suitable: Vec<_> = Algorithm::of_kind(material.kind())
            .filter(|algorithm| fits(*algorithm, &material))
            .collect();
        if suitable.is_empty() {
            return Err(problem("fits no algorithm".into()));
        }
        Self::from_material(suitable, &material).map_err(|bad| problem(bad.to_string()))
    }
}

/// Whether material of the right kind has the size that `algorithm` wants.
fn fits(algorithm: Algorithm, material: &Material<'_>) -> bool {
    match (algorithm.scheme(), material) {
        // One octet for the form, then two coordinates.
        (Scheme::Ec { curve, .. }, Material::Ec(point)) => {
            point.len() == 1 + 2 * curve.coordinate_length
        }
        (_, Material::Secret(secret)) => algorithm.fits_secret(secret.len()),
        (_, Material::Rsa { .. } | Material::Ec(_) | Material::Ed25519(_) | Material::MlDsa(_)) => {
            true
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::super::algorithm::KeyKind;
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
                // Their readers of PEM take some keys for those of another kind.
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
