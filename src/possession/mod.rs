//! Tokens that are bound to a key: a stolen one is worth nothing without the key.

mod checks;
mod client_certificate;
#[cfg(feature = "dpop")]
mod dpop;
mod request_check;
mod request_head;

pub(crate) use self::checks::{Admitted, Checks, ChecksFuture, StartedChecks};
pub use self::client_certificate::ClientCertificate;
#[cfg(feature = "dpop")]
pub use self::dpop::{Dpop, DpopNonces, MemoryReplayStore, ProofId, ReplayStore};
pub use self::request_check::{Checked, RequestCheck};
pub use self::request_head::RequestHead;
pub use crate::access_token::Confirmation;
