//! The connections of a store: one that all short calls share, and a pool for calls that wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, RedisError, Value};
use tokio::time::timeout;

use super::error::Failure;
use super::servers::{Connection, Servers, breaks_connection};

/// A connection that short calls share. The first call connects, and so does the first call after an error.
///
/// The `ConnectionManager` of the crate `redis` does not support sentinels. It also keeps a connection that does not
/// answer, and never retries after a wrong password.
#[derive(Debug)]
pub(super) struct SharedConnection {
    servers: Arc<Servers>,
    response_timeout: Duration,
    current: Mutex<Option<Current>>,
    /// Held by the call that connects. The error of the last attempt.
    connecting: tokio::sync::Mutex<Option<(Instant, Failure)>>,
}

#[derive(Clone)]
struct Current {
    connection: Connection,
    /// Identifies the connection.
    made_at: Arc<()>,
}

/// The backoff after a failed attempt to connect.
const PAUSE: Duration = Duration::from_millis(100);

impl SharedConnection {
    pub(super) fn new(servers: Arc<Servers>, response_timeout: Duration) -> Self {
        Self {
            servers,
            response_timeout,
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(None),
        }
    }

    /// Sends a command. The command is never sent twice.
    pub(super) async fn query(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut used = None;
        let answer = timeout(self.response_timeout, async {
            let mut current = self.connection().await?;
            used = Some(Arc::clone(&current.made_at));
            let answer = current.connection.query(command).await;
            answer.map_err(Unanswered::Error)
        });
        match answer.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Unanswered::NoConnection(failure))) => Err(failure),
            Ok(Err(Unanswered::Error(error))) => {
                if breaks_connection(&error) {
                    self.forget(used);
                }
                Err(self.servers.failure(&error, self.response_timeout))
            }
            Err(_) => {
                self.forget(used);
                Err(Failure::no_answer(self.response_timeout))
            }
        }
    }

    async fn connection(&self) -> Result<Current, Unanswered> {
        if let Some(current) = self.current().clone() {
            return Ok(current);
        }
        let mut last_failure = self.connecting.lock().await;
        if let Some(current) = self.current().clone() {
            return Ok(current);
        }
        if let Some((at, failure)) = &*last_failure
            && at.elapsed() < PAUSE
        {
            return Err(Unanswered::NoConnection(failure.clone()));
        }
        match self.servers.connect(self.response_timeout).await {
            Ok(connection) => {
                let current = Current {
                    connection,
                    made_at: Arc::new(()),
                };
                *self.current() = Some(current.clone());
                *last_failure = None;
                Ok(current)
            }
            Err(error) => {
                let failure = self.servers.failure(&error, self.response_timeout);
                *last_failure = Some((Instant::now(), failure.clone()));
                Err(Unanswered::NoConnection(failure))
            }
        }
    }

    /// Drops this connection, unless another one has taken its place.
    fn forget(&self, used: Option<Arc<()>>) {
        let mut current = self.current();
        let is_same = match (&*current, &used) {
            (Some(current), Some(used)) => Arc::ptr_eq(&current.made_at, used),
            (None, _) | (_, None) => false,
        };
        if is_same {
            *current = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Unanswered {
    NoConnection(Failure),
    Error(RedisError),
}

/// Connections that one caller uses at a time, since a command may wait on them.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    servers: Arc<Servers>,
    response_timeout: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl ConnectionPool {
    /// The longest wait for an answer on one of them is `response_timeout`, which includes the time that the command
    /// itself waits.
    pub(super) fn new(servers: Arc<Servers>, response_timeout: Duration) -> Self {
        Self {
            servers,
            response_timeout,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Takes an idle connection, or makes one. It is closed unless it is [put back](Self::put_back).
    pub(super) async fn take(&self) -> Result<PooledConnection<'_>, Failure> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => match timeout(
                self.response_timeout,
                self.servers.connect(self.response_timeout),
            )
            .await
            {
                Ok(connected) => connected
                    .map_err(|error| self.servers.failure(&error, self.response_timeout))?,
                Err(_) => return Err(Failure::no_answer(self.response_timeout)),
            },
        };
        Ok(PooledConnection {
            pool: self,
            connection,
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the [`ConnectionPool`].
pub(super) struct PooledConnection<'a> {
    pool: &'a ConnectionPool,
    connection: Connection,
}

impl PooledConnection<'_> {
    pub(super) async fn query(&mut self, command: &Cmd) -> Result<Value, Failure> {
        let limit = self.pool.response_timeout;
        match timeout(limit, self.connection.query(command)).await {
            Ok(answer) => answer.map_err(|error| self.pool.servers.failure(&error, limit)),
            Err(_) => Err(Failure::no_answer(limit)),
        }
    }

    /// Keeps the connection for the next caller. After an error it is dropped instead.
    pub(super) fn put_back(self) {
        self.pool.idle().push(self.connection);
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Current")
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}
