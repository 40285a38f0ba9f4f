//! Redis is killed, hangs, is full, or contains malformed data.

use std::time::{Duration, Instant};

use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::RevocationStore;
use tower_bearer_auth_stores::RedisStore;

use crate::contract::{changes, set};
use crate::support::redis_server::{RedisServer, with_servers};
use crate::support::{HOUR, eventually, revocation};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_that_redis_is_killed() {
    with_servers(&[], async |mut server| {
        let store = server.store();
        let position = store.load().await.unwrap().position;
        let known = revocation(1, HOUR);
        let proof = ProofId::for_testing("used");
        store.append(&[known]).await.unwrap();
        assert!(store.first_use(&proof, HOUR).await.unwrap());

        server.kill();
        assert!(store.first_use(&proof, HOUR).await.is_err());
        assert!(store.append(&[revocation(2, HOUR)]).await.is_err());
        assert!(store.follow(&position).await.is_err());
        assert!(store.load().await.is_err());

        server.restart().await;
        let answer = async || store.first_use(&proof, HOUR).await.ok();
        let (is_first, _) = eventually("Redis answers", answer).await;
        assert!(!is_first);
        assert_eq!(store.load().await.unwrap().revocations, [known]);
        // The log survives too, so that no replica has to load everything.
        let (revocations, _) = changes(store.follow(&position).await.unwrap());
        assert_eq!(revocations, [known]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_an_error_in_time() {
    with_servers(&[], async |server| {
        let timeout = Duration::from_millis(300);
        let store = server.store().response_timeout(timeout);
        let position = store.load().await.unwrap().position;
        let proof = ProofId::for_testing("while it hangs");
        assert!(
            store
                .first_use(&ProofId::for_testing("before"), HOUR)
                .await
                .unwrap()
        );

        server.signal("STOP");
        let began = Instant::now();
        // The second one finds no connection and waits for a new one.
        for _ in 0..2 {
            let error = store.first_use(&proof, HOUR).await.unwrap_err();
            assert!(error.to_string().contains("300ms"), "{error}");
        }
        assert!(store.append(&[revocation(1, HOUR)]).await.is_err());
        assert!(store.follow(&position).await.is_err());
        assert!(began.elapsed() >= 2 * timeout);

        server.signal("CONT");
        let other = ProofId::for_testing("after");
        let answer = async || store.first_use(&other, HOUR).await.ok();
        let (is_first, _) = eventually("Redis answers", answer).await;
        assert!(is_first);
        store.append(&[revocation(2, HOUR)]).await.unwrap();
        store.follow(&position).await.unwrap();
    })
    .await;
}

/// A primary that a partition has cut off from its replicas may have been replaced by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_without_replicas_is_an_outage_where_it_needs_some() {
    let needs_one = ["--min-replicas-to-write", "1"];
    with_servers(&needs_one, async |server| {
        let port = server.port.to_string();
        let arguments = ["--replicaof", "127.0.0.1", &port];
        let mut replica = RedisServer::start(server.program.clone(), &arguments).await;
        let store = server.store();
        let load = async || store.load().await.ok();
        let (snapshot, _) = eventually("the replica is connected", load).await;
        let position = snapshot.position;
        store.follow(&position).await.unwrap();

        replica.kill();
        let refused = async || store.follow(&position).await.err();
        let (error, _) = eventually("the primary refuses to write", refused).await;
        assert!(error.to_string().contains("NOREPLICAS"), "{error}");
        assert!(store.append(&[revocation(1, HOUR)]).await.is_err());
        replica.restart().await;
        let follow = async || store.follow(&position).await.ok();
        eventually("the replica is back", follow).await;
    })
    .await;
}

/// It is still the primary, so that no revocation is missed.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_cannot_write_to_its_disk_is_still_followed() {
    with_servers(&[], async |server| {
        let store = server.store();
        let position = store.load().await.unwrap().position;
        std::fs::create_dir(server.folder().join("dump.rdb")).unwrap();
        server.command(&["CONFIG", "SET", "save", "3600 1"]).await;
        let refuses = async || {
            let _ = server.try_command(&["BGSAVE"]).await;
            let error = server.try_command(&["SET", "a", "b"]).await.err()?;
            (error.code() == Some("MISCONF")).then_some(())
        };
        eventually("Redis refuses to write", refuses).await;
        assert!(store.append(&[revocation(1, HOUR)]).await.is_err());
        let (revocations, _) = changes(store.follow(&position).await.unwrap());
        assert_eq!(revocations, []);
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_down_when_the_store_is_made_is_used_when_it_is_up() {
    with_servers(&[], async |mut server| {
        server.kill();
        let store = server.store();
        let proof = ProofId::for_testing("proof");
        assert!(store.first_use(&proof, HOUR).await.is_err());
        assert!(store.load().await.is_err());

        server.restart().await;
        let answer = async || store.first_use(&proof, HOUR).await.ok();
        let (is_first, _) = eventually("Redis answers", answer).await;
        assert!(is_first);
        assert_eq!(store.load().await.unwrap().revocations, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_acknowledges_nothing_and_loses_nothing() {
    with_servers(&["--maxmemory", "5mb"], async |server| {
        let store = server.store();
        let mut acknowledged = Vec::new();
        let mut number = 0;
        let error = loop {
            let batch: Vec<_> = (number..number + 500)
                .map(|n| revocation(n, HOUR))
                .collect();
            number += 500;
            match store.append(&batch).await {
                Ok(()) => acknowledged.extend(batch),
                Err(error) => break error,
            }
            assert!(number < 1_000_000, "Redis is never full");
        };
        assert!(error.to_string().contains("maxmemory"), "{error}");
        // A little memory may be free again.
        let limit = ["CONFIG", "SET", "maxmemory", "1mb"];
        server.command(&limit).await;
        let proof = ProofId::for_testing("proof");
        assert!(store.first_use(&proof, HOUR).await.is_err());
        assert!(!acknowledged.is_empty());
        let loaded = set(&store.load().await.unwrap().revocations);
        assert_eq!(loaded, set(&acknowledged));

        server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
        let late = revocation(number, HOUR);
        store.append(&[late]).await.unwrap();
        assert!(store.load().await.unwrap().revocations.contains(&late));
        assert!(store.first_use(&proof, HOUR).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn malformed_data_in_redis_is_an_error_and_not_skipped() {
    const HEAD: &str = "tower-bearer-auth:{revocations}:head";
    const SET: &str = "tower-bearer-auth:{revocations}:set";
    const CHANGES: &str = "tower-bearer-auth:{revocations}:changes";
    with_servers(&[], async |server| {
        let known = revocation(1, HOUR);
        let fresh = async || {
            server.command(&["FLUSHALL"]).await;
            let store: RedisStore = server.store();
            let position = store.load().await.unwrap().position;
            store.append(&[known]).await.unwrap();
            (store, position)
        };

        // Members of the set.
        for member in ["", "short", &"x".repeat(33), &"\0".repeat(34)] {
            let (store, _) = fresh().await;
            server.command(&["ZADD", SET, "99999999999", member]).await;
            assert!(store.load().await.is_err(), "{member:?}");
        }
        // Entries of the stream.
        let entries: [&[&str]; 5] = [
            &["a", "b"],
            &["after", "x", "token", "y"],
            &["after", "HEAD", "token", "y", "revocations", ""],
            &["after", "HEAD", "token", "y", "revocations", "short"],
            &["after", "HEAD", "token", "\u{fffd}", "other", "z"],
        ];
        for entry in entries {
            let (store, _) = fresh().await;
            let position = store.load().await.unwrap().position;
            let entry = entry.iter().map(|word| match *word {
                "HEAD" => position.as_str(),
                word => word,
            });
            let words: Vec<&str> = ["XADD", CHANGES, "*"].into_iter().chain(entry).collect();
            server.command(&words).await;
            assert!(store.follow(&position).await.is_err(), "{words:?}");
        }
        // Keys of another type. Nothing is written then.
        for key in [HEAD, SET, CHANGES] {
            let (store, position) = fresh().await;
            server.command(&["DEL", key]).await;
            server.command(&["HSET", key, "a", "b"]).await;
            assert!(store.append(&[revocation(2, HOUR)]).await.is_err(), "{key}");
            let is_error = match key {
                CHANGES => store.follow(&position).await.is_err(),
                _ => store.load().await.is_err(),
            };
            assert!(is_error, "{key}");
            server.command(&["DEL", key]).await;
            let loaded = store.load().await.unwrap().revocations;
            assert_eq!(loaded.contains(&known), key != SET);
            assert!(loaded.len() < 2);
        }
        // The head.
        for head in ["", "0-0", "0-0 ", "x y", "1 token"] {
            let (store, _) = fresh().await;
            server.command(&["SET", HEAD, head]).await;
            assert!(store.load().await.is_err(), "{head:?}");
        }
    })
    .await;
}
