//! The layer that verifies the bearer token of each request, and refuses requests without a good token.
//!
//! With axum:
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_bearer_auth::{AccessToken, BearerAuthLayer, JwtVerifier};
//!
//! # fn app(key: &[u8]) -> Result<Router, tower_bearer_auth::ConfigError> {
//! let verifier = JwtVerifier::builder()
//!     .public_key_pem(tower_bearer_auth::Algorithm::RS256, key)
//!     .issuer("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! let app = Router::new()
//!     .route("/", get(|token: AccessToken| async move { format!("{:?}", token.subject()) }))
//!     .layer(BearerAuthLayer::new(verifier));
//! # Ok(app)
//! # }
//! ```
//!
//! Around any tower service, with a configuration:
//!
//! ```
//! use tower::{ServiceBuilder, service_fn};
//! use tower_bearer_auth::{
//!     AccessToken, BearerAuthLayer, ScopeHierarchy, StaticToken, StaticTokenVerifier,
//! };
//! # use http::{Request, Response};
//! # use std::convert::Infallible;
//! # type Body = http_body_util::Empty<bytes::Bytes>;
//!
//! let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
//! let service = ServiceBuilder::new()
//!     .layer(
//!         BearerAuthLayer::new(verifier)
//!             .realm("notes")
//!             .required_scopes(["notes:use"])
//!             .scope_hierarchy(ScopeHierarchy::new().implies("admin", ["notes:use"]))
//!             .max_token_length(4 * 1024),
//!     )
//!     .service(service_fn(|request: Request<Body>| async move {
//!         let token = request.extensions().get::<AccessToken>();
//!         assert!(token.is_some());
//!         Ok::<_, Infallible>(Response::new(Body::default()))
//!     }));
//! # let _ = service;
//! ```
//!
//! # What happens to a request
//!
//! 1. The layer removes the `Authorization` header, and the credentials of other
//!    [sources](BearerAuthLayer::token_sources), so that the server does not forward the token by accident. It also
//!    removes an [`AccessToken`](crate::AccessToken) that the request's extensions may contain.
//! 2. The [verifier](crate::verify) verifies the token.
//! 3. If the token is valid, did not expire since, and has the [required scopes](BearerAuthLayer::required_scopes), the
//!    layer inserts the [`AccessToken`](crate::AccessToken) into the extensions and calls the inner service.
//! 4. Otherwise the layer refuses the request, as [`reject`](crate::reject) lists. An
//!    [optional](BearerAuthLayer::optional) layer passes requests without a token to the inner service.
//!
//! The layer guards every method, `OPTIONS` included. So put CORS outside of this layer.
//!
//! # Several tenants
//!
//! [`LayerByRequest`] chooses a [`BearerAuthLayer`] for each request, by its host, its path or a header.
//!
//! # Nested layers
//!
//! Use one layer per request. For routes that need more scopes, add a [`RequireScopesLayer`](crate::RequireScopesLayer).
//! A second layer further in verifies the token again if the outer one keeps the header
//! ([`forward_authorization`](BearerAuthLayer::forward_authorization)). Otherwise the inner layer drops the outer
//! layer's `AccessToken`, which it did not verify, finds no token, and answers 401; an
//! [optional](BearerAuthLayer::optional) one passes the request on as anonymous. The first such request is logged as
//! an `ERROR`, target [`telemetry::SETUP`](crate::telemetry::SETUP), once per layer.

mod admission;
mod by_request;
mod future;
mod layer;
mod service;
mod settings;

pub use self::by_request::{AuthByRequest, LayerByRequest};
pub use self::future::ResponseFuture;
pub use self::layer::BearerAuthLayer;
pub use self::service::BearerAuth;
