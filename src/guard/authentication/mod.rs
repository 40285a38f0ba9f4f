//! Requires that the user has authenticated in a certain way, or recently: step-up authentication (RFC 9470).
//!
//! The [guard module](crate::guard#step-up-authentication) describes what clients see.

mod error;
mod layer;
mod service;

pub use self::error::AuthenticationError;
pub use self::layer::RequireAuthenticationLayer;
pub use self::service::RequireAuthentication;
