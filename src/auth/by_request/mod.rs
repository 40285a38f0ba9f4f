//! A whole layer per tenant, chosen by the head of the request.

mod layer;
mod service;

pub use self::layer::LayerByRequest;
pub use self::service::AuthByRequest;
