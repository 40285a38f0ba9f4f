//! Protected resource metadata (RFC 9728): a client that knows only the URL of this server learns which authorization
//! server issues tokens, and for which scopes.
//!
//! Declare one [`ProtectedResource`] and pass it to the layer, the verifier and the router, so that the metadata and the
//! checks agree:
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "jwks"))]
//! # fn app() -> Result<axum::Router, tower_bearer_auth::ConfigError> {
//! use axum::{Router, routing::get};
//! use tower_bearer_auth::{BearerAuthLayer, JwtVerifier, ProtectedResource};
//!
//! let resource = ProtectedResource::new("https://api.example.com/mcp")
//!     .authorization_servers(["https://issuer.example.com"])
//!     .scopes(["notes:read", "notes:write"]);
//!
//! let verifier = JwtVerifier::builder()
//!     .discover("https://issuer.example.com")
//!     .audience(&resource)
//!     .build()?;
//! let app = Router::new()
//!     .route("/mcp", get(|| async { "hello" }))
//!     .layer(BearerAuthLayer::new(verifier).resource(&resource))
//!     // After the auth layer, and so outside of it: a client that reads the metadata has no token yet.
//!     .merge(resource.router());
//! # Ok(app)
//! # }
//! ```
//!
//! Without axum, use the [layer](ProtectedResource::layer), which answers requests for the well-known paths and passes on
//! all others, or the [service](ProtectedResource::service):
//!
//! ```
//! use tower::{ServiceBuilder, service_fn};
//! use tower_bearer_auth::{
//!     BearerAuthLayer, ProtectedResource, StaticToken, StaticTokenVerifier,
//! };
//! # use http::{Request, Response};
//! # use std::convert::Infallible;
//! # type Body = http_body_util::Empty<bytes::Bytes>;
//!
//! let resource = ProtectedResource::new("https://api.example.com/mcp")
//!     .authorization_servers(["https://issuer.example.com"])
//!     .scopes(["notes:read"])
//!     .member("resource_name", "Notes")
//!     .member("resource_documentation", "https://docs.example.com/notes")
//!     .also_at_root();
//! let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
//! let service = ServiceBuilder::new()
//!     .layer(resource.layer())
//!     .layer(BearerAuthLayer::new(verifier).resource(&resource))
//!     .service(service_fn(|_: Request<Body>| async {
//!         Ok::<_, Infallible>(Response::new(Body::default()))
//!     }));
//! # let _ = service;
//! ```
//!
//! # Where it is used
//!
//! | where | for |
//! |---|---|
//! | [`BearerAuthLayer::resource`](crate::BearerAuthLayer::resource) | `resource_metadata` in challenges, and `scope` if the layer itself requires no scopes |
//! | [`JwtVerifierBuilder::audience`](crate::JwtVerifierBuilder::audience) | the audience of tokens (RFC 8707) |
//! | [`router`](ProtectedResource::router), [`layer`](ProtectedResource::layer), [`service`](ProtectedResource::service) | the document, with `scopes_supported` |
//!
//! # Where the document is
//!
//! At `/.well-known/oauth-protected-resource` followed by the path of the resource (RFC 9728 §3.1), so that a server can
//! have several resources. The document of `https://api.example.com/mcp` is at
//! `https://api.example.com/.well-known/oauth-protected-resource/mcp`. Some clients leave out the path of the resource;
//! for them, one resource of a server can be [`also_at_root`](ProtectedResource::also_at_root).
//!
//! # Behind a gateway, and in a nested app
//!
//! The well-known path is outside of the resource's own path, so a gateway that routes only `/tools/*` to this server
//! does not route it, and a nested app does not receive it. There are two solutions. Serve the document at the
//! well-known path: route that path to this server, or merge the [`router`](ProtectedResource::router) outside of the
//! nest:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app(notes: axum::Router, resource: tower_bearer_auth::ProtectedResource) -> axum::Router {
//! // The resource is https://api.example.com/prefix/mcp, and `notes` has the route /mcp with its auth layer.
//! axum::Router::new()
//!     .nest("/prefix", notes)
//!     .merge(resource.router())
//! # }
//! ```
//!
//! Or advertise a URL inside the prefix, which works for clients that read the challenge:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app(notes: axum::Router) -> axum::Router {
//! use tower_bearer_auth::ProtectedResource;
//!
//! let resource = ProtectedResource::new("https://api.example.com/prefix/mcp")
//!     .authorization_servers(["https://issuer.example.com"])
//!     .metadata_url("https://api.example.com/prefix/.well-known/oauth-protected-resource/mcp");
//! axum::Router::new().nest("/prefix", notes.merge(resource.router()))
//! # }
//! ```
//!
//! If clients of a nested app cannot find the document, a `WARN` of target `tower_bearer_auth::setup` is emitted: when
//! the document is requested at another path than the challenge names, or when a second request without a token is
//! refused in the nest and the document was not requested in between.
//!
//! # Who may read it
//!
//! Every client, by `GET`, `HEAD` and `OPTIONS`, from any origin (CORS). It may be cached for an hour. Nothing in it comes
//! from the request, so a `Host` or `X-Forwarded-*` header cannot direct clients to another server. Among
//! [several resources](ProtectedResources) with one path, `Host` chooses.

mod document;
mod identifier;
mod integration;
mod resource;
mod resources;
mod service;

pub use self::resource::ProtectedResource;
pub use self::resources::{
    MetadataByRequest, MetadataByRequestLayer, MetadataByRequestMiddleware, ProtectedResources,
};
pub use self::service::{MetadataFuture, MetadataLayer, MetadataMiddleware, MetadataService};
