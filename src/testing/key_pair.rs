use super::signing_key::SigningKey;
use super::token::TokenBuilder;
use crate::verify::keys::Algorithm;

/// An RSA key pair that signs test tokens with RS256.
///
/// It is a [`SigningKey`] with the name and the methods of FastMCP's class.
#[derive(Debug, Clone)]
pub struct RsaKeyPair {
    key: SigningKey,
}

impl RsaKeyPair {
    /// Generates a key pair of 2048 bits.
    ///
    /// # Panics
    ///
    /// When the system's random number generator fails.
    pub fn generate() -> Self {
        Self {
            key: SigningKey::generate(Algorithm::RS256),
        }
    }

    /// The public key as a PEM SubjectPublicKeyInfo.
    pub fn public_key_pem(&self) -> String {
        self.key.public_key_pem()
    }

    /// The private key as PEM PKCS#8.
    pub fn private_key_pem(&self) -> String {
        self.key.private_key_pem()
    }

    /// Starts a token that is issued now and expires in an hour.
    pub fn create_token(&self) -> TokenBuilder {
        self.key.token()
    }

    /// The pair as a [`SigningKey`], for another algorithm or a JWK.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }
}
