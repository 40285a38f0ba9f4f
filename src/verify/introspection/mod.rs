//! Opaque tokens, verified by token introspection (RFC 7662).
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
//! With limits and further requirements. JWTs are verified locally, and only other tokens are sent to the endpoint:
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
//! | 200, 400, 401 or 403, and `active` is `false` | not recognized: 401, and [`or_else`](crate::VerifierExt::or_else) falls back to the next verifier |
//! | 400, 401 or 403 with the `error` `invalid_token` and no `active` | the same, except with 401 if a bearer token authorizes this server's requests |
//! | a status of [`inactive_statuses`](IntrospectionVerifierBuilder::inactive_statuses), whatever the body | the same |
//! | an `exp` in the past, an `nbf` in the future, or an `iss` or `aud` that is not a configured one, or is configured and absent | refused: 401 |
//! | a `token_type` other than `Bearer`, `access_token` and `DPoP`, or marks of an ID or refresh token | refused: 401 |
//! | a `cnf`, or the `token_type` `DPoP`, unless the layer checks that the sender has the key; see [`possession`](crate::possession) | refused: 401 |
//! | the `token_type` `Bearer` with a `cnf.jkt`, or `DPoP` without one (RFC 9449 §6.2) | refused: 401 |
//! | 200, and `active` is missing, not a boolean, or there twice; an `error` beside an `active` that is `true` | not known: 503, and a warning |
//! | the `error` `invalid_client`, with any status and whatever else the body says | not known: 503, and a warning |
//! | another status, a body that is not a JSON object, a `Content-Encoding`, an answer that is too large or too late, no answer | not known: 503, and a warning |
//!
//! 503 has a `Retry-After` header: that of the endpoint if it sends one. The warning describes the problem and is logged
//! once per outage.
//!
//! Names are case-sensitive: `Active` is another member. A member that is `null` counts as absent, except `cnf` and the
//! marks of other kinds of token. A UTF-8 byte order mark at the start of an answer is ignored.
//!
//! A 401 or 403 whose body does not say that the token is inactive is about this server's credentials. `invalid_token`
//! with 401 (RFC 6750 §3.1) may be about them as well, if this server authenticates with
//! [`bearer_token`](IntrospectionVerifierBuilder::bearer_token), or with
//! [`headers`](IntrospectionVerifierBuilder::headers) that contain a bearer token. If your endpoint answers so for
//! inactive tokens of clients, configure `inactive_statuses([StatusCode::UNAUTHORIZED])`.
//!
//! # Signed answers
//!
//! [`signed_responses`](IntrospectionVerifierBuilder::signed_responses) requires answers that the authorization server
//! has signed (RFC 9701). An attacker who can answer in the place of the endpoint then cannot make an answer of its own.
//! It can send one of the last minutes again, also for another token, since an answer does not name its token. An
//! answer with status 200 that is not signed, or whose signature, issuer, audience or age is wrong, counts as an
//! outage: 503 and a warning. Error statuses have the same meaning with and without this setting.
//!
//! # Outages and backoff
//!
//! After a failure no request is sent until the backoff has elapsed: 1 second, doubled with each further failure up to
//! 30 seconds ([`backoff`](IntrospectionVerifierBuilder::backoff)). Until then requests with tokens are answered 503 at
//! once, with `Retry-After`. Then one request at a time probes the endpoint. The first answer ends the outage.
//!
//! Clients choose the tokens, so a single token must not cause an outage for the others:
//!
//! | failure | tokens that back off |
//! |---|---|
//! | no connection, 429, 503, `invalid_client` | all tokens |
//! | no answer within the [`timeout`](IntrospectionVerifierBuilder::timeout), an answer that breaks off | this token; all tokens after the same failure for a second token, with no answer to any token in between |
//! | 502, 504 | none; all tokens after the same failure for a second token, likewise |
//! | any other status, an answer that cannot be read | none |
//!
//! Cached results of a [cache](crate::verify::cached) are served in an outage as well.

mod answer;
mod backoff;
mod builder;
mod claim_settings;
mod credentials;
mod endpoint;
mod endpoint_settings;
mod failure;
mod gate;
mod problems;
mod response;
mod signed_answer;
mod verifier;

#[cfg(feature = "serde")]
pub(crate) use self::builder::DEFAULT_BACKOFF;
pub use self::builder::IntrospectionVerifierBuilder;
pub(crate) use self::signed_answer::{AnswerFuture, AnswerVerifier};
pub use self::verifier::{IntrospectionFuture, IntrospectionVerifier};
