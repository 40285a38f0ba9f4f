//! Sessions and events that belong to whoever they are for.

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

/// By what name the layer says what it decided.
const WHO: &str = "SessionBindingLayer";
