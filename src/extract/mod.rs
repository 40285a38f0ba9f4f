//! Extractors: the access token and its claims as parameters of a handler.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "rmcp")]
pub mod rmcp;
