//! Nonces of the server (RFC 9449 §9), without a store.

use std::time::Duration;

/// Issues nonces for proofs, and recognizes them again.
#[derive(Debug, Clone)]
pub struct DpopNonces {}

/// What the nonce of a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NonceState {
    /// It is accepted.
    Good,
    /// It is accepted, and will soon no longer be.
    Ending,
    /// It is too old, or not of this server.
    Unknown,
}

impl DpopNonces {
    /// Signs nonces with this secret.
    pub fn new(_secret: impl AsRef<[u8]>) -> Self {
        unimplemented!()
    }

    /// The nonce to send now. `now` is the time since 1970.
    pub(super) fn fresh(&self, _now: Duration) -> String {
        unimplemented!()
    }

    /// What this nonce of a proof is.
    pub(super) fn state(&self, _nonce: &str, _now: Duration) -> NonceState {
        unimplemented!()
    }
}
