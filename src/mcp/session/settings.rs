use aws_lc_rs::hmac;

use super::binding::random_key;
use crate::reject::RefusalMap;

/// The configuration of the layer, as its services, futures and event streams share it.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) key: hmac::Key,
    /// The layer's own mapping of refusals.
    pub(super) refusal_map: Option<RefusalMap>,
}

impl Settings {
    /// With a random secret.
    ///
    /// # Panics
    ///
    /// If the system's random number generator fails.
    pub(super) fn random() -> Self {
        Self {
            key: random_key(),
            refusal_map: None,
        }
    }
}
