//! Signed JWT access tokens (RFC 7519, RFC 7515, RFC 8725, RFC 9068).
//!
//! With the issuer's public key:
//!
//! ```
//! use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier};
//!
//! # fn layer(pem: &str) -> Result<BearerAuthLayer<JwtVerifier>, tower_bearer_auth::ConfigError> {
//! let verifier = JwtVerifier::builder()
//!     .public_key_pem(Algorithm::RS256, pem)
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! # Ok(BearerAuthLayer::new(verifier))
//! # }
//! ```
//!
//! For an issuer that follows RFC 9068 and writes roles into a nested claim:
//!
//! ```
//! use std::time::Duration;
//! use tower_bearer_auth::{Algorithm, JwtVerifier};
//!
//! # fn verifier(jwks: &str) -> Result<JwtVerifier, tower_bearer_auth::ConfigError> {
//! let verifier = JwtVerifier::builder()
//!     .jwks_json(jwks)
//!     .algorithms([Algorithm::ES256, Algorithm::EdDSA])
//!     .issuer("https://issuer.example.com")
//!     .audiences(["https://api.example.com", "https://api.example.net"])
//!     .rfc9068()
//!     .scope_claims(["/realm_access/roles"])
//!     .leeway(Duration::from_secs(10))
//!     .build()?;
//! # Ok(verifier)
//! # }
//! ```
//!
//! # What is refused
//!
//! Each of these is answered 401 `invalid_token`, with the reason as a sentence.
//!
//! - **Form:** a token that is not three segments of strict base64url; bytes that are not UTF-8; JSON that is nested
//!   deeper than 32; a header or payload that is not an object, or has a member twice; a registered member of a wrong
//!   type; values that cannot be read (a lone surrogate, `1e400`); more than 256 members that are not listed here.
//! - **Header:** an algorithm that no key allows, which includes `none`; `crit`, `b64`, `zip` and `enc` with any value; a
//!   `typ` other than `JWT` and `at+jwt`. `jwk`, `jku`, `x5u` and `x5c` are never read.
//! - **Signature:** a signature that was made by none of the keys with the token's `kid`. A key without key ID fits every
//!   token, and a token without `kid` fits every key. At most four keys of a set are tried, or
//!   [`key_attempts`](JwtVerifierBuilder::key_attempts).
//! - **Kind:** ID tokens (`at_hash`, `c_hash`), security events (`events`), signed introspection responses
//!   (`token_introspection`), a `token_use` other than `access` and `access_token`, a payload `typ`, `token_type` or
//!   `type` of `id`, `refresh`, `offline` or `logout`, in any case and also with an ending, such as `refresh_token` or
//!   `logout+jwt`.
//! - **Issuer and audience:** values other than the configured ones, byte by byte.
//! - **Dates:** no `exp`, an `exp` in the past, an `nbf` or `iat` in the future, each with the leeway; dates that are not
//!   numbers from 1970 to the year 9999.
//! - **Binding:** a `cnf`, unless the layer checks that the sender has the key that it names; see
//!   [`possession`](crate::possession).
//!
//! A member that is `null` counts as absent, so that a required one is missing. The exceptions are members whose
//! presence alone means something: `crit`, `b64`, `zip` and `enc` in the header, `cnf`, `events`,
//! `token_introspection`, `at_hash` and `c_hash` in the payload.
//!
//! At level `DEBUG` the log has details: which member of a malformed token breaks which rule, and which issuers,
//! audiences and types are expected; see [`telemetry`](crate::telemetry). The content of a token that is not verified
//! is never logged.
//!
//! [`JwtVerifier::explain`] shows a developer which of these rules a token breaks, what was expected and what to change.
//!
//! # Settings for unusual tokens
//!
//! | tokens have | setting |
//! |---|---|
//! | a number for `sub` | [`accept_numeric_subject`](JwtVerifierBuilder::accept_numeric_subject) |
//! | `at_hash` in access tokens (Dex) | [`accept_hash_claims`](JwtVerifierBuilder::accept_hash_claims) |
//! | a header `typ` of the issuer's own | [`also_token_types`](JwtVerifierBuilder::also_token_types) |
//! | `"scope":"read,write"` | [`scope_delimiters`](JwtVerifierBuilder::scope_delimiters) |
//! | scopes in one claim and roles in another | [`merge_scope_claims`](JwtVerifierBuilder::merge_scope_claims) |
//! | no `exp` | [`accept_missing_expiry`](JwtVerifierBuilder::accept_missing_expiry) |
//! | no `aud` | [`claim_in`](JwtVerifierBuilder::claim_in) with the clients |

mod authority;
mod builder;
mod claim_settings;
mod explain;
mod inner;
pub(crate) mod issuer_watch;
pub(crate) mod jws;
mod key_wait;
pub(crate) mod payload;
mod problems;
pub(crate) mod refusal;
pub(crate) mod remote;
mod signature;
mod verifier;
mod wrong_issuer;

pub use self::builder::JwtVerifierBuilder;
pub use self::explain::{CheckOutcome, ExplainedCheck, Explanation};
pub use self::verifier::{JwtVerifier, JwtVerifierFuture};
