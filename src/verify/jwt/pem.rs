//! Public keys in PEM. jsonwebtoken reads the text and the ASN.1; the key is made here.

use jsonwebtoken::DecodingKey;

use super::algorithm::{Algorithm, KeyKind};
use super::key::{Material, VerifyingKey};
use crate::config_error::ConfigError;

impl VerifyingKey {
    /// A public key in PEM: SubjectPublicKeyInfo (`PUBLIC KEY`), PKCS#1 (`RSA PUBLIC KEY`) or the
    /// first X.509 certificate (`CERTIFICATE`).
    ///
    /// Of a certificate only the key counts: its dates, names and issuer are not looked at. One that an
    /// Ed25519 key signed can be read only when its own key is Ed25519 too; extract its public key.
    ///
    /// # Errors
    ///
    /// When the text is not such a PEM, holds a private key, or does not fit the algorithm.
    pub fn from_public_key_pem(
        algorithm: Algorithm,
        pem: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        import(algorithm, pem.as_ref())
    }
}

fn import(algorithm: Algorithm, pem: &[u8]) -> Result<VerifyingKey, ConfigError> {
    let problem = |text: &str| ConfigError::of(format!("the PEM key for {algorithm} {text}"));

    // Half of the readers below would take one, and a verifier should never hold it.
    if contains(pem, b"PRIVATE KEY-----") {
        return Err(problem("is a private key; give the public one"));
    }
    let key = match algorithm.key_kind() {
        KeyKind::Secret => return Err(problem("would have to be a secret; use secret(..)")),
        KeyKind::Rsa => DecodingKey::from_rsa_pem(pem),
        KeyKind::Ec => DecodingKey::from_ec_pem(pem),
        KeyKind::Ed25519 => DecodingKey::from_ed_pem(pem),
    };
    let key = key.map_err(|_| {
        problem("is not a PEM public key or certificate of the kind that the algorithm needs")
    })?;
    let bytes = key
        .try_get_as_bytes()
        .map_err(|_| problem("cannot be read"))?;
    let material = match algorithm.key_kind() {
        KeyKind::Ec => Material::Ec(bytes),
        KeyKind::Ed25519 => Material::Ed25519(bytes),
        KeyKind::Rsa | KeyKind::Secret => Material::RsaDer(bytes),
    };
    VerifyingKey::from_material([algorithm], &material).map_err(|bad| problem(&bad.to_string()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
