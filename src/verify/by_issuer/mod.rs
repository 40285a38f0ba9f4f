//! Several issuers, each with a verifier of its own.
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
//! A token goes to the verifier of the issuer that it names, whatever else is in it, and is refused
//! without any request when there is none: it costs as much with a thousand issuers as with one. That the
//! name is true is for that verifier to see, which knows its issuer's keys and no others. A token that it
//! takes for one of yet another issuer is refused.
//!
//! A JWT that is malformed or names no issuer is refused as [`JwtVerifier`](crate::JwtVerifier) refuses it: for
//! good, so that [`or_else`](crate::VerifierExt::or_else) asks no other verifier.
//!
//! # Tenants
//!
//! Where every customer is an issuer, a function of yours says which there are. Entra ID's tokens name a tenant
//! twice, in `tid` and in `iss`, and `{tenantid}` in the template asks for both. Where `iss` alone names the
//! tenant, as a realm of Keycloak, the template has `{tenant}`, such as
//! `https://id.example.com/realms/{tenant}`; see [`ByIssuer::tenants`].
//!
//! ```
//! # #[cfg(all(feature = "cache", feature = "jwks"))]
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
#[cfg(feature = "cache")]
mod tenants;

pub use self::future::ByIssuerFuture;
pub use self::service::ByIssuer;
