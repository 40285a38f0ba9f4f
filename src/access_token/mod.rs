//! `AccessToken`: who is calling, as a verifier established it.

mod builder;
mod claim_text;
mod expiry_timer;
mod principal;
mod token;
mod verified;

pub use self::builder::AccessTokenBuilder;
pub(crate) use self::claim_text::ClaimText;
pub(crate) use self::expiry_timer::ExpiryTimer;
pub use self::principal::Principal;
pub use self::token::AccessToken;
pub(crate) use self::verified::Verified;

#[cfg(test)]
mod tests;
