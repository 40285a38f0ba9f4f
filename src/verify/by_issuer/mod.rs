//! Several issuers, each with its own verifier.
//!
//! ```
//! use tower_bearer_auth::{BearerAuthLayer, ByIssuer, JwtVerifier};
//!
//! # #[cfg(feature = "jwks")]
//! # fn layer() -> Result<impl Clone, tower_bearer_auth::ConfigError> {
//! let verifier_of = |issuer: &str| {
//!     JwtVerifier::builder()
//!         .discover(issuer)
//!         .audience("https://api.example.com")
//!         .build()
//! };
//! let verifier = ByIssuer::new()
//!     .issuer("https://staff.example.com", verifier_of("https://staff.example.com")?)
//!     .issuer("https://partners.example.net", verifier_of("https://partners.example.net")?);
//! let layer = BearerAuthLayer::new(verifier);
//! # Ok(layer)
//! # }
//! ```
//!
//! A token goes to the verifier of the issuer in its `iss`. If there is none, it is refused without a request.
//! Routing costs as much with a thousand issuers as with one. The verifier checks that the issuer is true, with that
//! issuer's keys only. If the verifier finds another issuer in the token, the token is refused.
//!
//! A JWT that is malformed or names no issuer is refused as [`JwtVerifier`](crate::JwtVerifier) refuses it: the
//! refusal is final, so [`or_else`](crate::VerifierExt::or_else) does not fall back to another verifier.
//!
//! # Hundreds of issuers
//!
//! A verifier that discovers its keys makes an HTTP client of its own, which reads the root certificates of the system:
//! 3 ms and 104 KB. With many issuers, let their verifiers share one client:
//!
//! ```
//! use tower_bearer_auth::ByIssuer;
//! # #[cfg(feature = "jwks")]
//! use tower_bearer_auth::{Jwks, JwtVerifier, jwks::Discovery};
//!
//! # #[cfg(feature = "jwks")]
//! # fn verifier(issuers: &[String]) -> Result<ByIssuer, Box<dyn std::error::Error>> {
//! let client = reqwest::Client::builder()
//!     .redirect(reqwest::redirect::Policy::none())
//!     .build()?;
//! let mut verifier = ByIssuer::new();
//! for issuer in issuers {
//!     let source = Discovery::builder(issuer).client(client.clone()).build()?;
//!     let keys = Jwks::builder(source).build()?;
//!     let jwts = JwtVerifier::builder()
//!         .jwks(keys)
//!         .issuer(issuer)
//!         .audience("https://api.example.com");
//!     verifier = verifier.issuer(issuer, jwts.build()?);
//! }
//! # Ok(verifier)
//! # }
//! ```
//!
//! # Tenants
//!
//! If every customer is an issuer, your function resolves tenants to verifiers. Entra ID's tokens name a tenant
//! in both `tid` and `iss`, and `{tenantid}` in the template requires both. If only `iss` names the
//! tenant, such as a realm of Keycloak, use `{tenant}` in the template:
//! `https://id.example.com/realms/{tenant}`. See [`ByIssuer::tenants`].
//!
//! ```
//! # #[cfg(feature = "jwks")]
//! # fn verifier(customers: std::collections::HashSet<String>)
//! #     -> Result<tower_bearer_auth::ByIssuer, tower_bearer_auth::ConfigError> {
//! use tower_bearer_auth::{ByIssuer, ErasedVerifier, Jwks, JwtVerifier, VerifierExt};
//!
//! // The tenants of Entra have their keys in one place, so all verifiers share one set.
//! let keys = Jwks::from_url("https://login.microsoftonline.com/common/discovery/v2.0/keys")?;
//! let verifier = ByIssuer::new().tenants(
//!     "https://login.microsoftonline.com/{tenantid}/v2.0",
//!     move |tenant| -> Option<ErasedVerifier> {
//!         if !customers.contains(tenant) {
//!             return None;
//!         }
//!         let verifier = JwtVerifier::builder()
//!             .jwks(keys.clone())
//!             .issuer(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
//!             // The application ID of this API, and no ID token of its own registration.
//!             .audience("6e74172b-be56-4843-9ff4-e66a39bb12e3")
//!             .required_claims(["azp"])
//!             .build();
//!         Some(verifier.ok()?.erased())
//!     },
//! )?;
//! # Ok(verifier)
//! # }
//! ```

mod future;
mod peek;
mod service;
mod tenants;

pub use self::future::ByIssuerFuture;
pub use self::service::ByIssuer;
