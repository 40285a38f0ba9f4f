//! A cluster of three primaries. `.ci/extended redis-cluster` runs these tests.

use redis::FromRedisValue;
use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::{RevocationStore, Revocations};
use tower_bearer_auth_stores::RedisStore;

use crate::contract;
use crate::support::redis_server::{RedisServer, programs};
use crate::support::{HOUR, eventually, revocation};

/// Starts a cluster of three primaries.
async fn start(program: std::path::PathBuf) -> [RedisServer; 3] {
    let server = async || {
        let cluster_port = RedisServer::free_port().to_string();
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", &cluster_port];
        (
            RedisServer::start(program.clone(), &arguments).await,
            cluster_port,
        )
    };
    let servers = [server().await, server().await, server().await];
    let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
    for ((server, _), (from, to)) in servers.iter().zip(slots) {
        server
            .command(&["CLUSTER", "ADDSLOTSRANGE", from, to])
            .await;
    }
    let (first, _) = &servers[0];
    for (server, cluster_port) in &servers[1..] {
        let port = server.port.to_string();
        first
            .command(&["CLUSTER", "MEET", "127.0.0.1", &port, cluster_port])
            .await;
    }
    for (server, _) in &servers {
        let is_ready = async || {
            let info = server.command(&["CLUSTER", "INFO"]).await;
            let info = String::from_redis_value(info).ok()?;
            let is_ready =
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3");
            is_ready.then_some(())
        };
        eventually("the cluster is ready", is_ready).await;
    }
    servers.map(|(server, _)| server)
}

fn store(servers: &[RedisServer]) -> RedisStore {
    RedisStore::cluster(servers.iter().map(RedisServer::url)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "bash .ci/extended redis-cluster"]
async fn it_keeps_the_contract() {
    for program in programs() {
        let servers = start(program).await;
        contract::check(&store(&servers), &store(&servers[1..])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "bash .ci/extended redis-cluster"]
async fn proofs_are_spread_and_revocations_are_together() {
    for program in programs() {
        let servers = start(program).await;
        let store = store(&servers);
        for number in 0..300 {
            let proof = ProofId::for_testing(&number.to_string());
            assert!(store.first_use(&proof, HOUR).await.unwrap());
        }
        let mut with_revocations = 0;
        store.append(&[revocation(1, HOUR)]).await.unwrap();
        for server in &servers {
            let keys = server.command(&["KEYS", "*"]).await;
            let keys = Vec::<String>::from_redis_value(keys).unwrap();
            let proofs = keys.iter().filter(|key| key.contains(":proof:")).count();
            assert!((50..150).contains(&proofs), "{proofs} of 300");
            with_revocations += usize::from(keys.len() > proofs);
        }
        assert_eq!(with_revocations, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "bash .ci/extended redis-cluster"]
async fn what_is_revoked_at_one_replica_is_refused_at_the_other() {
    for program in programs() {
        let mut servers = start(program).await;
        let one = Revocations::open(store(&servers)).await.unwrap();
        let two = Revocations::open(store(&servers)).await.unwrap();
        one.revoke_session("https://issuer.example.com", "one")
            .await
            .unwrap();
        let knows = async || (two.status().revocations() == 1).then_some(());
        eventually("the other replica knows it", knows).await;

        // Each server is restarted in turn.
        for server in &mut servers {
            server.kill();
            server.restart().await;
        }
        let revoke = async || {
            one.revoke_session("https://issuer.example.com", "two")
                .await
                .ok()
        };
        eventually("the cluster answers", revoke).await;
        let knows = async || (two.status().revocations() == 2).then_some(());
        eventually("the other replica knows it", knows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "bash .ci/extended redis-cluster"]
async fn a_server_that_evicts_is_an_error_of_open() {
    for program in programs() {
        let servers = start(program).await;
        for server in &servers {
            server
                .command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
                .await;
            let error = Revocations::open(store(&servers))
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains("allkeys-lru"), "{error}");
            server
                .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
                .await;
        }
        Revocations::open(store(&servers)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "bash .ci/extended redis-cluster"]
async fn an_acl_user_needs_what_the_documentation_says() {
    for program in programs() {
        let servers = start(program).await;
        for server in &servers {
            let words = ["ACL", "SETUSER", "app", "on", ">password", "+cluster|slots"];
            let words: Vec<&str> = words
                .into_iter()
                .chain(super::documented_rule().split(' '))
                .collect();
            server.command(&words).await;
        }
        let url = |server: &RedisServer| format!("redis://app:password@127.0.0.1:{}", server.port);
        let store = || RedisStore::cluster(servers.iter().map(url)).unwrap();
        contract::check(&store(), &store()).await;
    }
}

#[test]
fn a_cluster_needs_a_url() {
    let error = RedisStore::cluster::<&str>([]).unwrap_err();
    assert!(error.to_string().contains("there is no URL"), "{error}");
    assert!(RedisStore::cluster(["redis://localhost", "elsewhere"]).is_err());
}
