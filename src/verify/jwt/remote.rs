//! What a verifier asks of keys that are somewhere else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use super::signer::Found;
use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::verify_error::VerifyError;

/// Keys that are fetched, and may change.
pub(crate) trait RemoteKeys: Send + Sync {
    /// Looks for the key that made a signature, among those that are at hand. It is also what tells a
    /// key set that there is traffic, so that it refreshes when that is due. Whoever may not wait for
    /// that gets the keys there are.
    fn find(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
        signed: &dyn Fn(&VerifyingKey) -> bool,
        may_wait: bool,
    ) -> Found;

    /// What the source of the keys is called; see [`KeySource::name`](crate::jwks::KeySource::name).
    fn source_name(&self) -> &str;

    /// Counts the times that the keys were replaced.
    fn generation(&self) -> u64;

    /// What to do about a token whose key is not at hand, and was not when the keys were of the
    /// generation `seen`.
    fn missing(&self, seen: u64) -> Missing;

    /// What to say about it when waiting did not bring the key, since the generation `seen` before.
    fn still_missing(&self, seen: u64) -> VerifyError;
}

/// What a token gets whose key is not at hand.
pub(crate) enum Missing {
    /// The keys were replaced since; look again.
    Changed,
    /// A fetch is under way that may bring it.
    Wait {
        end: Pin<Box<dyn Future<Output = ()> + Send>>,
        /// Somebody else's fetch, which may have asked before the key was there.
        begun_before: bool,
    },
    Refused(VerifyError),
}

/// What a verifier's configuration has for its key source.
pub(crate) struct RemoteContext<'a> {
    pub(crate) issuers: &'a [String],
    pub(crate) clock: &'a Clock,
}

/// Makes the key source when the verifier is built.
pub(super) type MakeRemote =
    Arc<dyn Fn(RemoteContext<'_>) -> Result<Arc<dyn RemoteKeys>, ConfigError> + Send + Sync>;
