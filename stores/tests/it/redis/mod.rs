//! Redis and Valkey.

mod access;
#[cfg(feature = "redis-cluster")]
mod cluster;
mod gaps;
mod outages;
mod proofs;
mod replicas;
#[cfg(feature = "redis-sentinel")]
mod sentinel;
#[cfg(feature = "redis-tls")]
mod tls;

use crate::contract;
use crate::support::redis_server::with_servers;

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    with_servers(&[], async |server| {
        contract::check(&server.store(), &server.store()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_with_the_newer_protocol() {
    with_servers(&[], async |server| {
        let store = || {
            let url = format!("{}/?protocol=resp3", server.url());
            tower_bearer_auth_stores::RedisStore::new(url).unwrap()
        };
        contract::check(&store(), &store()).await;
    })
    .await;
}

/// The rule for an ACL user in the documentation, without its name and password.
fn documented_rule() -> &'static str {
    include_str!("../../../src/redis/mod.rs")
        .lines()
        .find_map(|line| line.strip_prefix("//! ACL SETUSER app on >password "))
        .expect("it has the rule")
}
