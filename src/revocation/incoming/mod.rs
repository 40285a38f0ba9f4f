//! What the endpoints for logout tokens and for security events share.

mod endpoint;
mod intake;
mod refusal;
mod seen;

pub use self::endpoint::EndpointFuture;
pub(super) use self::endpoint::{Receiver, has_content_type};
pub(super) use self::intake::{Effect, Intake};
pub(super) use self::refusal::{Format, Refusal};
