//! A replica detects that it has missed changes.

use std::time::Duration;

use redis::{FromRedisValue, Value};
use tower_bearer_auth::revocation::{Followed, Position, RevocationStore, Revocations};

use crate::contract::{changes, follow_until, set};
use crate::support::redis_server::{RedisServer, with_servers};
use crate::support::{HOUR, eventually, revocation};

const HEAD: &str = "tower-bearer-auth:{revocations}:head";
const SET: &str = "tower-bearer-auth:{revocations}:set";
const SET_END: &str = "tower-bearer-auth:{revocations}:set-end";
const CHANGES: &str = "tower-bearer-auth:{revocations}:changes";

#[tokio::test]
async fn a_redis_that_has_lost_its_data_is_a_gap() {
    with_servers(&[], async |mut server| {
        let store = server.store();
        store.append(&[revocation(1, HOUR)]).await.unwrap();
        let position = store.load().await.unwrap().position;

        server.command(&["FLUSHALL"]).await;
        assert!(is_gap(&server, &position).await);
        // Later writes do not hide the gap.
        server.store().append(&[revocation(2, HOUR)]).await.unwrap();
        assert!(is_gap(&server, &position).await);

        let position = store.load().await.unwrap().position;
        server.kill();
        server.restart_empty().await;
        assert!(is_gap(&server, &position).await);
        // A replica that starts now makes another history.
        let other = server.store().load().await.unwrap().position;
        assert_ne!(other, position);
        assert!(is_gap(&server, &position).await);
        assert!(!is_gap(&server, &other).await);
    })
    .await;
}

#[tokio::test]
async fn a_revocation_that_has_ended_by_the_clock_of_redis_is_no_gap() {
    with_servers(&[], async |server| {
        let store = server.store();
        let position = store.load().await.unwrap().position;
        let ended = revocation(1, Duration::ZERO);
        store.append(&[ended]).await.unwrap();
        let (revocations, _) = changes(store.follow(&position).await.unwrap());
        assert_eq!(revocations, [ended]);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_was_trimmed_past_the_position_is_a_gap() {
    with_servers(&[], async |server| {
        let store = server.store();
        let mut positions = vec![store.load().await.unwrap().position];
        for number in 0..5 {
            store.append(&[revocation(number, HOUR)]).await.unwrap();
            positions.push(store.load().await.unwrap().position);
        }
        server.command(&["XTRIM", CHANGES, "MAXLEN", "2"]).await;
        for (missing, position) in positions.iter().rev().enumerate() {
            assert_eq!(
                is_gap(&server, position).await,
                missing > 2,
                "{missing} are missing"
            );
        }
        server.command(&["XTRIM", CHANGES, "MAXLEN", "0"]).await;
        for (missing, position) in positions.iter().rev().enumerate() {
            assert_eq!(
                is_gap(&server, position).await,
                missing > 0,
                "{missing} are missing"
            );
        }
        // What comes next continues the history.
        let position = store.load().await.unwrap().position;
        let next = revocation(9, HOUR);
        store.append(&[next]).await.unwrap();
        let (revocations, _) = changes(store.follow(&position).await.unwrap());
        assert_eq!(revocations, [next]);
        assert!(is_gap(&server, &positions[0]).await);
    })
    .await;
}

/// In an asynchronous failover, the new primary lacks the latest writes.
#[tokio::test]
async fn a_lost_tail_is_a_gap_even_if_others_were_written_in_its_place() {
    with_servers(&[], async |server| {
        let store = server.store();
        store.append(&[revocation(1, HOUR)]).await.unwrap();
        let kept = store.load().await.unwrap().position;
        store.append(&[revocation(2, HOUR)]).await.unwrap();
        let lost = store.load().await.unwrap().position;

        let id = lost.as_str().split(' ').next().unwrap();
        assert_eq!(server.command(&["XDEL", CHANGES, id]).await, Value::Int(1));
        server.command(&["SET", HEAD, kept.as_str()]).await;
        assert!(!is_gap(&server, &kept).await);
        assert!(is_gap(&server, &lost).await);
        for number in 3..6 {
            store.append(&[revocation(number, HOUR)]).await.unwrap();
            assert!(is_gap(&server, &lost).await);
        }
        let (found, _) = follow_until(&store, kept, 3).await;
        assert_eq!(found.len(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_write_back_what_redis_has_lost() {
    with_servers(&[], async |mut server| {
        let one = Revocations::open(server.store()).await.unwrap();
        let two = Revocations::open(server.store()).await.unwrap();
        one.revoke_session("https://issuer.example.com", "one")
            .await
            .unwrap();
        two.revoke_session("https://issuer.example.com", "two")
            .await
            .unwrap();
        wait_for(&one, 2).await;
        wait_for(&two, 2).await;

        for loss in ["FLUSHALL", "restart"] {
            match loss {
                "FLUSHALL" => drop(server.command(&["FLUSHALL"]).await),
                _ => {
                    server.kill();
                    server.restart_empty().await;
                }
            }
            let written_back = async || {
                let snapshot = server.store().load().await.ok()?;
                (set(&snapshot.revocations).len() == 2).then_some(())
            };
            eventually("the revocations are back", written_back).await;
            let third = Revocations::open(server.store()).await.unwrap();
            assert!(third.status().is_ready(), "{loss}");
            wait_for(&third, 2).await;
        }
    })
    .await;
}

/// An administrator deletes it, or an eviction policy that the store cannot read.
#[tokio::test(flavor = "multi_thread")]
async fn the_deletion_of_the_set_alone_is_a_gap() {
    with_servers(&[], async |server| {
        let store = server.store();
        let empty = store.load().await.unwrap().position;
        assert!(!is_gap(&server, &empty).await);
        store.append(&[revocation(1, HOUR)]).await.unwrap();
        let position = store.load().await.unwrap().position;
        assert!(!is_gap(&server, &position).await);

        server.command(&["DEL", SET]).await;
        assert!(is_gap(&server, &position).await);
        // Neither the load of another replica nor a new revocation hides it.
        let loaded = server.store().load().await.unwrap();
        assert_eq!(loaded.revocations, []);
        assert!(!is_gap(&server, &loaded.position).await);
        assert!(is_gap(&server, &position).await);

        store.append(&[revocation(2, HOUR)]).await.unwrap();
        let position = store.load().await.unwrap().position;
        server.command(&["DEL", SET]).await;
        store.append(&[revocation(3, HOUR)]).await.unwrap();
        assert!(is_gap(&server, &position).await);
        let loaded = store.load().await.unwrap();
        assert_eq!(loaded.revocations, [revocation(3, HOUR)]);
        assert!(!is_gap(&server, &loaded.position).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_write_back_a_deleted_set() {
    with_servers(&[], async |server| {
        let one = Revocations::open(server.store()).await.unwrap();
        one.revoke_session("https://issuer.example.com", "one")
            .await
            .unwrap();
        server.command(&["DEL", SET]).await;
        let written_back = async || {
            let snapshot = server.store().load().await.ok()?;
            (snapshot.revocations.len() == 1).then_some(())
        };
        eventually("the revocation is back", written_back).await;
    })
    .await;
}

/// Each revocation that is acknowledged before or during a load is in the snapshot or follows it.
#[tokio::test(flavor = "multi_thread")]
async fn no_revocation_is_missed_that_is_added_during_a_load() {
    with_servers(&[], async |server| {
        let writer = server.store();
        let many: Vec<_> = (0..30_000).map(|n| revocation(n, HOUR)).collect();
        let (first, rest) = many.split_at(15_000);
        writer.append(first).await.unwrap();
        let writing = async {
            for some in rest.chunks(500) {
                writer.append(some).await.unwrap();
            }
        };
        let reading = async {
            let reader = server.store();
            let snapshot = reader.load().await.unwrap();
            let mut known = set(&snapshot.revocations);
            let mut position = snapshot.position;
            let followed = eventually("all arrive", async || {
                let (revocations, next) = changes(reader.follow(&position.clone()).await.unwrap());
                known.extend(revocations);
                position = next;
                (known.len() == many.len()).then_some(())
            });
            followed.await;
        };
        tokio::join!(writing, reading);
    })
    .await;
}

async fn is_gap(server: &RedisServer, position: &Position) -> bool {
    match server.store().follow(position).await.unwrap() {
        Followed::Gap => true,
        Followed::Changes { .. } => false,
    }
}

async fn wait_for(revocations: &Revocations, number: usize) {
    let knows = async || (revocations.status().revocations() == number).then_some(());
    eventually("the replica knows the revocations", knows).await;
}

#[tokio::test]
async fn the_keys_end_with_their_last_revocation() {
    with_servers(&[], async |server| {
        server
            .store()
            .append(&[revocation(1, HOUR), revocation(2, 2 * HOUR)])
            .await
            .unwrap();
        for key in [SET, SET_END, CHANGES] {
            let left = i64::from_redis_value(server.command(&["TTL", key]).await).unwrap();
            assert!((7_100..=7_200).contains(&left), "{key}: {left}");
        }
        assert_eq!(server.command(&["TTL", HEAD]).await, Value::Int(-1));
    })
    .await;
}
