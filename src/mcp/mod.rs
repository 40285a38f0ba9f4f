//! What an MCP (Model Context Protocol) server needs besides the layer: scopes per tool, sessions that
//! belong to someone, CORS.
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
//! let app = Router::new()
//!     .route_service("/mcp", rmcp_service)
//!     .layer(ToolScopesLayer::new(rules))
//!     .layer(SessionBindingLayer::new())
//!     .layer(BearerAuthLayer::new(verifier).resource(&resource))
//!     .merge(resource.router())
//!     .layer(mcp::cors());
//! # Ok(app)
//! # }
//! ```
//!
//! # The order of layers
//!
//! A request meets what is furthest out first, which in axum is what is added last:
//!
//! ```text
//! cors()                 answers preflights, which have no token; lets browsers see challenges
//!   └─ metadata          is for clients that have no token yet
//!       └─ BearerAuthLayer        who is calling?
//!           └─ SessionBindingLayer    is it their session?
//!               └─ ToolScopesLayer    may they call this tool?
//!                   └─ the MCP service
//! ```
//!
//! The two guards read MCP, so put them around the MCP service alone where a router has other routes.
//!
//! # Only some tools need a scope
//!
//! With the rules closed by default, and a server whose lists show what the caller may use:
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
//!     .default_rule(ScopeRequirement::nobody())
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
//! With the feature `rmcp`, a tool or prompt takes the token as a parameter, and what it requires there
//! is answered by HTTP as far as possible; see [`extract::rmcp`](crate::extract).

mod cors;
mod headers;
mod member_name;
mod message;
mod message_id;
mod pattern;
mod private_member;
mod rejection;
mod resource_uri;
mod rules;
pub mod session;
pub mod tool_scopes;
mod tree;

pub use self::cors::cors;
pub use self::rules::{ScopeRules, ScopeRulesBuilder};
#[doc(inline)]
pub use self::session::SessionBindingLayer;
#[doc(inline)]
pub use self::tool_scopes::ToolScopesLayer;
