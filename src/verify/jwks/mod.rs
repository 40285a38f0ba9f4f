//! Keys from an issuer that rotates them, stalls, or goes down.
//!
//! From its JWK Set URL:
//!
//! ```
//! use tower_bearer_auth::{BearerAuthLayer, JwtVerifier};
//!
//! let verifier = JwtVerifier::builder()
//!     .jwks_url("https://issuer.example.com/.well-known/jwks.json")
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! let layer = BearerAuthLayer::new(verifier);
//! # let _ = layer;
//! # Ok::<(), tower_bearer_auth::ConfigError>(())
//! ```
//!
//! From the issuer alone, by discovery:
//!
//! ```
//! use tower_bearer_auth::JwtVerifier;
//!
//! let verifier = JwtVerifier::builder()
//!     .discover("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! # let _ = verifier;
//! # Ok::<(), tower_bearer_auth::ConfigError>(())
//! ```
//!
//! Configured, with a client of one's own, and loaded before the first request:
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
//! # What happens when
//!
//! Nothing is fetched before the first token needs it, and no task runs while there is no traffic.
//!
//! | event | what happens | default | set by |
//! |---|---|---|---|
//! | first token | it waits for the fetch with all others | 5 s at most | [`fetch_timeout`](JwksBuilder::fetch_timeout) |
//! | document arrives | fresh for its `max-age` less `Age`, within bounds | 5 min to 1 h | [`freshness_between`](JwksBuilder::freshness_between) |
//! | … without `max-age` | fresh for | 15 min | [`default_freshness`](JwksBuilder::default_freshness) |
//! | freshness runs out | traffic starts a fetch in the background, and goes on with the keys there are | at 80 % ± 8 % of it | [`refresh_ahead`](JwksBuilder::refresh_ahead) |
//! | a token names an unknown key | it waits for a fetch with all others, as long as the bucket has one | 2, one back every 15 s | [`unknown_key_fetches`](JwksBuilder::unknown_key_fetches) |
//! | … and the bucket is empty | 401 at once if the last fetch succeeded, 503 if it failed | | |
//! | a fetch fails | the keys stay, and the source is left alone for a while | 1 s, doubling to 60 s | [`backoff`](JwksBuilder::backoff) |
//! | the outage goes on | the keys serve this long after the last success, then 503 | 24 h | [`serve_stale_for`](JwksBuilder::serve_stale_for) |
//! | a key leaves the document | tokens it signed are refused, and [no longer current](crate::AccessToken::is_current) | at the next refresh | [`Jwks::withdraw`] for now |
//! | a document is empty or unreadable | as a failed fetch | | |
//! | a document is too large | as a failed fetch | 512 KiB, 100 keys used | [`max_bytes`](HttpKeySourceBuilder::max_bytes) |
//!
//! 503 is only for tokens that could still be good: those whose issuer, audience, dates and type are in
//! order. Others are refused without any fetch.
//!
//! URLs are https; the configured one may be http on a loopback address. Redirects are not followed.
//! `ETag`s are sent back.

mod builder;
mod cache;
mod discovery;
mod document;
mod fetcher;
mod for_verifier;
mod http;
#[cfg(feature = "jwks-client-rs")]
mod jwks_client_rs;
mod policy;
mod public_address;
mod source;
mod status;

pub use self::builder::JwksBuilder;
pub use self::cache::{Jwks, RefreshError};
pub use self::discovery::{Discovery, DiscoveryBuilder};
pub use self::document::{DocumentError, KeyDocument};
pub use self::http::{HttpKeySource, HttpKeySourceBuilder};
#[cfg(feature = "jwks-client-rs")]
pub use self::jwks_client_rs::JwksClientSource;
pub use self::source::{Fetched, KeySource, Validators};
pub use self::status::JwksStatus;
