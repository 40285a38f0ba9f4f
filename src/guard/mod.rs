//! Requires scopes for a route or within a handler, behind a [`BearerAuthLayer`](crate::BearerAuthLayer).
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

mod error;
mod layer;
pub(crate) mod requirement;
mod service;
mod settings;

pub use self::error::ScopeError;
pub use self::layer::RequireScopesLayer;
pub use self::requirement::ScopeRequirement;
pub use self::service::RequireScopes;
