//! Checks the scopes of a token against the tool, prompt, resource or task that an MCP request names.

mod body;
mod decision;
mod future;
mod layer;
mod service;
mod settings;

pub use self::body::ReplayBody;
pub use self::future::ResponseFuture;
pub use self::layer::ToolScopesLayer;
pub use self::service::ToolScopes;
