//! The revocations.

use std::time::{Duration, UNIX_EPOCH};

use redis::{Cmd, FromRedisValue, cmd};
use tower_bearer_auth::revocation::{Followed, Position, Revocation, RevocationStore, Snapshot};

use super::connections::PooledConnection;
use super::error::Failure;
use super::log::{Head, followed, read_revocations};
use super::policy::check_policy;
use super::store::{FOLLOW, Inner, RedisStore};
use crate::BoxError;
use crate::token::random_token;

/// The number of entries that the stream of changes keeps, each of up to 100 revocations.
const CHANGES_KEPT: usize = 50_000;

/// How many revocations are added at once. This blocks Redis for some tens of milliseconds.
const ADDED_AT_ONCE: usize = 10_000;

/// How many entries of the stream are read at once.
const CHANGES_AT_ONCE: usize = 1_000;

/// How many revocations are loaded at once.
const LOADED_AT_ONCE: usize = 10_000;

impl RevocationStore for RedisStore {
    async fn append(&self, revocations: &[Revocation]) -> Result<(), BoxError> {
        for batch in revocations.chunks(ADDED_AT_ONCE) {
            append_batch(&self.inner, batch).await?;
        }
        Ok(())
    }

    async fn load(&self) -> Result<Snapshot, BoxError> {
        let mut connection = self.inner.pool.take().await?;
        check_policy(&self.inner, &mut connection).await?;
        // The position is read first, so that what is added during the load comes after it.
        let (head, now) = start(&self.inner, &mut connection).await?;
        let revocations = load_all(&self.inner, &mut connection, now).await?;
        connection.put_back();
        Ok(Snapshot {
            revocations,
            position: head.position(),
        })
    }

    async fn follow(&self, position: &Position) -> Result<Followed, BoxError> {
        let Ok(position) = Head::new(position.as_str().to_owned()) else {
            // The position is from another store.
            return Ok(Followed::Gap);
        };
        let mut connection = self.inner.pool.take().await?;
        let changes = read_changes(&self.inner, &mut connection, position).await?;
        connection.put_back();
        Ok(changes)
    }
}

/// Adds all of these revocations or none.
async fn append_batch(inner: &Inner, revocations: &[Revocation]) -> Result<(), BoxError> {
    let keys = &inner.keys;
    let bytes: Vec<u8> = revocations.iter().flat_map(Revocation::to_bytes).collect();
    let mut script = cmd("EVAL");
    script.arg(include_str!("append.lua")).arg(4);
    script.arg(&keys.head).arg(&keys.set);
    script.arg(&keys.changes).arg(&keys.set_end);
    script.arg(random_token()?).arg(bytes);
    script.arg(Revocation::LENGTH).arg(CHANGES_KEPT);
    let added = inner.shared.query(&script).await?;
    usize::from_redis_value(added).map_err(|_| Failure::unexpected("a number"))?;
    Ok(())
}

/// The head, and the time of Redis since 1970.
async fn start(
    inner: &Inner,
    connection: &mut PooledConnection<'_>,
) -> Result<(Head, Duration), BoxError> {
    let mut script = on_set(inner, include_str!("start.lua"));
    script.arg(random_token()?);
    let answer = connection.query(&script).await?;
    let (head, now): (String, u64) = FromRedisValue::from_redis_value(answer)
        .map_err(|_| Failure::unexpected("a position and a time"))?;
    Ok((Head::new(head)?, Duration::from_secs(now)))
}

/// A script with the keys of the head, the set, and the end of the set.
fn on_set(inner: &Inner, script: &str) -> Cmd {
    let keys = &inner.keys;
    let mut command = cmd("EVAL");
    command.arg(script).arg(3);
    command.arg(&keys.head).arg(&keys.set).arg(&keys.set_end);
    command
}

/// Loads the revocations that have not ended, from the one that ends last.
///
/// In this order, what is added meanwhile makes others occur twice, and none is missed: only ended ones are removed.
async fn load_all(
    inner: &Inner,
    connection: &mut PooledConnection<'_>,
    now: Duration,
) -> Result<Vec<Revocation>, BoxError> {
    let mut revocations = Vec::new();
    let mut start = 0;
    loop {
        let mut page = cmd("ZREVRANGE");
        page.arg(&inner.keys.set);
        page.arg(start).arg(start + LOADED_AT_ONCE - 1);
        let page: Vec<Vec<u8>> = FromRedisValue::from_redis_value(connection.query(&page).await?)
            .map_err(|_| Failure::unexpected("revocations"))?;
        if page.is_empty() {
            return Ok(revocations);
        }
        start += page.len();
        for bytes in page {
            read_revocations(&bytes, &mut revocations)?;
        }
        let has_ended = |revocation: &Revocation| revocation.ends_at() <= UNIX_EPOCH + now;
        if revocations.last().is_some_and(has_ended) {
            revocations.retain(|revocation| !has_ended(revocation));
            return Ok(revocations);
        }
    }
}

/// Waits for changes after this position.
async fn read_changes(
    inner: &Inner,
    connection: &mut PooledConnection<'_>,
    position: Head,
) -> Result<Followed, BoxError> {
    let answer = connection
        .query(&xread(inner, &position, Some(FOLLOW)))
        .await?;
    if let Some(changes) = followed(answer, &position)? {
        return Ok(changes);
    }
    let idle = on_set(inner, include_str!("idle.lua"));
    let head = connection.query(&idle).await?;
    let head: Option<String> =
        FromRedisValue::from_redis_value(head).map_err(|_| Failure::unexpected("a text"))?;
    if head.as_deref() == Some(position.as_str()) {
        return Ok(Followed::Changes {
            revocations: Vec::new(),
            position: position.position(),
        });
    }
    // Something may have been added between the two commands.
    let answer = connection.query(&xread(inner, &position, None)).await?;
    Ok(followed(answer, &position)?.unwrap_or(Followed::Gap))
}

fn xread(inner: &Inner, position: &Head, wait: Option<Duration>) -> Cmd {
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(CHANGES_AT_ONCE);
    if let Some(wait) = wait {
        read.arg("BLOCK").arg(wait.as_millis() as u64);
    }
    read.arg("STREAMS");
    read.arg(&inner.keys.changes).arg(position.id());
    read
}
