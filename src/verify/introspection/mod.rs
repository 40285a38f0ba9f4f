//! Opaque tokens, by asking the authorization server (RFC 7662).
//!
//! ```
//! use tower_bearer_auth::{BearerAuthLayer, IntrospectionVerifier, VerifierExt};
//!
//! # fn layer(secret: String) -> Result<impl Clone, tower_bearer_auth::ConfigError> {
//! let verifier = IntrospectionVerifier::builder("https://issuer.example.com/introspect")
//!     .client_secret_basic("notes-server", secret)
//!     .audience("https://api.example.com")
//!     .build()?;
//! let layer = BearerAuthLayer::new(verifier.cached(10_000));
//! # Ok(layer)
//! # }
//! ```
//!
//! Configured: what the server may take, and what else has to be true of a token. JWTs are verified here
//! and only other tokens are asked about:
//!
//! ```
//! use std::time::Duration;
//! use tower::ServiceBuilder;
//! use tower_bearer_auth::{
//!     BearerAuthLayer, CacheLayer, IntrospectionVerifier, JwtVerifier, VerifierExt,
//! };
//!
//! # fn layer(jwts: JwtVerifier, secret: String) -> Result<impl Clone, tower_bearer_auth::ConfigError> {
//! let opaque = IntrospectionVerifier::builder("https://issuer.example.com/introspect")
//!     .client_secret_post("notes-server", secret)
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .timeout(Duration::from_secs(2))
//!     .max_concurrency(16)
//!     .build()?;
//! let opaque = ServiceBuilder::new()
//!     .layer(CacheLayer::new(10_000).max_age(Duration::from_secs(30)))
//!     .service(opaque);
//! let layer = BearerAuthLayer::new(jwts.or_else(opaque));
//! # Ok(layer)
//! # }
//! ```
//!
//! # What is refused, and what is nobody's fault
//!
//! | the server answers | the token is |
//! |---|---|
//! | `active` is `true`, and the rest holds | good |
//! | `active` is `false`, absent or no boolean | not recognized: 401, and the next of [`or_else`](crate::VerifierExt::or_else) is asked |
//! | an `exp` that has passed, an `nbf` to come, another `iss` or no configured `aud`, each also where it is configured and absent | refused: 401 |
//! | a `token_type` other than `Bearer`, a `cnf`, or marks of an ID or refresh token | refused: 401 |
//! | a status other than 200, no JSON object, too much, too late, nothing | not known: 503 with `Retry-After`, the server's own where it sends one |
//!
//! The last row includes 401 and 403: it is this server's credentials that the other one does not like. It
//! is logged as a warning once per outage.

mod answer;
mod backoff;
mod builder;
mod credentials;
mod endpoint;
mod failure;
mod gate;
mod problems;
mod response;
mod verifier;

pub use self::builder::IntrospectionVerifierBuilder;
pub use self::verifier::{IntrospectionFuture, IntrospectionVerifier};
