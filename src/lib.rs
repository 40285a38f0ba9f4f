//! OAuth bearer tokens for tower: one layer that verifies the token, tells handlers who is calling,
//! and answers everyone else with the right status and challenge.
//!
//! For axum, hyper and MCP (Model Context Protocol) servers that act as OAuth *resource servers*.
//! Issuing tokens is the business of an authorization server, which this is not.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_bearer_auth::{
//!     AccessToken, BearerAuthLayer, RequireScopesLayer, StaticToken, StaticTokenVerifier,
//! };
//!
//! let verifier = StaticTokenVerifier::new([
//!     ("dev-token", StaticToken::new("dev").scopes(["read"])),
//! ]);
//! let app: Router = Router::new()
//!     .route("/admin", get(|| async { "secret" }))
//!     .route_layer(RequireScopesLayer::all(["admin"]))
//!     .route("/", get(|token: AccessToken| async move { format!("{:?}", token.client_id()) }))
//!     .layer(BearerAuthLayer::new(verifier));
//! # let _ = app;
//! ```
//!
//! For real tokens, put a [`JwtVerifier`] in the place of the table:
//!
//! ```
//! # #[cfg(feature = "jwks")]
//! # fn verifier() -> Result<tower_bearer_auth::JwtVerifier, tower_bearer_auth::ConfigError> {
//! # use tower_bearer_auth::JwtVerifier;
//! let verifier = JwtVerifier::builder()
//!     .discover("https://issuer.example.com")
//!     .audience("https://api.example.com")
//!     .build()?;
//! # Ok(verifier)
//! # }
//! ```
//!
//! Mind axum's order: a `route_layer` guards the routes above it, and a `layer` everything above it,
//! the answer to unknown paths included.
//!
//! # A request's path
//!
//! ```text
//! Request
//!   └─ auth             the layer: asks the next two, checks expiry and its own scopes,
//!   │    └─ bearer      Authorization header ──► BearerToken
//!   │    └─ verify      BearerToken ──► AccessToken, or a VerifyError   (a tower service)
//!   │                   and puts the AccessToken into the request's extensions
//!   └─ mcp              is it this caller's session, and may they call this tool?   (MCP servers)
//!   └─ guard      does the AccessToken have the scopes that this route needs?
//!   └─ your service     takes AccessToken or Claims<T> (axum), AccessToken (rmcp tools), or looks into
//!                       the extensions
//! any step ──► reject   status, WWW-Authenticate and a JSON body
//! ```
//!
//! Outside of all this, [`metadata`] tells clients that have no token yet where to get one.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `axum` | yes | the extractors `AccessToken`, `Option<AccessToken>` and `Claims<T>`; `ProtectedResource::router` |
//! | `jwks` | yes | keys from a URL or by discovery: `jwks_url`, `discover`, [`Jwks`] |
//! | `cache` | no | verified tokens, remembered: [`CacheLayer`], [`VerifierExt::cached`]; `ByIssuer::tenants` |
//! | `introspection` | no | opaque tokens, by asking the authorization server: [`IntrospectionVerifier`] |
//! | `mcp` | no | for MCP servers: scopes per tool, sessions that belong to someone, CORS |
//! | `rmcp` | no | `AccessToken` and `MaybeAccessToken` as parameters of `rmcp` tools and prompts |
//! | `jwks-client-rs` | no | key sources of the `jwks_client_rs` crate |
//! | `metrics` | no | counters and histograms through the `metrics` crate: [`telemetry`] |
//! | `testing` | no | for the tests of your own server: keys, good and bad tokens, an issuer on a loopback port |
//!
//! A feature adds API and changes no behaviour.
//!
//! # Providers and guides
//!
//! [`providers`] has a recipe each for Auth0, Entra ID, AD FS, Okta, Keycloak, Dex, Cognito, Clerk, WorkOS AuthKit,
//! Supabase, Descope, Scalekit, AWS, Google, GitHub, Discord, Doorkeeper, Kubernetes and SPIFFE (features `cache`
//! and `jwks`).
//!
//! The [`guides`] go step by step: [choosing a verifier](guides::choosing_a_verifier), [an MCP
//! server](guides::mcp_server), [behind a proxy](guides::behind_a_proxy), [CORS](guides::cors), [testing your
//! server](guides::testing_your_server), [observability](guides::observability),
//! [performance](guides::performance), [a comparison](guides::comparison), and coming from
//! [jwt-authorizer](guides::migrating_from_jwt_authorizer),
//! [tower-oauth2-resource-server](guides::migrating_from_tower_oauth2_resource_server),
//! [axum-jwt-auth](guides::migrating_from_axum_jwt_auth) or [FastMCP](guides::migrating_from_fastmcp).

#![cfg_attr(docsrs, feature(doc_cfg))]
// With all features the lint is on; without this one, what only fetched keys need lies idle.
#![cfg_attr(not(feature = "jwks"), allow(dead_code))]

// In the order in which a request meets them.
pub mod auth;
mod credentials;
pub mod verify;

mod access_token;
mod scopes;

// What the layer leaves for those further in: who is calling, and how it was configured.
mod challenge_config;
pub mod guard;
mod identity;
mod refusal_slot;

#[cfg(any(feature = "axum", feature = "rmcp"))]
pub mod extract;

mod verify_error;

pub mod reject;

// What MCP servers need besides.
#[cfg(feature = "mcp")]
pub mod mcp;

// Around it all: what clients without a token need to know.
pub mod metadata;

// What they all tell of themselves.
pub mod telemetry;

// What they all use.
mod claim_lookup;
mod clock;
mod config_error;
mod error_chain;
#[cfg(any(feature = "jwks", feature = "introspection"))]
mod http_client;
mod issuer_spelling;
mod json;
mod key_state;
mod metadata_reach;
mod short_digest;
mod shown_url;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(all(feature = "cache", feature = "jwks"))]
#[doc = include_str!("docs/providers.md")]
pub mod providers {}

// Pages of the documentation, whose code is compiled and run as documentation tests.
#[cfg(all(
    any(doc, doctest),
    feature = "axum",
    feature = "cache",
    feature = "introspection",
    feature = "jwks",
    feature = "mcp",
    feature = "rmcp",
    feature = "testing",
))]
pub mod guides;

#[doc(inline)]
pub use self::access_token::{AccessToken, AccessTokenBuilder, Principal};
#[doc(inline)]
pub use self::auth::BearerAuthLayer;
#[doc(inline)]
pub use self::clock::Clock;
#[doc(inline)]
pub use self::config_error::ConfigError;
#[doc(inline)]
pub use self::credentials::{BearerToken, InvalidBearerToken};
#[cfg(feature = "axum")]
#[doc(inline)]
pub use self::extract::axum::Claims;
#[cfg(feature = "rmcp")]
#[doc(inline)]
pub use self::extract::rmcp::MaybeAccessToken;
#[doc(inline)]
pub use self::guard::{RequireScopesLayer, ScopeError, ScopeRequirement};
#[doc(inline)]
pub use self::metadata::ProtectedResource;
#[doc(inline)]
pub use self::reject::Refused;
#[doc(inline)]
pub use self::scopes::{InvalidScope, ScopeHierarchy, Scopes};
#[cfg(feature = "cache")]
#[doc(inline)]
pub use self::verify::cached::{CacheLayer, Cached};
#[cfg(feature = "introspection")]
#[doc(inline)]
pub use self::verify::introspection::{self, IntrospectionVerifier};
#[cfg(feature = "jwks")]
#[doc(inline)]
pub use self::verify::jwks::{self, Jwks};
#[doc(inline)]
pub use self::verify::jwt::{JwtVerifier, JwtVerifierBuilder};
#[doc(inline)]
pub use self::verify::keys::{Algorithm, KeySet, VerifyingKey};
#[doc(inline)]
pub use self::verify::{
    Audience, ByIssuer, ErasedVerifier, StaticToken, StaticTokenVerifier, Verifier, VerifierExt,
    verify_fn,
};
#[doc(inline)]
pub use self::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};
