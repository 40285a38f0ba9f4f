//! The trait of fetched keys, which `jwks` implements: a JWT verifier does not depend on HTTP.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::Clock;
use crate::config_error::ConfigError;
use crate::verify::keys::key::VerifyingKey;
use crate::verify::keys::signer::{Found, SignatureSearch};
use crate::verify_error::VerifyError;

/// Keys that are fetched and may change. `Any` allows a downcast to the key set that implements it.
pub(crate) trait RemoteKeys: Any + Send + Sync {
    /// Searches the cached keys for the one that made a signature. A call also starts a refresh of the set if one is due.
    /// With `may_wait`, the result may be a refresh to wait for; without it, the cached keys are used.
    fn find(&self, search: &SignatureSearch<'_>, may_wait: bool) -> Found;

    /// The [name](crate::jwks::KeySource::name) of the key source.
    fn source_name(&self) -> &str;

    /// Counts the times that the keys were replaced.
    fn generation(&self) -> u64;

    /// Decides about a token that no cached key verified, when the set was of the generation `seen`. `issued_by` is the
    /// latest time at which the token was issued, since 1970; `None` if the token has no `iat`.
    fn missing(&self, seen: u64, issued_by: Option<Duration>) -> Missing;

    /// The state of the keys, for an explanation. It fetches nothing.
    fn view(&self) -> RemoteView;

    /// The error for a token that no key verifies after the last fetch. `seen` is the generation before that fetch.
    fn still_missing(&self, seen: u64) -> VerifyError;
}

/// The decision about a token that no cached key verified.
pub(crate) enum Missing {
    /// The keys were replaced meanwhile. Search again.
    Changed,
    /// A fetch is in flight that may bring the key.
    Wait {
        end: Pin<Box<dyn Future<Output = ()> + Send>>,
        /// Whether another request began the fetch, perhaps before the issuer published the key.
        begun_before: bool,
    },
    Refused(VerifyError),
}

/// Fetched keys, those of the document that are left out, and what is known about the last fetches.
#[derive(Default)]
pub(crate) struct RemoteView {
    /// The keys that may be used, which is none if there was no fetch, or after a long outage.
    pub(crate) keys: Vec<VerifyingKey>,
    /// The `kid`, shortened and escaped, and the reason.
    pub(crate) left_out: Vec<(Option<String>, &'static str)>,
    /// The number of keys of the document that were not read, because it has too many.
    pub(crate) unread: usize,
    pub(crate) fetched_at: Option<SystemTime>,
    /// The error of the last fetch, without the queries of URLs; `None` if it succeeded.
    pub(crate) error: Option<String>,
}

/// The settings of a verifier that its key source uses.
pub(crate) struct RemoteContext<'a> {
    pub(crate) issuers: &'a [String],
    pub(crate) clock: &'a Clock,
}

/// Makes the key source when the verifier is built.
pub(super) type MakeRemote =
    Arc<dyn Fn(RemoteContext<'_>) -> Result<Arc<dyn RemoteKeys>, ConfigError> + Send + Sync>;
