//! The keys that verify signatures: algorithms, JWKs and JWK Sets, PEM and certificates.

pub(crate) mod algorithm;
pub(crate) mod certificate;
mod ed25519_point;
#[cfg(any(feature = "jsonwebtoken-11", feature = "jsonwebtoken-12"))]
mod interop;
pub(crate) mod jwk;
mod jwk_octets;
mod jwk_text;
mod jwk_unusable;
pub(crate) mod key;
pub(crate) mod key_set;
mod pem;
mod pem_block;
mod public_key_info;
pub(crate) mod signer;
mod unknown_algorithm;

pub use self::algorithm::Algorithm;
pub use self::key::VerifyingKey;
pub use self::key_set::KeySet;
pub use self::unknown_algorithm::UnknownAlgorithm;
