//! The keys that verifiers read, and how their state is carried over to the next document.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::key_state::KeyState;
use crate::verify::keys::VerifyingKey;
use crate::verify::keys::key::Fingerprint;

/// The current keys of a set. A snapshot does not change; a fetch replaces it.
pub(super) struct Snapshot {
    pub(super) generation: u64,
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) refresh_at: Duration,
    pub(super) stale_at: Duration,
    pub(super) dead_at: Duration,
}

/// Carries the state of keys over to a new document: keys whose material was in the previous one keep their state, and
/// keys that are gone are withdrawn.
pub(super) fn continued(
    mut keys: Vec<VerifyingKey>,
    previous: &[VerifyingKey],
    clock: &Clock,
) -> Vec<VerifyingKey> {
    // One state per key material, whatever its key IDs. The state that came with the document is not used, since its
    // source may share the document with other key sets.
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
