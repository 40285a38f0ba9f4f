//! Redis loses its data, or a part of it.

use crate::support::{Caller, Gateway, Outcome, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_write_back_what_redis_has_lost() {
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    let mut revoked = gateway.revoke_some("before", 30).await;
    gateway.redis.command("FLUSHALL");
    assert_written_back(&gateway, &revoked).await;

    revoked.extend(gateway.revoke_some("between", 30).await);
    gateway.redis.kill();
    gateway.redis.restart_empty().await;
    assert_written_back(&gateway, &revoked).await;

    // The changes are gone, and each replica has them in memory.
    for (number, command) in [
        "XTRIM tower-bearer-auth:{revocations}:changes MAXLEN 0",
        "DEL tower-bearer-auth:{revocations}:changes",
        "DEL tower-bearer-auth:{revocations}:head",
        "DEL tower-bearer-auth:{revocations}:head tower-bearer-auth:{revocations}:changes",
    ]
    .into_iter()
    .enumerate()
    {
        gateway.redis.command(command);
        revoked.extend(gateway.revoke_some(&format!("after-{number}"), 6).await);
        assert_written_back(&gateway, &revoked).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_has_missed_changes_loads_everything() {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    let slow = &gateway.replicas[2];
    for (number, command) in ["XTRIM", "XDEL", "DEL"].into_iter().enumerate() {
        let mut revoked = gateway.revoke_some(&format!("before-{number}"), 6).await;
        slow.signal("STOP");
        for replica in &gateway.replicas[..2] {
            for at in 0..10 {
                let name = format!("missed-{number}-{at}-{}", replica.url);
                let answer = replica
                    .revoke(&gateway.admin, &gateway.revocation(&name))
                    .await;
                assert_eq!(answer.status, 204, "{answer:?}");
                revoked.push(gateway.bearer(&name));
            }
        }
        let changes = "tower-bearer-auth:{revocations}:changes";
        match command {
            "XDEL" => {
                // The newest entries, of which the slow replica has read none.
                let newest = gateway
                    .redis
                    .command(&format!("XREVRANGE {changes} + - COUNT 15"));
                let is_id = |line: &&str| {
                    let mut parts = line.split('-');
                    let is_time = parts.next().is_some_and(|time| time.len() == 13);
                    is_time && line.chars().all(|one| one == '-' || one.is_ascii_digit())
                };
                let ids: Vec<_> = newest.lines().filter(is_id).collect();
                assert!(ids.len() >= 15, "{newest:?}");
                for id in ids {
                    gateway.redis.command(&format!("XDEL {changes} {id}"));
                }
            }
            "XTRIM" => drop(gateway.redis.command(&format!("XTRIM {changes} MAXLEN 0"))),
            _ => drop(gateway.redis.command(&format!("DEL {changes}"))),
        }
        slow.signal("CONT");
        for caller in &revoked {
            let what = format!("{command}: the replica has caught up");
            eventually(&what, async || {
                (slow.whoami(caller).await == Outcome::Revoked).then_some(())
            })
            .await;
        }
        assert_written_back(&gateway, &revoked).await;
    }
}

/// Waits until Redis has everything again. Until then, no revoked token passes and no good one is refused as revoked.
async fn assert_written_back(gateway: &Gateway, revoked: &[Caller]) {
    let good = gateway.bearer("alice");
    let mut number = 0;
    eventually("all is written back", async || {
        number += 1;
        for replica in &gateway.replicas {
            let caller = &revoked[number % revoked.len()];
            assert_eq!(replica.whoami(caller).await, Outcome::Revoked);
            // It loads everything anew.
            let outcome = replica.whoami(&good).await;
            assert!(
                [Outcome::Passed, Outcome::Unavailable].contains(&outcome),
                "{outcome:?}"
            );
        }
        (gateway.redis.revocations() >= revoked.len()).then_some(())
    })
    .await;
    for replica in &gateway.replicas {
        replica
            .until(&good, Outcome::Passed, &[Outcome::Unavailable])
            .await;
    }
    gateway.assert_revoked(revoked).await;
}
