//! A layer for each tenant, chosen by the head of the request.

mod choice;
mod layer;
mod service;

pub use self::layer::LayerByRequest;
pub use self::service::AuthByRequest;
