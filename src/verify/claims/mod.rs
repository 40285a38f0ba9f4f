//! What the claims of a token have to say, and how an access token is filled from them: shared by JWTs and introspection.

pub(crate) mod audience;
pub(crate) mod mapping;
pub(crate) mod registered;
pub(crate) mod rules;
pub(crate) mod token_type;

pub use self::audience::Audience;
