//! Where a request carries its token, and in which scheme.

mod authorization;
mod bearer_token;
mod scheme;
mod source;

pub(crate) use self::authorization::{Credentials, take_credentials};
pub(crate) use self::bearer_token::PossessionMark;
pub use self::bearer_token::{BearerToken, InvalidBearerToken};
pub(crate) use self::scheme::Carrier;
pub use self::scheme::Scheme;
pub use self::source::TokenSource;
pub(crate) use self::source::{OfferedProtocol, TokenSources};
