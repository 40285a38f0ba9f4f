//! Requires scopes, or a certain authentication of the user, for a route or within a handler. Guards need a
//! [`BearerAuthLayer`](crate::BearerAuthLayer) in front.
//!
//! On a route:
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_bearer_auth::{
//!     BearerAuthLayer, RequireScopesLayer, StaticToken, StaticTokenVerifier,
//! };
//!
//! let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
//! let app: Router = Router::new()
//!     .route("/admin", get(|| async { "secret" }))
//!     .route_layer(RequireScopesLayer::all(["admin"]))
//!     .route("/", get(|| async { "hello" }))
//!     .layer(BearerAuthLayer::new(verifier));
//! # let _ = app;
//! ```
//!
//! In a handler, if the required scopes depend on the request:
//!
//! ```
//! use tower_bearer_auth::{AccessToken, ScopeError};
//!
//! async fn rename(token: AccessToken, archived: bool) -> Result<&'static str, ScopeError> {
//!     if archived {
//!         token.require_scopes(["archive:write"])?;
//!     }
//!     Ok("renamed")
//! }
//! # let _ = rename;
//! ```
//!
//! Both honour the layer's [`ScopeHierarchy`](crate::ScopeHierarchy), and refuse with 403 and the layer's
//! challenge (RFC 6750 §3.1). Clients request the scopes that the challenge names. So its `scope` names all known
//! requirements: the scopes of the layer, of the guards that the request has passed, and of this guard or call. For
//! [`RequireScopesLayer::any`], that is the alternative that the token has, or else the first. The requirements of
//! inner guards are unknown here, so they are not included; see [`reject`](crate::reject#scopes).
//!
//! If the layer [maps](crate::BearerAuthLayer::map_refusal) its refusals, it maps these too. A guard can have a
//! [mapping of its own](RequireScopesLayer::map_refusal).
//!
//! A request that passed an [optional](crate::BearerAuthLayer::optional) layer without a token
//! is refused with 401. A guard without a layer in front responds with 500 and logs an error.
//!
//! # Step-up authentication
//!
//! Some operations need a recent login or a second factor. [`RequireAuthenticationLayer`] requires it for a route, and
//! [`AccessToken::require_authentication`](crate::AccessToken::require_authentication) within a handler (RFC 9470).
//! They compare the claims `acr` and `auth_time` of the token (RFC 9068 §2.2.1) with an [`AuthenticationRequirement`].
//! A token without the claim does not pass.
//!
//! The refusal is a 401 with the error `insufficient_user_authentication`:
//!
//! ```text
//! WWW-Authenticate: Bearer error="insufficient_user_authentication", scope="pay", acr_values="phr phrh",
//!     max_age="300", error_description="The user must authenticate again or in another way"
//! ```
//!
//! The client makes its next authorization request with this `acr_values`, `max_age` and `scope`. So the challenge
//! names all known requirements:
//!
//! - `scope` has the scopes of the layer and of the guards that the request has passed, as in a 403. It never has all
//!   scopes of the resource, as the 401 for a bad token may have, because the user has already authorized the client.
//! - `acr_values` and `max_age` are what the guards that the request has passed and the one that refuses it accept
//!   together: the values of `acr` that are in all lists, and the shortest `max_age`. If no value is in all lists, no
//!   login would help, and the answer is 403 without a challenge.
//!
//! The challenge to a request without a token has neither: RFC 9470 defines them for a token that does not suffice.
//!
//! The guide [Step-up authentication](crate::guides::step_up) has the whole exchange.

pub mod authentication;
pub(crate) mod check;
mod error;
mod layer;
mod requirement;
mod service;
mod settings;

pub use self::authentication::{AuthenticationError, RequireAuthenticationLayer};
pub use self::error::ScopeError;
pub use self::layer::RequireScopesLayer;
pub use self::requirement::ScopeRequirement;
pub use self::service::RequireScopes;
pub use crate::authentication_requirement::AuthenticationRequirement;
