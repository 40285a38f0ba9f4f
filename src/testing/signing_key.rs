use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, PqdsaKeyPair, RsaKeyPair};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::verify::keys::algorithm::{KeyKind, Scheme};
use crate::verify::keys::{Algorithm, VerifyingKey};

/// A key that signs test tokens with any [`Algorithm`].
///
/// Clones share the key. `Debug` does not show it.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    private: Arc<Private>,
}

pub(super) enum Private {
    Secret(Vec<u8>),
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
}

impl SigningKey {
    /// Generates a key for this algorithm: a random secret as long as the hash, an RSA key of 2048 bits, a key on the
    /// algorithm's curve, or an ML-DSA key of the algorithm's parameter set.
    ///
    /// # Panics
    ///
    /// If the system's random number generator fails.
    pub fn generate(algorithm: Algorithm) -> Self {
        let private = match algorithm.scheme() {
            Scheme::Hmac {
                minimum_secret_length,
                ..
            } => Private::random_secret(*minimum_secret_length),
            Scheme::Rsa { .. } => RsaKeyPair::generate(rsa::KeySize::Rsa2048)
                .map(Private::Rsa)
                .expect(RANDOMNESS),
            Scheme::Ec { signing, .. } => EcdsaKeyPair::generate(signing)
                .map(Private::Ec)
                .expect(RANDOMNESS),
            Scheme::Ed25519 => Ed25519KeyPair::generate()
                .map(Private::Ed25519)
                .expect(RANDOMNESS),
            Scheme::MlDsa { signing, .. } => PqdsaKeyPair::generate(signing)
                .map(Private::MlDsa)
                .expect(RANDOMNESS),
        };
        Self::new(algorithm, private)
    }

    /// Creates a key from a shared secret of any length, for HS256, HS384 or HS512.
    ///
    /// # Panics
    ///
    /// If the algorithm is not one of these.
    #[track_caller]
    pub fn from_secret(algorithm: Algorithm, secret: impl Into<Vec<u8>>) -> Self {
        assert!(
            algorithm.key_kind() == KeyKind::Secret,
            "{algorithm} does not work with a secret"
        );
        Self::new(algorithm, Private::Secret(secret.into()))
    }

    /// Reads a private key in PEM, as PKCS#8: what [`private_key_pem`](Self::private_key_pem) writes. With it, a test
    /// program can keep its key.
    ///
    /// # Panics
    ///
    /// If it is not the PEM of a private key for this algorithm, or if the algorithm is HS256, HS384 or HS512.
    #[track_caller]
    pub fn from_private_key_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Self {
        let Ok(block) = pem::parse(pem) else {
            panic!("the private key is not in PEM")
        };
        let der = block.contents();
        let private = match algorithm.scheme() {
            Scheme::Hmac { .. } => panic!("{algorithm} has no private key"),
            Scheme::Rsa { .. } => RsaKeyPair::from_pkcs8(der).map(Private::Rsa),
            Scheme::Ec { signing, .. } => EcdsaKeyPair::from_pkcs8(signing, der).map(Private::Ec),
            Scheme::Ed25519 => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Private::Ed25519)
            }
            Scheme::MlDsa { signing, .. } => {
                PqdsaKeyPair::from_pkcs8(signing, der).map(Private::MlDsa)
            }
        };
        match private {
            Ok(private) => Self::new(algorithm, private),
            Err(_) => panic!("the PEM is not a private key for {algorithm}"),
        }
    }

    fn new(algorithm: Algorithm, private: Private) -> Self {
        Self {
            algorithm,
            key_id: None,
            private: Arc::new(private),
        }
    }

    /// Sets the key ID, which is the `kid` of its tokens and its JWK. Default: none.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Sets another algorithm for the same key: any RS* or PS* for an RSA key, any HS* for a secret.
    ///
    /// # Panics
    ///
    /// If the algorithm needs another type of key.
    #[must_use]
    #[track_caller]
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Self {
        let kind = algorithm.key_kind();
        let shares_keys = match kind {
            KeyKind::Secret | KeyKind::Rsa => kind == self.algorithm.key_kind(),
            KeyKind::Ec | KeyKind::Ed25519 | KeyKind::MlDsa => false,
        };
        let fits = shares_keys || self.algorithm == algorithm;
        assert!(
            fits,
            "a key for {} cannot serve {algorithm}",
            self.algorithm
        );
        self.algorithm = algorithm;
        self
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key ID, if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Signs `message`, and returns the signature in the form that JWS uses (RFC 7518 §3, RFC 8037 §3.1, RFC 9964).
    ///
    /// # Panics
    ///
    /// If the cryptography library fails, which is not expected for keys that it generated.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match (&*self.private, self.algorithm.scheme()) {
            (Private::Secret(secret), Scheme::Hmac { hash, .. }) => {
                let key = hmac::Key::new(*hash, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            (Private::Rsa(key), Scheme::Rsa { signing, .. }) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*signing, &random, message, &mut signature)
                    .expect("an RSA key signs");
                signature
            }
            (Private::Ec(key), Scheme::Ec { .. }) => {
                let signature = key.sign(&random, message).expect("an EC key signs");
                signature.as_ref().to_vec()
            }
            (Private::Ed25519(key), Scheme::Ed25519) => key.sign(message).as_ref().to_vec(),
            (Private::MlDsa(key), Scheme::MlDsa { signing, .. }) => {
                let mut signature = vec![0; signing.signature_len()];
                key.sign(message, &mut signature)
                    .expect("an ML-DSA key signs");
                signature
            }
            (
                Private::Secret(_)
                | Private::Rsa(_)
                | Private::Ec(_)
                | Private::Ed25519(_)
                | Private::MlDsa(_),
                Scheme::Hmac { .. }
                | Scheme::Rsa { .. }
                | Scheme::Ec { .. }
                | Scheme::Ed25519
                | Scheme::MlDsa { .. },
            ) => unreachable!("{}", OF_ITS_KIND),
        }
    }

    /// The key that verifies the signatures of this key. It has the same key ID.
    ///
    /// # Panics
    ///
    /// If the key was created [from a secret](Self::from_secret) that is too short for its algorithm.
    #[track_caller]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::from_jwk(&self.jwk().to_string()).expect("a sound key")
    }

    /// The public key as a JWK (RFC 7517) with `alg` and `use`. For HS* the JWK contains the secret, because there is
    /// no public key.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.required_members();
        jwk["alg"] = self.algorithm.as_str().into();
        jwk["use"] = "sig".into();
        if let Some(key_id) = &self.key_id {
            jwk["kid"] = key_id.as_str().into();
        }
        jwk
    }

    /// The private key, for the members of a private JWK.
    pub(super) fn private(&self) -> &Private {
        &self.private
    }

    /// The JWK with the members that its thumbprint covers (RFC 7638 §3.2, RFC 9964).
    pub(super) fn required_members(&self) -> Value {
        match &*self.private {
            Private::Secret(secret) => json!({"kty": "oct", "k": base64url(secret)}),
            Private::Rsa(key) => {
                let public = key.public_key();
                json!({
                    "kty": "RSA",
                    "n": base64url(public.modulus().big_endian_without_leading_zero()),
                    "e": base64url(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Private::Ec(key) => {
                let Scheme::Ec { curve, .. } = self.algorithm.scheme() else {
                    unreachable!("{}", OF_ITS_KIND)
                };
                // One octet for the form, then two coordinates.
                let (x, y) = key.public_key().as_ref()[1..].split_at(curve.coordinate_length);
                json!({"kty": "EC", "crv": curve.name, "x": base64url(x), "y": base64url(y)})
            }
            Private::Ed25519(key) => {
                let x = base64url(key.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x})
            }
            Private::MlDsa(key) => {
                let public = base64url(key.public_key().as_ref());
                json!({"kty": "AKP", "alg": self.algorithm.as_str(), "pub": public})
            }
        }
    }

    /// The JWK Set of these keys.
    pub fn jwk_set<'k>(keys: impl IntoIterator<Item = &'k Self>) -> Value {
        let keys: Vec<_> = keys.into_iter().map(Self::jwk).collect();
        json!({ "keys": keys })
    }

    /// The public key in PEM, as a SubjectPublicKeyInfo.
    ///
    /// # Panics
    ///
    /// If the algorithm is HS256, HS384 or HS512, which have no public key.
    #[track_caller]
    pub fn public_key_pem(&self) -> String {
        let der: Result<PublicKeyX509Der<'_>, _> = match &*self.private {
            Private::Secret(_) => panic!("{} has no public key", self.algorithm),
            Private::Rsa(key) => key.public_key().as_der(),
            Private::Ec(key) => key.public_key().as_der(),
            Private::Ed25519(key) => key.public_key().as_der(),
            Private::MlDsa(key) => key.public_key().as_der(),
        };
        to_pem(
            "PUBLIC KEY",
            der.expect("a public key has a DER form").as_ref(),
        )
    }

    /// The private key in PEM, as PKCS#8.
    ///
    /// # Panics
    ///
    /// If the algorithm is HS256, HS384 or HS512, whose keys have no PKCS#8 form.
    #[track_caller]
    pub fn private_key_pem(&self) -> String {
        let label = "PRIVATE KEY";
        match &*self.private {
            Private::Secret(_) => panic!("{} has no private key", self.algorithm),
            Private::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().expect(PKCS8);
                to_pem(label, der.as_ref())
            }
            Private::Ec(key) => to_pem(label, key.to_pkcs8v1().expect(PKCS8).as_ref()),
            Private::Ed25519(key) => to_pem(label, key.to_pkcs8v1().expect(PKCS8).as_ref()),
            Private::MlDsa(key) => to_pem(label, key.to_pkcs8v1().expect(PKCS8).as_ref()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Private {
    fn random_secret(length: usize) -> Self {
        let mut secret = vec![0; length];
        rand::fill(&mut secret).expect(RANDOMNESS);
        Self::Secret(secret)
    }
}

const RANDOMNESS: &str = "the system has randomness";
const OF_ITS_KIND: &str = "the private key has the type that its algorithm needs";
const PKCS8: &str = "a private key has a PKCS#8 form";

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn to_pem(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}
