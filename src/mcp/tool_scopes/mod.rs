//! The guard that sees the tool.

mod body;
mod decision;
mod future;
mod layer;
mod service;

pub use self::body::ReplayBody;
pub use self::future::ResponseFuture;
pub use self::layer::ToolScopesLayer;
pub use self::service::ToolScopes;
