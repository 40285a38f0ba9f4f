//! `AccessToken`: the identity and the rights of a caller, as a verifier established them.

mod actor;
mod audiences;
mod authentication;
mod builder;
mod claim_text;
mod confirmation;
mod expiry_timer;
mod invalid_claims;
mod principal;
mod revocation_check;
mod token;
mod verified;

pub use self::actor::Actor;
pub use self::builder::AccessTokenBuilder;
pub(crate) use self::claim_text::ClaimText;
pub use self::confirmation::Confirmation;
pub(crate) use self::confirmation::Confirmations;
pub(crate) use self::expiry_timer::ExpiryTimer;
pub use self::expiry_timer::UntilInvalid;
pub use self::invalid_claims::InvalidClaims;
pub use self::principal::Principal;
pub(crate) use self::revocation_check::RevocationCheck;
pub use self::token::AccessToken;
pub(crate) use self::verified::Verified;

#[cfg(test)]
mod tests;
