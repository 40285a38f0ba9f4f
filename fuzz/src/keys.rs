//! Keys for these targets only, the same on every run, and the default issuer and audience.

use std::sync::LazyLock;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

pub(crate) const ISSUER: &str = "https://issuer.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// The current time of all targets with a manual clock, in seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

/// Long enough for every HMAC.
pub(crate) const SECRET: &[u8; 64] =
    b"a secret of sixty-four bytes that everybody knows, for the fuzz.";

/// The public keys as JWKs. A set that contains one of these verifies its tokens.
pub(crate) const RSA_JWK: &str = include_str!("../keys/rsa.jwk.json");
pub(crate) const EC_JWK: &str = include_str!("../keys/ec.jwk.json");
pub(crate) const ED_JWK: &str = include_str!("../keys/ed.jwk.json");

pub(crate) const RSA_PUBLIC_PEM: &str = include_str!("../keys/rsa.pub.pem");

/// A key pair in the form of `jsonwebtoken`, and its only algorithm.
pub(crate) struct KeyPair {
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
    pub(crate) public: DecodingKey,
}

pub(crate) static HMAC: LazyLock<KeyPair> = LazyLock::new(|| KeyPair {
    algorithm: Algorithm::HS256,
    private: EncodingKey::from_secret(SECRET).unwrap(),
    public: DecodingKey::from_secret(SECRET).unwrap(),
});

pub(crate) static RSA: LazyLock<KeyPair> = LazyLock::new(|| KeyPair {
    algorithm: Algorithm::RS256,
    private: EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem")).expect("a key"),
    public: DecodingKey::from_rsa_pem(RSA_PUBLIC_PEM.as_bytes()).expect("a key"),
});

pub(crate) static EC: LazyLock<KeyPair> = LazyLock::new(|| KeyPair {
    algorithm: Algorithm::ES256,
    private: EncodingKey::from_ec_pem(include_bytes!("../keys/ec.pem")).expect("a key"),
    public: DecodingKey::from_ec_pem(include_bytes!("../keys/ec.pub.pem")).expect("a key"),
});

pub(crate) static ED: LazyLock<KeyPair> = LazyLock::new(|| KeyPair {
    algorithm: Algorithm::EdDSA,
    private: EncodingKey::from_ed_pem(include_bytes!("../keys/ed.pem")).expect("a key"),
    public: DecodingKey::from_ed_pem(include_bytes!("../keys/ed.pub.pem")).expect("a key"),
});
