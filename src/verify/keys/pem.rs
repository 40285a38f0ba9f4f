//! Public keys in PEM.

use der::Decode;
use spki::SubjectPublicKeyInfoRef;

use super::algorithm::{Algorithm, KeyKind};
use super::certificate;
use super::key::VerifyingKey;
use super::pem_block::{self, Label, Problem};
use super::public_key_info;
use crate::config_error::ConfigError;

impl VerifyingKey {
    /// Reads a public key in PEM (RFC 7468): SubjectPublicKeyInfo (`PUBLIC KEY`), PKCS#1 (`RSA PUBLIC KEY`) or an
    /// X.509 certificate (`CERTIFICATE`).
    ///
    /// The key must have the type and the curve that the algorithm needs. An RSA key fits RS* and PS*. A key of the
    /// type id-RSASSA-PSS fits only PS*, and only the algorithms that its parameters allow. Points of EC keys must be
    /// uncompressed.
    ///
    /// Only the key of a certificate is used. Its signature, dates and names are not checked.
    ///
    /// Text around the block, the length of lines and the form of line ends are ignored. The limit of the text is
    /// 1 MiB.
    ///
    /// # Errors
    ///
    /// If the text does not contain exactly one such block, if it contains a private key, or if its key does not fit
    /// the algorithm. The error says what was found instead, such as two keys, a certificate chain, a path, DER or
    /// another curve.
    pub fn from_public_key_pem(
        algorithm: Algorithm,
        pem: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        import(algorithm, pem.as_ref())
            .map_err(|problem| ConfigError::of(format!("the PEM key for {algorithm} {problem}")))
    }
}

fn import(algorithm: Algorithm, pem: &[u8]) -> Result<VerifyingKey, Problem> {
    let (label, der) = pem_block::the_block(pem)?;
    if algorithm.key_kind() == KeyKind::Secret {
        return Err("would have to be a secret; use secret(..)".into());
    }
    let info: SubjectPublicKeyInfoRef<'_>;
    let material = match label {
        Label::RsaPublicKey if algorithm.key_kind() != KeyKind::Rsa => {
            return Err("is an RSA key, which the algorithm does not use".into());
        }
        Label::RsaPublicKey => public_key_info::rsa(&der)?,
        Label::PublicKey => {
            info = SubjectPublicKeyInfoRef::from_der(&der)
                .map_err(|error| format!("holds no SubjectPublicKeyInfo in DER: {error}"))?;
            public_key_info::material(algorithm, &info)?
        }
        Label::Certificate => {
            info = certificate::public_key_info(&der)?;
            public_key_info::material(algorithm, &info)?
        }
    };
    VerifyingKey::from_material([algorithm], &material).map_err(|bad| bad.to_string().into())
}
