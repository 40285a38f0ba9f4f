use super::signing_key::SigningKey;
use super::token::TokenBuilder;
use crate::verify::keys::Algorithm;

/// An RSA key pair that signs test tokens with RS256.
///
/// It is a [`SigningKey`] with the name and the methods of FastMCP's class. Use [`SigningKey`] for other algorithms.
#[derive(Debug, Clone)]
pub struct RsaKeyPair {
    key: SigningKey,
}

impl RsaKeyPair {
    /// Generates a key pair of 2048 bits.
    ///
    /// # Panics
    ///
    /// If the system's random number generator fails.
    pub fn generate() -> Self {
        Self {
            key: SigningKey::generate(Algorithm::RS256),
        }
    }

    /// The public key in PEM, as a SubjectPublicKeyInfo.
    pub fn public_key_pem(&self) -> String {
        self.key.public_key_pem()
    }

    /// The private key in PEM, as PKCS#8.
    pub fn private_key_pem(&self) -> String {
        self.key.private_key_pem()
    }

    /// Starts a token that is issued now and expires in an hour.
    pub fn create_token(&self) -> TokenBuilder {
        self.key.token()
    }

    /// The key as a [`SigningKey`], for example to use another algorithm or to export a JWK.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }
}
