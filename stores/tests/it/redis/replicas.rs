//! Replicas that share one Redis.

use std::time::Instant;

use tower_bearer_auth::revocation::Revocations;

use crate::support::redis_server::with_servers;
use crate::support::{HOUR, eventually, revocation};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_at_one_replica_is_refused_at_the_other() {
    with_servers(&[], async |server| {
        let one = Revocations::open(server.store()).await.unwrap();
        let two = Revocations::open(server.store()).await.unwrap();
        assert!(one.status().is_ready() && two.status().is_ready());
        let mut delays = Vec::new();
        for number in 1..=20 {
            let session = format!("session {number}");
            let began = Instant::now();
            one.revoke_session("https://issuer.example.com", &session)
                .await
                .unwrap();
            let acknowledged = began.elapsed();
            let knows = async || (two.status().revocations() == number).then_some(());
            let (_, delay) = eventually("the other replica knows it", knows).await;
            delays.push((acknowledged, delay));
        }
        delays.sort_by_key(|(_, delay)| *delay);
        let (acknowledged, delay) = delays[delays.len() - 1];
        println!("slowest of 20: stored in {acknowledged:?}, known at the other {delay:?} later");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_cut_off_catches_up() {
    with_servers(&[], async |mut server| {
        let one = Revocations::open(server.store()).await.unwrap();
        let two = Revocations::open(server.store()).await.unwrap();
        server.kill();
        let revoked = one
            .revoke_session("https://issuer.example.com", "lost")
            .await;
        assert!(revoked.is_err());
        server.restart().await;
        let revoke = async || {
            one.revoke_session("https://issuer.example.com", "kept")
                .await
                .ok()
        };
        eventually("Redis answers", revoke).await;
        let knows = async || (two.status().revocations() == 1).then_some(());
        eventually("the other replica knows it", knows).await;
        eventually("both are ready", async || {
            (two.status().outage().is_none() && one.status().outage().is_none()).then_some(())
        })
        .await;
    })
    .await;
}

/// Takes a minute in a debug build, and is run by hand: `cargo test --all-features a_million -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long"]
async fn a_million_revocations_are_loaded_in_the_time_that_revocations_allow() {
    use tower_bearer_auth::revocation::RevocationStore;

    with_servers(&[], async |server| {
        let store = server.store();
        let began = Instant::now();
        for batch in 0..100 {
            let batch: Vec<_> = (batch * 10_000..(batch + 1) * 10_000)
                .map(|n| revocation(n, HOUR))
                .collect();
            store.append(&batch).await.unwrap();
        }
        println!("a million revocations were added in {:?}", began.elapsed());
        let began = Instant::now();
        let loaded = store.load().await.unwrap().revocations.len();
        println!("{loaded} revocations were loaded in {:?}", began.elapsed());
        assert_eq!(loaded, 1_000_000);
        let usage = [
            "MEMORY",
            "USAGE",
            "tower-bearer-auth:{revocations}:set",
            "SAMPLES",
            "0",
        ];
        println!("they take {:?} bytes", server.command(&usage).await);
    })
    .await;
}
