//! The access token as a handler's parameter.

pub mod axum;
