//! Binds MCP sessions and events to the principal that they were created for.

use http::HeaderName;

mod binding;
mod body;
mod ending;
mod events;
mod future;
mod layer;
mod owner;
mod service;

pub use self::body::{SessionBody, SessionRequestBody};
pub use self::future::ResponseFuture;
pub use self::layer::SessionBindingLayer;
pub use self::service::SessionBinding;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The name under which the layer records its decisions.
const WHO: &str = "SessionBindingLayer";
