//! A primary, its replica, and a sentinel. `.ci/extended redis-cluster` runs these tests.

use std::fs;
use std::process::{Child, Command, Stdio};

use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth_stores::RedisStore;

use crate::contract;
use crate::support::redis_server::{RedisServer, programs};
use crate::support::{HOUR, eventually};

struct Sentinel {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    async fn start(program: &std::path::Path, primary: &RedisServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = RedisServer::free_port();
        let file = folder.path().join("sentinel.conf");
        let primary = primary.port;
        let settings = format!(
            "port {port}\nbind 127.0.0.1\n\
             sentinel monitor mymaster 127.0.0.1 {primary} 1\n\
             sentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 3000\n"
        );
        fs::write(&file, settings).unwrap();
        let child = Command::new(program)
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    fn store(&self) -> RedisStore {
        let url = format!("redis://127.0.0.1:{}", self.port);
        RedisStore::sentinel([url], "redis://mymaster").unwrap()
    }

    /// Waits until it knows the replica.
    async fn wait_for_replica(&self) {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        eventually("the sentinel knows the replica", async || {
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            let mut command = redis::cmd("SENTINEL");
            command.arg("REPLICAS").arg("mymaster");
            let replicas: Vec<redis::Value> = command.query_async(&mut connection).await.ok()?;
            (replicas.len() == 1).then_some(())
        })
        .await;
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "bash .ci/extended redis-cluster"]
async fn the_store_follows_a_failover() {
    for program in programs() {
        let mut primary = RedisServer::start(program.clone(), &[]).await;
        let words = ["ACL", "SETUSER", "app", "on", ">password", "+role"];
        let words: Vec<&str> = words
            .into_iter()
            .chain(super::documented_rule().split(' '))
            .collect();
        primary.command(&words).await;
        let port = primary.port.to_string();
        let replica =
            RedisServer::start(program.clone(), &["--replicaof", "127.0.0.1", &port]).await;
        let sentinel = Sentinel::start(&program, &primary).await;
        sentinel.wait_for_replica().await;
        let url = format!("redis://127.0.0.1:{}", sentinel.port);
        let restricted = RedisStore::sentinel([url], "redis://app:password@mymaster").unwrap();
        contract::check(&sentinel.store(), &restricted).await;

        let store = sentinel.store();
        let proof = ProofId::for_testing("before the failover");
        assert!(store.first_use(&proof, HOUR).await.unwrap());
        let one = Revocations::open(sentinel.store()).await.unwrap();
        let two = Revocations::open(sentinel.store()).await.unwrap();
        let known = one.status().revocations();
        one.revoke_session("https://issuer.example.com", "one")
            .await
            .unwrap();
        // Replication is asynchronous.
        let is_replicated = async || {
            let acknowledged = primary.command(&["WAIT", "1", "1000"]).await;
            (acknowledged == redis::Value::Int(1)).then_some(())
        };
        eventually("it is replicated", is_replicated).await;

        primary.kill();
        let answer = async || store.first_use(&proof, HOUR).await.ok();
        let (is_first, delay) = eventually("the replica has taken over", answer).await;
        println!("the store answers {delay:?} after the primary was killed");
        assert!(!is_first);
        let revoke = async || {
            two.revoke_session("https://issuer.example.com", "two")
                .await
                .ok()
        };
        eventually("revocations are stored", revoke).await;
        let knows = async || (one.status().revocations() == known + 2).then_some(());
        eventually("the other replica knows it", knows).await;
        drop(replica);
    }
}

#[test]
fn the_url_of_the_primary_has_its_name() {
    assert!(RedisStore::sentinel(["redis://localhost"], "redis://user:secret@my-master/0").is_ok());
    assert!(RedisStore::sentinel::<&str>([], "redis://mymaster").is_err());
    for primary in ["", "mymaster", "unix:///run/redis.sock"] {
        let made = RedisStore::sentinel(["redis://localhost"], primary);
        assert!(made.is_err(), "{primary}");
    }
}
