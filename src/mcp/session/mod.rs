//! Binds MCP sessions and events to the principal that they were created for.

mod binding;
mod body;
mod events;
mod future;
mod layer;
mod owner;
mod service;
mod settings;
mod termination;

pub use self::body::{SessionBody, SessionRequestBody};
pub use self::future::ResponseFuture;
pub use self::layer::SessionBindingLayer;
pub use self::service::SessionBinding;
