//! Layers for an MCP (Model Context Protocol) server, besides [`BearerAuthLayer`](crate::BearerAuthLayer): scopes and
//! [step-up authentication](Rule) per tool, sessions bound to their owner, and CORS.
//!
//! The usual stack, with axum and `rmcp`:
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "rmcp"))]
//! # fn app(
//! #     verifier: tower_bearer_auth::JwtVerifier,
//! #     rmcp_service: axum::routing::MethodRouter,
//! # ) -> Result<axum::Router, tower_bearer_auth::ConfigError> {
//! use axum::Router;
//! use tower::ServiceBuilder;
//! use tower_bearer_auth::mcp::{self, ScopeRules, SessionBindingLayer, ToolScopesLayer};
//! use tower_bearer_auth::{BearerAuthLayer, ProtectedResource, ScopeRequirement};
//!
//! let resource = ProtectedResource::new("https://api.example.com/mcp")
//!     .authorization_servers(["https://issuer.example.com"])
//!     .scopes(["notes:read", "notes:write"]);
//! let rules = ScopeRules::builder()
//!     .tool("delete_note", ScopeRequirement::all(["notes:write"]))
//!     .default_rule(ScopeRequirement::all(["notes:read"]))
//!     .build()?;
//!
//! // The first layer is the outermost.
//! let layers = ServiceBuilder::new()
//!     .layer(BearerAuthLayer::new(verifier).resource(&resource))
//!     .layer(SessionBindingLayer::new())
//!     .layer(ToolScopesLayer::new(rules));
//! let app = Router::new()
//!     .route_service("/mcp", rmcp_service)
//!     .layer(layers)
//!     .merge(resource.router())
//!     .layer(mcp::cors());
//! # Ok(app)
//! # }
//! ```
//!
//! # Layer order
//!
//! A request passes the outermost layer first. In a `ServiceBuilder`, that is the first layer. With several calls of
//! `Router::layer`, it is the last one.
//!
//! ```text
//! cors()                 answers preflights, which have no token; lets browsers read challenges
//!   └─ metadata          serves clients that have no token yet
//!       └─ BearerAuthLayer        verifies the token
//!           └─ SessionBindingLayer    checks that the session belongs to the caller
//!               └─ ToolScopesLayer    checks what the tool requires
//!                   └─ the MCP service
//! ```
//!
//! The two inner layers expect MCP requests. If the router has other routes, wrap only the MCP service in them.
//!
//! # Only some tools need a scope
//!
//! These rules deny unlisted tools. A server can use [`ScopeRules::allows`] to list only what the caller may use:
//!
//! ```
//! use tower_bearer_auth::mcp::ScopeRules;
//! use tower_bearer_auth::{AccessToken, ScopeRequirement};
//!
//! let rules = ScopeRules::builder()
//!     .tool("whoami", ScopeRequirement::token())
//!     .tool("note_*", ScopeRequirement::all(["notes:read"]))
//!     .tool("note_delete", ScopeRequirement::all(["notes:read", "notes:write"]))
//!     .resource("note://*", ScopeRequirement::all(["notes:read"]))
//!     .method("logging/setLevel", ScopeRequirement::any(["admin", "ops"]))
//!     .default_rule(ScopeRequirement::deny_all())
//!     .build()?;
//!
//! # let token: tower_bearer_auth::BearerToken = "opaque".parse().unwrap();
//! let token: AccessToken = AccessToken::builder(token).scopes(["notes:read"]).build();
//! assert!(rules.allows(&token, "tools/call", "note_add"));
//! assert!(!rules.allows(&token, "tools/call", "note_delete"));
//! assert!(!rules.allows(&token, "tools/call", "launch_rocket"));
//! # Ok::<(), tower_bearer_auth::ConfigError>(())
//! ```
//!
//! # Inside a tool
//!
//! With the feature `rmcp`, a tool or prompt takes the token as a parameter. If the token lacks a scope that the tool
//! requires, the client gets an HTTP 403 where possible; see [`extract::rmcp`](crate::extract).

pub mod cors;
mod few;
mod headers;
mod member_name;
mod message;
mod message_id;
mod pattern;
mod private_member;
mod rejection;
mod resource_uri;
mod rule;
mod rules;
mod rules_builder;
mod scanner;
pub mod session;
pub mod tool_scopes;
mod tree;

#[doc(inline)]
pub use self::cors::{CorsLayer, cors};
pub use self::rule::Rule;
pub use self::rules::ScopeRules;
pub use self::rules_builder::ScopeRulesBuilder;
#[doc(inline)]
pub use self::session::SessionBindingLayer;
#[doc(inline)]
pub use self::tool_scopes::ToolScopesLayer;
