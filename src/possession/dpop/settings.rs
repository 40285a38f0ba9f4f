use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::htu::is_path;
use super::memory_replay_store::MemoryReplayStore;
use super::nonces::DpopNonces;
use super::replay_store::{ErasedReplayStore, ReplayStore};
use crate::clock::Clock;
use crate::http_url::Origin;
use crate::verify::keys::algorithm::{Algorithm, KeyKind};

/// How a layer checks that the sender of a token has the key that the token is bound to, by DPoP (RFC 9449).
///
/// Pass it to [`BearerAuthLayer::dpop`](crate::BearerAuthLayer::dpop). See the [module](crate::possession) for what is
/// checked, and for the answers.
///
/// ```
/// use tower_bearer_auth::possession::Dpop;
/// # use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let layer = BearerAuthLayer::new(verifier).dpop(Dpop::new().origin("https://api.example.com"));
/// # let _ = layer;
/// ```
///
/// Clones share the store of used proofs. So do not nest two layers with clones of one `Dpop`: the second check of a
/// request would refuse its proof as used.
#[derive(Clone)]
#[must_use = "it does nothing until it is passed to a layer"]
pub struct Dpop {
    pub(super) is_required: bool,
    pub(super) origin: Option<Origin>,
    pub(super) path_prefix: Box<str>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) window: Duration,
    pub(super) max_proof_length: usize,
    pub(super) used_proofs: UsedProofs,
    pub(super) nonces: Option<DpopNonces>,
    pub(super) clock: Clock,
}

/// Where used proofs are recorded.
#[derive(Clone)]
pub(super) enum UsedProofs {
    Memory(MemoryReplayStore),
    Store(Arc<dyn ErasedReplayStore>),
}

const DEFAULT_WINDOW: Duration = Duration::from_secs(60);

const MIN_WINDOW: Duration = Duration::from_secs(1);

/// The window of the MCP profile.
const MAX_WINDOW: Duration = Duration::from_secs(300);

/// A proof with an ML-DSA-87 key has 11 KB.
const DEFAULT_MAX_PROOF_LENGTH: usize = 16 * 1024;

impl Dpop {
    /// Creates the default settings: a token that is bound to a key needs a proof, and another token is accepted as a
    /// bearer token.
    pub fn new() -> Self {
        let all = Algorithm::ALL.iter().copied();
        Self {
            is_required: false,
            origin: None,
            path_prefix: "".into(),
            algorithms: all.filter(|algorithm| is_asymmetric(*algorithm)).collect(),
            window: DEFAULT_WINDOW,
            max_proof_length: DEFAULT_MAX_PROOF_LENGTH,
            used_proofs: UsedProofs::Memory(MemoryReplayStore::default()),
            nonces: None,
            clock: Clock::system(),
        }
    }

    /// Accepts only tokens that are bound to a key, with a proof. Default: other tokens are accepted as bearer tokens.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Sets the scheme, the host and the port of this server in the URLs that its clients call, such as
    /// `https://api.example.com`. A proof is for one URL (`htu`), and a `Host` header may come from an attacker, so the
    /// layer does not take them from the request. Default: those of the layer's
    /// [`resource`](crate::BearerAuthLayer::resource).
    ///
    /// # Panics
    ///
    /// If it is not an http or https URL, or has credentials, a path, a query or a fragment.
    #[track_caller]
    pub fn origin(mut self, origin: &str) -> Self {
        match Self::check_origin(origin) {
            Ok(origin) => self.origin = Some(origin),
            Err(problem) => panic!("{problem}"),
        }
        self
    }

    /// Sets the beginning of the path in the URLs that clients call, which a proxy in front removes: with `/tools`, a
    /// request for `/mcp` needs a proof for `/tools/mcp`. Default: none.
    ///
    /// # Panics
    ///
    /// If it does not begin with a slash, ends with one, or cannot be in the path of a URL: it has a query, a fragment,
    /// a space, or other characters than visible ASCII, which must be percent-encoded.
    #[track_caller]
    pub fn path_prefix(mut self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        or_panic(Self::check_path_prefix(&prefix));
        self.path_prefix = prefix.into();
        self
    }

    /// Accepts proofs of these algorithms only. Default: all algorithms with public keys. A later call replaces an
    /// earlier one.
    ///
    /// # Panics
    ///
    /// If the list is empty, or has an algorithm with a shared secret (`HS256`).
    #[track_caller]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        or_panic(Self::check_algorithms(&self.algorithms));
        self
    }

    /// Sets how far the time of a proof (`iat`) may be from this server's clock, in both directions. Default: 60
    /// seconds.
    ///
    /// # Panics
    ///
    /// If it is less than a second or more than 300 seconds.
    #[track_caller]
    pub fn window(mut self, window: Duration) -> Self {
        or_panic(Self::check_window(window));
        self.window = window;
        self
    }

    /// Sets the maximum length of a proof, in bytes. A longer one is refused before it is read. Default: 16 384 (16
    /// KiB), since a proof of an ML-DSA-87 key has 11 KB.
    pub fn max_proof_length(mut self, bytes: usize) -> Self {
        self.max_proof_length = bytes;
        self
    }

    /// Records used proofs in this store, such as one that all replicas of the server share. Default: a
    /// [`MemoryReplayStore`].
    pub fn replay_store(mut self, store: impl ReplayStore) -> Self {
        self.used_proofs = UsedProofs::Store(Arc::new(store));
        self
    }

    /// Requires a nonce of this server in each proof (RFC 9449 §9). Clients then cannot make proofs
    /// in advance. Default: no nonces.
    pub fn nonces(mut self, nonces: DpopNonces) -> Self {
        self.nonces = Some(nonces);
        self
    }

    /// Sets the clock that measures the age of proofs. Default: the system's clock. The default memory of used proofs
    /// uses this clock too, and is empty afterwards. A store that [`replay_store`](Self::replay_store) sets keeps its
    /// own clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        if let UsedProofs::Memory(_) = self.used_proofs {
            self.used_proofs =
                UsedProofs::Memory(MemoryReplayStore::default().clock(clock.clone()));
        }
        self.clock = clock;
        self
    }
}

/// What the setters check, or why the value is refused.
impl Dpop {
    pub(crate) fn check_origin(origin: &str) -> Result<Origin, String> {
        Origin::of_origin(origin)
            .map_err(|problem| format!("{origin:?} cannot be an origin: it {problem}"))
    }

    pub(crate) fn check_path_prefix(prefix: &str) -> Result<(), String> {
        if prefix.starts_with('/') && !prefix.ends_with('/') && is_path(prefix) {
            return Ok(());
        }
        Err(format!(
            "{prefix:?} cannot be the beginning of a path: it must begin with a slash and not end with one, and other \
             characters than visible ASCII must be percent-encoded"
        ))
    }

    pub(crate) fn check_algorithms(algorithms: &[Algorithm]) -> Result<(), String> {
        match !algorithms.is_empty() && algorithms.iter().copied().all(is_asymmetric) {
            true => Ok(()),
            false => Err("proofs need algorithms with public keys".to_owned()),
        }
    }

    pub(crate) fn check_window(window: Duration) -> Result<(), String> {
        match (MIN_WINDOW..=MAX_WINDOW).contains(&window) {
            true => Ok(()),
            false => Err(format!(
                "the window of proofs must be between 1 and 300 seconds, not {window:?}"
            )),
        }
    }
}

#[track_caller]
fn or_panic(check: Result<(), String>) {
    if let Err(problem) = check {
        panic!("{problem}");
    }
}

fn is_asymmetric(algorithm: Algorithm) -> bool {
    algorithm.key_kind() != KeyKind::Secret
}

impl Default for Dpop {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("is_required", &self.is_required)
            .field("algorithms", &self.algorithms)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_prefix_that_no_url_has_panics_instead_of_refusing_every_proof() {
        for bad in [
            "", "/", "a", "/a/", "/a?b", "/a#b", "/a b", "/ä", "/a%", "/a%2", "/a\\b", "/a\n",
        ] {
            let set = || Dpop::new().path_prefix(bad);
            assert!(catch_unwind(set).is_err(), "{bad:?}");
        }
        for good in ["/a", "/a/b", "/%C3%A4", "/a%20b"] {
            assert_eq!(&*Dpop::new().path_prefix(good).path_prefix, good);
        }
    }
}
