//! Whether a key is still its issuer's: shared by the key set and every token the key verified.

use std::sync::atomic::{AtomicBool, Ordering};

/// Flips once, when the key leaves its set or is withdrawn by hand.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    withdrawn: AtomicBool,
}

impl KeyState {
    pub(crate) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
    }

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }
}
