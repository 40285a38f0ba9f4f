//! The names of the keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_bearer_auth::possession::ProofId;

/// The names of the keys of a store.
///
/// Those of revocations have a hash tag in common, so that they are on one server of a cluster. Those of proofs have
/// none, so that proofs are spread over all.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    /// The text of the last change, see [`Head`](super::log::Head).
    pub(super) head: String,
    /// The revocations, a sorted set by their end.
    pub(super) set: String,
    /// The latest changes, a stream.
    pub(super) changes: String,
    /// When the last revocation of the set ends. If this key exists and the set does not, the set was deleted.
    pub(super) set_end: String,
}

pub(super) const DEFAULT_PREFIX: &str = "tower-bearer-auth";

impl Keys {
    /// # Panics
    ///
    /// If the prefix is empty, or has braces in it: they would make a hash tag.
    #[track_caller]
    pub(super) fn new(prefix: &str) -> Self {
        assert!(
            !prefix.is_empty() && !prefix.contains(['{', '}']),
            "the prefix of keys must not be empty or contain braces"
        );
        let key = |name| format!("{prefix}:{{revocations}}:{name}");
        Self {
            prefix: prefix.to_owned(),
            head: key("head"),
            set: key("set"),
            changes: key("changes"),
            set_end: key("set-end"),
        }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn proof(&self, proof: &ProofId) -> String {
        let id = URL_SAFE_NO_PAD.encode(proof.id());
        format!("{}:proof:{id}", self.prefix)
    }
}
