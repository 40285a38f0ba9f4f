//! Sessions and events that belong to whoever they are for.

mod binding;
mod body;
mod events;
mod future;
mod layer;
mod owner;
mod service;

pub use self::body::SessionBody;
pub use self::future::ResponseFuture;
pub use self::layer::SessionBindingLayer;
pub use self::service::SessionBinding;

/// By what name the layer says what it decided.
const WHO: &str = "SessionBindingLayer";
