//! Whether Redis may evict revocations.

use std::sync::atomic::Ordering;

use redis::{FromRedisValue, Value, cmd};
use tower_bearer_auth::revocation::Misconfigured;

use super::connections::PooledConnection;
use super::store::Inner;
use crate::BoxError;

const NO_EVICTION: &str = "noeviction";

/// Checks that Redis evicts no keys when its memory is full.
pub(super) async fn check_policy(
    inner: &Inner,
    connection: &mut PooledConnection<'_>,
) -> Result<(), BoxError> {
    let policies = read_policies(connection).await;
    if policies.is_empty() {
        if !inner.has_warned_of_policy.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "tower_bearer_auth::revocation",
                "Redis allows neither INFO nor CONFIG GET: make sure that its maxmemory-policy is noeviction"
            );
        }
        return Ok(());
    }
    match policies.iter().find(|policy| *policy != NO_EVICTION) {
        None => Ok(()),
        Some(policy) => {
            let problem = format!(
                "the maxmemory-policy of Redis is {policy}, so Redis evicts revocations when its memory is full: \
                 set it to {NO_EVICTION}"
            );
            Err(Misconfigured::new(problem).into())
        }
    }
}

/// The policies of all servers, or none if they cannot be read. If Redis does not answer, the next command fails too.
async fn read_policies(connection: &mut PooledConnection<'_>) -> Vec<String> {
    let info = connection.query(cmd("INFO").arg("memory")).await;
    let policies = info.map(policies_of_info).unwrap_or_default();
    if !policies.is_empty() {
        return policies;
    }
    let config = connection
        .query(cmd("CONFIG").arg("GET").arg("maxmemory-policy"))
        .await;
    config.map(policies_of_config).unwrap_or_default()
}

fn policies_of_info(answer: Value) -> Vec<String> {
    let texts = texts(answer);
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter_map(|line| line.strip_prefix("maxmemory_policy:"))
        .map(|policy| policy.trim().to_owned())
        .collect()
}

fn policies_of_config(answer: Value) -> Vec<String> {
    let mut texts = texts(answer).into_iter();
    let mut policies = Vec::new();
    while let Some(text) = texts.next() {
        if text == "maxmemory-policy" {
            policies.extend(texts.next());
        }
    }
    policies
}

/// The texts in an answer. A cluster answers with a map of its servers.
fn texts(answer: Value) -> Vec<String> {
    match answer {
        Value::Array(values) => values.into_iter().flat_map(texts).collect(),
        Value::Map(pairs) => pairs
            .into_iter()
            .flat_map(|(key, value)| [texts(key), texts(value)].concat())
            .collect(),
        text => String::from_redis_value(text).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn the_policy_is_found_in_the_answers_of_one_server_and_of_a_cluster() {
        let info = |policy| {
            text(&format!(
                "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:{policy}\r\n"
            ))
        };
        assert_eq!(policies_of_info(info("noeviction")), ["noeviction"]);
        let cluster = vec![
            (text("127.0.0.1:7000"), info("noeviction")),
            (text("127.0.0.1:7001"), info("allkeys-lru")),
        ];
        assert_eq!(
            policies_of_info(Value::Map(cluster)),
            ["noeviction", "allkeys-lru"]
        );
        assert!(policies_of_info(text("# Memory")).is_empty());

        let config = Value::Array(vec![text("maxmemory-policy"), text("volatile-ttl")]);
        assert_eq!(policies_of_config(config), ["volatile-ttl"]);
        let config = Value::Map(vec![(text("maxmemory-policy"), text("noeviction"))]);
        assert_eq!(policies_of_config(config), ["noeviction"]);
    }
}
