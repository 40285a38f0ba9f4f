//! Reads and checks claims: what verifiers of JWTs and of introspection answers share.

pub(crate) mod audience;
mod mapping;
pub(crate) mod policy;
pub(crate) mod problems;
pub(crate) mod registered;
pub(crate) mod rules;
pub(crate) mod token_kind;
pub(crate) mod token_type;
pub(crate) mod verifier;

pub use self::audience::Audience;
