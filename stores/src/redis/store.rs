//! The store: its settings, and the proofs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use redis::{Value, cmd};
use tower_bearer_auth::possession::{ProofId, ReplayStore};

use super::connections::{ConnectionPool, SharedConnection};
use super::error::{Failure, RedisConfigError};
use super::keys::{DEFAULT_PREFIX, Keys};
use super::servers::Servers;
use crate::BoxError;

/// Keeps used proofs and revocations in Redis or Valkey, for all replicas of a server. See the [module](crate::redis).
///
/// Clones share their connections.
///
/// ```no_run
/// # async fn start() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use tower_bearer_auth::possession::Dpop;
/// use tower_bearer_auth::revocation::Revocations;
/// use tower_bearer_auth_stores::RedisStore;
///
/// let store = RedisStore::new("rediss://app:password@redis.internal:6379/0")?;
/// let dpop = Dpop::new().replay_store(store.clone());
/// let revocations = Revocations::open(store).await?;
/// # let _ = (dpop, revocations);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    servers: Arc<Servers>,
    response_timeout: Duration,
    pub(super) keys: Keys,
    /// For commands that answer at once.
    pub(super) shared: SharedConnection,
    /// For reading changes and large answers.
    pub(super) pool: ConnectionPool,
    /// Whether the log says that the eviction policy could not be read.
    pub(super) has_warned_of_policy: AtomicBool,
}

/// How long Redis waits for changes before it answers that there are none.
pub(super) const FOLLOW: Duration = Duration::from_secs(1);

impl RedisStore {
    /// Creates a store for the server of this URL, `redis://user:password@host:port/database`.
    ///
    /// All parts but the host are optional. `rediss://` is TLS and needs the feature `redis-tls`; the server's
    /// certificate is checked against the roots of the system, or those in `SSL_CERT_FILE`. A password without a user
    /// is written `redis://:password@host`. Special characters in either are percent-encoded.
    ///
    /// The store connects for its first call, and again after an outage. So no error means that Redis answers.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or needs a feature that is off.
    pub fn new(url: impl AsRef<str>) -> Result<Self, RedisConfigError> {
        Ok(Self::with_servers(Servers::one(url.as_ref())?))
    }

    /// Creates a store for a Redis cluster, of which these URLs name one or more servers. All have the same user and
    /// password.
    ///
    /// Proofs are spread over the cluster. The revocations are on one of its servers.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and if there is no URL or they contradict each other.
    #[cfg(feature = "redis-cluster")]
    pub fn cluster<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
    ) -> Result<Self, RedisConfigError> {
        let urls: Vec<U> = urls.into_iter().collect();
        let urls: Vec<&str> = urls.iter().map(AsRef::as_ref).collect();
        Ok(Self::with_servers(Servers::cluster(&urls)?))
    }

    /// Creates a store for the primary that Redis sentinels name.
    ///
    /// `primary` is a URL with the name of the primary in place of a host: `redis://user:password@mymaster/0`. Its
    /// scheme, user, password and database are those of the Redis servers. Those in the URLs of the sentinels are the
    /// sentinels' own.
    ///
    /// ```
    /// # fn store() -> Result<(), tower_bearer_auth_stores::RedisConfigError> {
    /// use tower_bearer_auth_stores::RedisStore;
    ///
    /// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379", "redis://10.0.0.3:26379"];
    /// let store = RedisStore::sentinel(sentinels, "redis://app:password@mymaster")?;
    /// # let _ = store;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and if there is no sentinel.
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel<U: AsRef<str>>(
        sentinels: impl IntoIterator<Item = U>,
        primary: impl AsRef<str>,
    ) -> Result<Self, RedisConfigError> {
        let sentinels: Vec<U> = sentinels.into_iter().collect();
        let sentinels: Vec<&str> = sentinels.iter().map(AsRef::as_ref).collect();
        let servers = Servers::sentinel(&sentinels, primary.as_ref())?;
        Ok(Self::with_servers(servers))
    }

    /// Sets the prefix of all keys, for several applications on one Redis. Default: `tower-bearer-auth`.
    ///
    /// # Panics
    ///
    /// If it is empty or contains braces, which have a meaning in clusters.
    #[must_use]
    #[track_caller]
    pub fn key_prefix(self, prefix: &str) -> Self {
        let inner = &*self.inner;
        Self::with(
            Arc::clone(&inner.servers),
            inner.response_timeout,
            Keys::new(prefix),
        )
    }

    /// Sets the longest time for an answer of Redis, which includes connecting. A request whose proof cannot be
    /// recorded in this time is answered 503. Default: 2 seconds.
    ///
    /// # Panics
    ///
    /// If it is zero, or longer than 3 seconds: [`Revocations`](tower_bearer_auth::revocation::Revocations) wait for no
    /// longer than 5.
    #[must_use]
    #[track_caller]
    pub fn response_timeout(self, timeout: Duration) -> Self {
        assert!(
            !timeout.is_zero() && timeout <= Duration::from_secs(3),
            "the response timeout must be more than zero and at most 3 seconds"
        );
        let inner = &*self.inner;
        Self::with(Arc::clone(&inner.servers), timeout, inner.keys.clone())
    }

    fn with_servers(servers: Servers) -> Self {
        Self::with(
            Arc::new(servers),
            DEFAULT_TIMEOUT,
            Keys::new(DEFAULT_PREFIX),
        )
    }

    fn with(servers: Arc<Servers>, response_timeout: Duration, keys: Keys) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared: SharedConnection::new(Arc::clone(&servers), response_timeout),
                pool: ConnectionPool::new(Arc::clone(&servers), response_timeout + FOLLOW),
                servers,
                response_timeout,
                keys,
                has_warned_of_policy: AtomicBool::new(false),
            }),
        }
    }
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

impl ReplayStore for RedisStore {
    async fn first_use(&self, proof: &ProofId, keep: Duration) -> Result<bool, BoxError> {
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let mut set = cmd("SET");
        set.arg(self.inner.keys.proof(proof)).arg(1).arg("NX");
        // Redis refuses zero, and times that overflow.
        set.arg("PX").arg(keep.clamp(1, LONGEST_KEEP));
        match self.inner.shared.query(&set).await? {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            _ => Err(Failure::unexpected("OK or nothing").into()),
        }
    }
}

/// A year, in milliseconds.
const LONGEST_KEEP: u64 = 365 * 24 * 60 * 60 * 1000;

/// Shows hosts, and no passwords.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("servers", &self.inner.servers)
            .field("key_prefix", &self.inner.keys.prefix())
            .field("response_timeout", &self.inner.response_timeout)
            .finish_non_exhaustive()
    }
}
