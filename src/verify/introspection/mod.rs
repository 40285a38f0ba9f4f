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
//! # What an answer means
//!
//! | the endpoint answers | the token is |
//! |---|---|
//! | 200, `active` is `true`, and the rest holds | good |
//! | 200, 400, 401 or 403, and `active` is `false` | not recognized: 401, and the next of [`or_else`](crate::VerifierExt::or_else) is asked |
//! | 400, 401 or 403 with the `error` `invalid_token` and no `active` | the same, but for 401 where this server asks with a bearer token of its own |
//! | a status of [`inactive_statuses`](IntrospectionVerifierBuilder::inactive_statuses), whatever the body | the same |
//! | an `exp` that has passed, an `nbf` to come, another `iss` or no configured `aud`, each also where it is configured and absent | refused: 401 |
//! | a `token_type` other than `Bearer` and `access_token`, a `cnf`, or marks of an ID or refresh token | refused: 401 |
//! | 200, and `active` is missing, no boolean, or there twice; an `error` beside an `active` that is `true` | not known: 503, and a warning |
//! | the `error` `invalid_client`, with any status and whatever else the body says | not known: 503, and a warning |
//! | another status, no JSON object, an encoding that was not asked for, too much, too late, nothing | not known: 503, and a warning |
//!
//! 503 comes with `Retry-After`: the endpoint's own where it sends one. The warning says what was wrong, and is
//! logged once per outage.
//!
//! Names count to the letter: `Active` is another member. A member that is `null` is absent, but for `cnf` and the
//! marks of other kinds of token. A UTF-8 byte order mark in front of an answer is ignored.
//!
//! A 401 or 403 without a body that says so is about this server's credentials and not about the token. So may
//! be `invalid_token` at 401 (RFC 6750 §3.1) where this server asks with
//! [`bearer_token`](IntrospectionVerifierBuilder::bearer_token), or with
//! [`headers`](IntrospectionVerifierBuilder::headers) that have one. If your endpoint says that about the tokens of
//! clients, configure `inactive_statuses([StatusCode::UNAUTHORIZED])`.
//!
//! # Outages and backoff
//!
//! After a failure the endpoint is not asked until the backoff has elapsed: 1 second, doubled with each further
//! failure up to 30 seconds ([`backoff`](IntrospectionVerifierBuilder::backoff)). Until then tokens are answered
//! 503 at once, with `Retry-After`. Then one question at a time is asked; the first answer ends the outage.
//!
//! Clients choose the tokens, so no token may cause an outage for the others:
//!
//! | failure | who waits |
//! |---|---|
//! | no connection, 429, 503, `invalid_client` | all tokens |
//! | no answer within the [`timeout`](IntrospectionVerifierBuilder::timeout), an answer that breaks off | this token; all tokens once a second one met it, with no answer to any token in between |
//! | 502, 504 | no token; all once a second one met it, likewise |
//! | any other status, an answer that cannot be read | no token |
//!
//! What a [cache](crate::verify::cached) remembers is served in an outage as well.

mod answer;
mod backoff;
mod builder;
mod credentials;
mod endpoint;
mod endpoint_settings;
mod failure;
mod gate;
mod problems;
mod response;
mod verifier;

pub use self::builder::IntrospectionVerifierBuilder;
pub use self::verifier::{IntrospectionFuture, IntrospectionVerifier};
