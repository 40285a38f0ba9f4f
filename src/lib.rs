//! OAuth bearer tokens for tower. One layer verifies the token of each request and gives handlers an [`AccessToken`]. It
//! answers requests without a valid token with the right status and challenge.
//!
//! The crate is for axum, hyper and MCP (Model Context Protocol) servers that act as OAuth *resource servers*. It does not
//! issue tokens; that is what an authorization server does.
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
//! A table of tokens is for development. In production, use a [`JwtVerifier`]:
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
//! In axum, a `route_layer` guards the routes that were added before it. A `layer` guards everything that was added before
//! it, and the answer to unknown paths.
//!
//! # A request's path
//!
//! ```text
//! Request
//!   └─ auth               the layer: calls the next three, checks expiry and its own scopes
//!   │    └─ credentials   Authorization header, or another source ──► BearerToken
//!   │    └─ verify        BearerToken ──► AccessToken, or a VerifyError   (a tower service)
//!   │    └─ revocation    checks that the token was not revoked
//!   │    └─ possession    checks that the sender has the key of a bound token
//!   │                     inserts the AccessToken into the request's extensions
//!   └─ mcp                checks the owner of the session, and what each tool requires   (MCP servers)
//!   └─ guard              checks the scopes of the route, and how the user authenticated
//!   └─ your service       takes AccessToken or Claims<T> (axum), AccessToken (rmcp tools), or reads
//!                         the extensions
//! any step ──► reject     status, WWW-Authenticate and a JSON body, or an answer of your own
//!      └─────► telemetry  an audit event, and a count
//! ```
//!
//! Beside this path, [`metadata`] tells clients without a token where to get one. A server with several tenants has a
//! layer for each: [`auth::LayerByRequest`].
//!
//! # Features
//!
//! | feature | default | adds | reason |
//! |---|---|---|---|
//! | `axum` | yes | the extractors `AccessToken`, `Option<AccessToken>` and `Claims<T>`; `ProtectedResource::router` | most servers use axum; hyper servers leave it out |
//! | `jwks` | yes | keys from a URL or by discovery: `jwks_url`, `discover`, [`Jwks`] | most issuers rotate their keys; it brings an HTTP client |
//! | `tls` | yes | https for the HTTP client of `jwks` and `introspection` (rustls, with the CAs of the system) | issuers use https; without it, pass a `client(..)` with a TLS library of your choice |
//! | `jsonwebtoken-12` | yes | conversions of the algorithms, keys and key sets of `jsonwebtoken` 12 | code that moves here often has them; it brings that crate, without a crypto back end |
//! | `jsonwebtoken-11` | no | the same for `jsonwebtoken` 11 | few builds still need that version |
//! | `cache` | no | a cache of verified tokens: [`CacheLayer`], [`VerifierExt::cached`] | without [`revocation`], a revoked token is accepted while it is cached |
//! | `introspection` | no | opaque tokens (RFC 7662): [`IntrospectionVerifier`] | it brings an HTTP client |
//! | `dpop` | no | tokens that are bound to a key of the client by DPoP (RFC 9449): [`possession`] | most servers get no bound tokens |
//! | `mcp` | no | for MCP servers: scopes per tool, sessions bound to their principal, CORS | it brings `tower-http` |
//! | `rmcp` | no | `AccessToken` and `MaybeAccessToken` as parameters of `rmcp` tools and prompts | it brings `rmcp` |
//! | `jwks-client-rs` | no | key sources of the `jwks_client_rs` crate | it brings that crate |
//! | `metrics` | no | counters and histograms through the `metrics` crate: [`telemetry`] | it brings that crate |
//! | `serde` | no | settings of verifiers, of the protected resource and of DPoP from a configuration file: the module `settings` | most servers configure them in code |
//! | `testing` | no | for the tests of your own server: keys, valid and invalid tokens, an issuer on a loopback port | for dev-dependencies |
//!
//! A feature adds API and changes no behaviour. The exception is `tls`: without it, https URLs are a [`ConfigError`].
//!
//! # Providers and guides
//!
//! [`providers`] has a recipe each for Auth0, Entra ID, AD FS, Okta, Keycloak, Dex, Cognito, Clerk, WorkOS AuthKit,
//! Supabase, Descope, Scalekit, AWS, Google, GitHub, Discord, Doorkeeper, Kubernetes and SPIFFE (features `cache`
//! and `jwks`).
//!
//! The [`guides`] go step by step: [choosing a verifier](guides::choosing_a_verifier), [an MCP
//! server](guides::mcp_server), [behind a proxy](guides::behind_a_proxy), [forward
//! authentication](guides::forward_auth), [CORS](guides::cors), [browsers and
//! WebSockets](guides::browsers_and_websockets), [testing your server](guides::testing_your_server), [proof of
//! possession](guides::proof_of_possession), [revocation](guides::revocation), [step-up
//! authentication](guides::step_up), [answers to refused requests](guides::refusals), [replicas](guides::replicas),
//! [why a token is refused](guides::why_refused), [observability](guides::observability),
//! [performance](guides::performance), [a comparison](guides::comparison), and
//! coming from [jwt-authorizer](guides::migrating_from_jwt_authorizer),
//! [tower-oauth2-resource-server](guides::migrating_from_tower_oauth2_resource_server),
//! [axum-jwt-auth](guides::migrating_from_axum_jwt_auth) or [FastMCP](guides::migrating_from_fastmcp).

#![cfg_attr(docsrs, feature(doc_cfg))]
// With all features the lint is on. Without `jwks`, some code for fetched keys is unused.
#![cfg_attr(not(feature = "jwks"), allow(dead_code))]

// In the order in which a request meets them.
pub mod auth;
mod credentials;
pub mod verify;

// Whether the sender has the key that the token is bound to.
pub mod possession;

// Whether the token was revoked.
pub mod revocation;

mod access_token;
mod authentication_requirement;
mod invalid_proof_reason;
mod invalid_reason;
mod scopes;
mod verify_error;

// What the layer leaves for guards and handlers: the identity of the caller, and the layer's configuration.
mod base64url;
mod challenge_config;
mod identity;
mod refusal_slot;

#[cfg(feature = "mcp")]
pub mod mcp;

pub mod guard;

#[cfg(any(feature = "axum", feature = "rmcp"))]
pub mod extract;

pub mod reject;
pub mod telemetry;

// For clients without a token.
pub mod metadata;

// From a configuration file.
#[cfg(feature = "serde")]
pub mod settings;

// Shared by several of them.
mod claim_lookup;
mod clock;
mod config_error;
mod error_chain;
#[cfg(any(feature = "jwks", feature = "introspection"))]
mod http_client;
mod http_url;
mod issuer_spelling;
mod json;
mod key_state;
mod metadata_reach;
mod percent_encoding;
mod sha256;
mod shown_url;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(all(feature = "cache", feature = "jwks"))]
#[doc = include_str!("docs/providers.md")]
pub mod providers {}

// Pages of the documentation. Their code is compiled and run as documentation tests.
#[cfg(all(
    any(doc, doctest),
    feature = "axum",
    feature = "cache",
    feature = "dpop",
    feature = "introspection",
    feature = "jwks",
    feature = "mcp",
    feature = "rmcp",
    feature = "testing",
))]
pub mod guides;

#[doc(inline)]
pub use self::access_token::{
    AccessToken, AccessTokenBuilder, Actor, InvalidClaims, Principal, UntilInvalid,
};
#[doc(inline)]
pub use self::auth::BearerAuthLayer;
#[doc(inline)]
pub use self::clock::Clock;
#[doc(inline)]
pub use self::config_error::ConfigError;
#[doc(inline)]
pub use self::credentials::{BearerToken, InvalidBearerToken, Scheme, TokenSource};
#[cfg(feature = "axum")]
#[doc(inline)]
pub use self::extract::axum::Claims;
#[cfg(feature = "rmcp")]
#[doc(inline)]
pub use self::extract::rmcp::MaybeAccessToken;
#[doc(inline)]
pub use self::guard::{
    AuthenticationError, AuthenticationRequirement, RequireAuthenticationLayer, RequireScopesLayer,
    ScopeError, ScopeRequirement,
};
#[doc(inline)]
pub use self::metadata::ProtectedResource;
#[doc(inline)]
pub use self::reject::Refused;
#[doc(inline)]
pub use self::scopes::{InvalidScope, ScopeHierarchy, Scopes};
#[cfg(feature = "introspection")]
#[doc(inline)]
pub use self::verify::IntrospectionResponseVerifier;
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
pub use self::verify::keys::{Algorithm, KeySet, UnknownAlgorithm, VerifyingKey};
#[doc(inline)]
pub use self::verify::{
    Audience, ByIssuer, ErasedVerifier, StaticToken, StaticTokenVerifier, Verifier, VerifierExt,
    verify_fn,
};
#[doc(inline)]
pub use self::verify_error::{InvalidProofReason, InvalidReason, VerifyError, VerifyErrorKind};
