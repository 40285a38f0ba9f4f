//! OpenID Connect Back-Channel Logout 1.0.

mod service;
mod verifier;

pub use self::service::BackChannelLogout;
pub use self::verifier::LogoutTokenVerifier;
