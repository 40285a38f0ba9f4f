//! Keys that are fetched from the issuer, and cached through its key rotations and outages.
//!
//! Use it for tokens of an issuer that publishes its keys. For keys in your configuration, see
//! [`JwtVerifierBuilder`](crate::JwtVerifierBuilder) and [`KeySet`](crate::KeySet).
//!
//! By discovery from the issuer identifier:
//!
//! ```
//! use tower_bearer_auth::{BearerAuthLayer, JwtVerifier};
//!
//! let verifier = JwtVerifier::builder()
//!     .discover("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! let layer = BearerAuthLayer::new(verifier);
//! # let _ = layer;
//! # Ok::<(), tower_bearer_auth::ConfigError>(())
//! ```
//!
//! From the URL of its JWK Set:
//!
//! ```
//! use tower_bearer_auth::JwtVerifier;
//!
//! let verifier = JwtVerifier::builder()
//!     .jwks_url("https://issuer.example.com/.well-known/jwks.json")
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! # let _ = verifier;
//! # Ok::<(), tower_bearer_auth::ConfigError>(())
//! ```
//!
//! With an HTTP client of your own and other settings, and fetched before the first request:
//!
//! ```
//! use std::time::Duration;
//! use tower_bearer_auth::JwtVerifier;
//! use tower_bearer_auth::jwks::{HttpKeySource, Jwks};
//!
//! # async fn verifier(client: reqwest::Client) -> Result<JwtVerifier, Box<dyn std::error::Error>> {
//! let source = HttpKeySource::builder("https://issuer.example.com/jwks")
//!     .client(client)
//!     .build()?;
//! let jwks = Jwks::builder(source)
//!     .serve_stale_for(Duration::from_secs(6 * 3600))
//!     .build()?;
//! if let Err(error) = jwks.refresh().await {
//!     tracing::warn!(%error, "starting without keys");
//! }
//! let verifier = JwtVerifier::builder()
//!     .jwks(jwks)
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! # Ok(verifier)
//! # }
//! ```
//!
//! The documentation of [`Jwks`] has a table of when keys are fetched, what happens in an outage, and all defaults.

mod builder;
mod cache;
mod discovery;
mod discovery_builder;
mod discovery_error;
mod document;
mod fetch;
mod fetch_order;
mod fetch_outcome;
mod fetcher;
mod handle;
mod http;
mod issuer_metadata;
#[cfg(feature = "jwks-client-rs")]
mod jwks_client_rs;
mod left_out;
mod lookup;
mod policy;
mod public_address;
mod redirect;
mod remote_keys;
mod snapshot;
mod source;
mod status;
mod url_rules;

pub use self::builder::JwksBuilder;
pub use self::discovery::Discovery;
pub use self::discovery_builder::DiscoveryBuilder;
pub use self::document::{DocumentError, KeyDocument, Validators};
pub use self::handle::Jwks;
pub use self::http::{HttpKeySource, HttpKeySourceBuilder};
#[cfg(feature = "jwks-client-rs")]
pub use self::jwks_client_rs::JwksClientSource;
pub use self::left_out::LeftOutKeys;
pub use self::source::{Fetched, KeySource};
pub use self::status::{JwksStatus, RefreshError};
