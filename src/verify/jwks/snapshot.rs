//! What readers of a key set see, and what becomes of a key from one document to the next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::key_state::KeyState;
use crate::verify::jwt::VerifyingKey;
use crate::verify::jwt::key::Fingerprint;

/// The keys of a set: never changed, only replaced.
pub(super) struct Snapshot {
    pub(super) generation: u64,
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) refresh_at: Duration,
    pub(super) stale_at: Duration,
    pub(super) dead_at: Duration,
}

/// The keys of a new document. Those whose material was there before keep their state, and those
/// that are gone lose it.
pub(super) fn continued(
    mut keys: Vec<VerifyingKey>,
    previous: &[VerifyingKey],
    clock: &Clock,
) -> Vec<VerifyingKey> {
    // One state per material, whatever names it goes by, and none that came with the document: its
    // source may hand the same one to others.
    let known = previous
        .iter()
        .map(|key| (*key.fingerprint(), Arc::clone(key.state())));
    let mut states: HashMap<Fingerprint, Arc<KeyState>> = known.collect();
    for key in &mut keys {
        let new = || Arc::new(KeyState::fetched(clock.clone()));
        let state = states.entry(*key.fingerprint()).or_insert_with(new);
        key.continue_as(Arc::clone(state));
    }
    let kept: HashSet<_> = keys.iter().map(VerifyingKey::fingerprint).collect();
    for old in previous {
        if !kept.contains(old.fingerprint()) {
            old.state().withdraw();
        }
    }
    keys
}
