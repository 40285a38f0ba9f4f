//! Sessions that belong to whoever opened them.

mod binding;
mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::SessionBindingLayer;
pub use self::service::SessionBinding;
