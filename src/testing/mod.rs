//! Keys, tokens and an issuer for the tests of your server, with real signatures and injected faults. Not for
//! production.
//!
//! ```
//! use std::time::Duration;
//! use tower_bearer_auth::testing::RsaKeyPair;
//! use tower_bearer_auth::{Algorithm, JwtVerifier};
//!
//! let key_pair = RsaKeyPair::generate();
//! let verifier = JwtVerifier::builder()
//!     .public_key_pem(Algorithm::RS256, key_pair.public_key_pem())
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//!
//! let token = key_pair
//!     .create_token()
//!     .subject("alice")
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .scopes(["read", "write"])
//!     .expires_in(Duration::from_secs(60))
//!     .claim("tenant", "blue")
//!     .build();
//! # let _ = (verifier, token);
//! # Ok::<(), tower_bearer_auth::ConfigError>(())
//! ```
//!
//! [`TestIssuer`] is an issuer on a loopback port. [`SigningKey`] signs with any algorithm and exports JWKs:
//!
//! ```
//! use tower_bearer_auth::testing::SigningKey;
//! use tower_bearer_auth::{Algorithm, KeySet};
//!
//! let old = SigningKey::generate(Algorithm::ES256).with_key_id("2026-10");
//! let new = SigningKey::generate(Algorithm::EdDSA).with_key_id("2026-11");
//! let keys = KeySet::from_json(&SigningKey::jwk_set([&old, &new]).to_string())?;
//! assert_eq!(keys.keys().len(), 2);
//!
//! let unsigned = new.token().subject("mallory").unsigned().build();
//! assert!(unsigned.ends_with('.'));
//! # Ok::<(), tower_bearer_auth::ConfigError>(())
//! ```
//!
//! [`DpopKey`] is the key of a client whose tokens are bound to it (RFC 9449). It makes the proof of each request:
//!
//! ```
//! use tower_bearer_auth::Algorithm;
//! use tower_bearer_auth::testing::{DpopKey, SigningKey};
//!
//! let issuer = SigningKey::generate(Algorithm::ES256);
//! let client = DpopKey::new();
//! let token = issuer.token().subject("alice").bound_to(&client).build();
//! let proof = client.proof("GET", "https://api.example.com/notes", &token).build();
//! let request = http::Request::get("https://api.example.com/notes?page=2")
//!     .header("authorization", format!("DPoP {token}"))
//!     .header("dpop", proof)
//!     .body(())?;
//! # let _ = request;
//! # Ok::<(), http::Error>(())
//! ```

mod certificate;
mod dpop_key;
mod dpop_proof;
mod fault;
mod faulty_body;
mod introspection;
mod issuer;
mod jws;
mod key_pair;
mod opaque_tokens;
mod private_members;
mod pushed_tokens;
mod signing_key;
mod token;

pub use self::certificate::TestCertificate;
pub use self::dpop_key::DpopKey;
pub use self::dpop_proof::DpopProofBuilder;
pub use self::fault::Fault;
pub use self::issuer::TestIssuer;
pub use self::key_pair::RsaKeyPair;
pub use self::signing_key::SigningKey;
pub use self::token::TokenBuilder;
