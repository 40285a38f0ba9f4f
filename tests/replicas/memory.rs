//! The memory of Redis is full.

use futures_util::{StreamExt, stream};

use crate::support::{Caller, Gateway, Outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_memory_loses_nothing_that_was_acknowledged() {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    let (good, bound) = (gateway.bearer("alice"), gateway.bound("alice"));
    let mut revoked = gateway.revoke_some("before", 30).await;
    let used = gateway.redis.command("INFO memory");
    let used = used
        .lines()
        .find_map(|line| line.trim().strip_prefix("used_memory:"));
    let used: usize = used
        .and_then(|used| used.parse().ok())
        .expect("Redis says it");
    let limit = used + 8 * 1024 * 1024;
    gateway
        .redis
        .command(&format!("CONFIG SET maxmemory {limit}"));

    // The memory is filled while tokens are revoked.
    let revoking = stream::iter(0..300).map(async |number| {
        if number == 100 {
            gateway.redis.command(&format!("SETRANGE junk {limit} x"));
        }
        let name = format!("meanwhile-{number}");
        let replica = &gateway.replicas[number % 3];
        let answer = replica
            .revoke(&gateway.admin, &gateway.revocation(&name))
            .await;
        if answer.status == 204 {
            return (gateway.bearer(&name), true);
        }
        answer.assert_unavailable();
        (gateway.bearer(&name), false)
    });
    let answered: Vec<(Caller, bool)> = revoking.buffered(8).collect().await;
    let (acknowledged, refused): (Vec<_>, Vec<_>) = answered
        .into_iter()
        .partition(|(_, is_acknowledged)| *is_acknowledged);
    println!(
        "{} revocations acknowledged, {} not",
        acknowledged.len(),
        refused.len()
    );
    assert!(acknowledged.len() >= 90 && refused.len() >= 190);
    revoked.extend(acknowledged.into_iter().map(|(caller, _)| caller));
    let refused: Vec<Caller> = refused.into_iter().map(|(caller, _)| caller).collect();

    // The replicas still follow. A proof cannot be recorded.
    for replica in &gateway.replicas {
        replica.until_ready().await;
        for caller in &revoked {
            replica
                .until(caller, Outcome::Revoked, &[Outcome::Passed])
                .await;
        }
        assert_eq!(replica.whoami(&good).await, Outcome::Passed);
        assert_eq!(replica.whoami(&bound).await, Outcome::Unavailable);
        for caller in &refused {
            assert_eq!(replica.whoami(caller).await, Outcome::Passed);
        }
    }
    // It can be loaded.
    gateway.assert_revoked(&revoked).await;

    gateway.redis.command("DEL junk");
    for replica in &gateway.replicas {
        replica
            .until(&bound, Outcome::Passed, &[Outcome::Unavailable])
            .await;
    }
    revoked.extend(gateway.revoke_some("after", 30).await);
    gateway.assert_revoked(&revoked).await;
    assert_eq!(gateway.redis.revocations(), revoked.len());
}
