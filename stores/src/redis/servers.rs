//! What a URL names, and connections to it.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, IntoConnectionInfo, RedisError, Value,
};

use super::error::{Failure, RedisConfigError};

/// One Redis server, a cluster, or the primary that sentinels name.
pub(super) struct Servers {
    topology: Topology,
    /// For `Debug`: hosts and ports.
    names: Vec<String>,
    /// What no error may contain.
    passwords: Vec<String>,
}

enum Topology {
    Single(Box<Client>),
    #[cfg(feature = "redis-cluster")]
    Cluster(Box<redis::cluster::ClusterClient>),
    #[cfg(feature = "redis-sentinel")]
    Sentinel(Box<tokio::sync::Mutex<redis::sentinel::SentinelClient>>),
}

/// A connection, whose clones can be used at the same time.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    #[cfg(feature = "redis-cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Connection {
    pub(super) async fn query(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

impl Servers {
    pub(super) fn one(url: &str) -> Result<Self, RedisConfigError> {
        let info = connection_info(url)?;
        let (names, passwords) = describe(std::slice::from_ref(&info));
        let client = Client::open(info).map_err(|error| RedisConfigError::of(&error))?;
        Ok(Self {
            topology: Topology::Single(Box::new(client)),
            names,
            passwords,
        })
    }

    #[cfg(feature = "redis-cluster")]
    pub(super) fn cluster(urls: &[&str]) -> Result<Self, RedisConfigError> {
        let infos = connection_infos(urls)?;
        let (names, passwords) = describe(&infos);
        let client = redis::cluster::ClusterClient::builder(infos)
            .retries(1)
            .build()
            .map_err(|error| RedisConfigError::of(&error))?;
        Ok(Self {
            topology: Topology::Cluster(Box::new(client)),
            names,
            passwords,
        })
    }

    #[cfg(feature = "redis-sentinel")]
    pub(super) fn sentinel(sentinels: &[&str], primary: &str) -> Result<Self, RedisConfigError> {
        use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
        use redis::{ConnectionAddr, TlsMode};

        let mut infos = connection_infos(sentinels)?;
        let primary = connection_info(primary)?;
        let node = SentinelNodeConnectionInfo::default()
            .set_redis_connection_info(primary.redis_settings().clone());
        let (service, node) = match primary.addr() {
            ConnectionAddr::Tcp(service, _) => (service.clone(), node),
            ConnectionAddr::TcpTls { host, insecure, .. } => {
                let mode = if *insecure {
                    TlsMode::Insecure
                } else {
                    TlsMode::Secure
                };
                (host.clone(), node.set_tls_mode(mode))
            }
            ConnectionAddr::Unix(_) | _ => {
                return Err(RedisConfigError::new(
                    "the URL of the primary has no name in it",
                ));
            }
        };
        let client = SentinelClient::build(
            infos.clone(),
            service,
            Some(node),
            SentinelServerType::Master,
        )
        .map_err(|error| RedisConfigError::of(&error))?;
        infos.push(primary);
        let (names, passwords) = describe(&infos);
        Ok(Self {
            topology: Topology::Sentinel(Box::new(tokio::sync::Mutex::new(client))),
            names,
            passwords,
        })
    }

    /// Connects. Each answer on the connection takes `response_timeout` at most.
    pub(super) async fn connect(
        &self,
        response_timeout: Duration,
    ) -> Result<Connection, RedisError> {
        let config = || {
            AsyncConnectionConfig::new()
                .set_connection_timeout(Some(response_timeout))
                .set_response_timeout(Some(response_timeout))
        };
        match &self.topology {
            Topology::Single(client) => client
                .get_multiplexed_async_connection_with_config(&config())
                .await
                .map(Connection::One),
            #[cfg(feature = "redis-cluster")]
            Topology::Cluster(client) => {
                let config = redis::cluster::ClusterConfig::new()
                    .set_connection_timeout(response_timeout)
                    .set_response_timeout(response_timeout);
                client
                    .get_async_connection_with_config(config)
                    .await
                    .map(Connection::Cluster)
            }
            #[cfg(feature = "redis-sentinel")]
            Topology::Sentinel(sentinels) => {
                // The primary may be another one than before.
                let client = sentinels.lock().await.async_get_client().await?;
                client
                    .get_multiplexed_async_connection_with_config(&config())
                    .await
                    .map(Connection::One)
            }
        }
    }

    /// The text of an error. A server can repeat a command that it does not know, and `AUTH` contains the password.
    /// Redis cuts what it repeats, so the rest of a long password would not be recognized.
    pub(super) fn failure(&self, error: &RedisError, limit: Duration) -> Failure {
        if error.is_timeout() {
            return Failure::no_answer(limit);
        }
        let text = error.to_string();
        let mut text = match text.split_once("with args beginning with") {
            Some((known, _)) => format!("{known}…"),
            None => text,
        };
        for password in &self.passwords {
            text = text.replace(password, "…");
        }
        Failure::new(format!("Redis: {text}"))
    }
}

/// Whether the connection is of no use after this error.
pub(super) fn breaks_connection(error: &RedisError) -> bool {
    use redis::{ErrorKind, ServerErrorKind};
    // The server was the primary until a failover.
    let is_replica = matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    );
    // A partition has cut it off from its replicas, and one of them may be the primary now.
    let is_cut_off = error.code() == Some("NOREPLICAS");
    is_replica || is_cut_off || error.is_io_error() || error.is_unrecoverable_error()
}

fn connection_info(url: &str) -> Result<ConnectionInfo, RedisConfigError> {
    let info = url
        .into_connection_info()
        .map_err(|error| RedisConfigError::of(&error))?;
    use_tls(&info)?;
    // Redis before 7.2 does not support this command, and an ACL rule need not allow it.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings))
}

#[cfg(any(feature = "redis-cluster", feature = "redis-sentinel"))]
fn connection_infos(urls: &[&str]) -> Result<Vec<ConnectionInfo>, RedisConfigError> {
    if urls.is_empty() {
        return Err(RedisConfigError::new("there is no URL"));
    }
    urls.iter().map(|url| connection_info(url)).collect()
}

/// Selects a cryptography provider if there is none, because rustls panics if a binary contains two.
#[cfg(feature = "redis-tls")]
fn use_tls(info: &ConnectionInfo) -> Result<(), RedisConfigError> {
    use rustls::crypto::{CryptoProvider, aws_lc_rs};

    let is_tls = matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. });
    if is_tls && CryptoProvider::get_default().is_none() {
        // An error means that another thread has selected one.
        let _ = aws_lc_rs::default_provider().install_default();
    }
    Ok(())
}

#[cfg(not(feature = "redis-tls"))]
fn use_tls(info: &ConnectionInfo) -> Result<(), RedisConfigError> {
    match info.addr().is_supported() {
        true => Ok(()),
        false => Err(RedisConfigError::new("TLS needs the feature redis-tls")),
    }
}

/// The names of servers, and their passwords.
fn describe(infos: &[ConnectionInfo]) -> (Vec<String>, Vec<String>) {
    let names = infos.iter().map(|info| info.addr().to_string()).collect();
    let passwords = infos
        .iter()
        .filter_map(|info| info.redis_settings().password())
        .filter(|password| !password.is_empty())
        .map(str::to_owned)
        .collect();
    (names, passwords)
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}
