//! Scopes per route, and per step of a handler, behind a
//! [`BearerAuthLayer`](crate::BearerAuthLayer).
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
//! In a handler, where what is needed depends on the request:
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
//! Both honour the layer's [`ScopeHierarchy`](crate::ScopeHierarchy) and answer 403 with the layer's
//! challenge. Its `scope` names all scopes that are known to be needed, because clients request the scopes of the
//! challenge: the layer's own scopes, those of the guards that the request has passed, and those of this guard or this call; of
//! [`RequireScopesLayer::any`] the alternative that the token has, or else the first. What a guard further in
//! requires cannot be known here; see [`reject`](crate::reject#scopes).
//!
//! A request that came through an [optional](crate::BearerAuthLayer::optional) layer without a token
//! is answered 401. A guard without a layer in front answers 500 and logs an error.

mod error;
mod layer;
pub(crate) mod requirement;
mod service;

pub use self::error::ScopeError;
pub use self::layer::RequireScopesLayer;
pub use self::requirement::ScopeRequirement;
pub use self::service::RequireScopes;
