//! Redis is killed, or hangs.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::join;

use crate::support::{Caller, Gateway, Outcome, print_delays};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_redis_that_is_killed() {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    let mut scene = Scene::new(gateway).await;
    let killed = Instant::now();
    scene.gateway.redis.kill();
    scene.assert_outage("killed", killed).await;
    scene.gateway.redis.restart().await;
    scene.assert_recovery("killed").await;
    // No replica has received them, and Redis was down.
    for caller in &scene.not_acknowledged {
        for replica in &scene.gateway.replicas {
            assert_eq!(replica.whoami(caller).await, Outcome::Passed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_an_outage_after_which_all_replicas_catch_up() {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    let scene = Scene::new(gateway).await;
    let stopped = Instant::now();
    scene.gateway.redis.signal("STOP");
    scene.assert_outage("hung", stopped).await;
    scene.gateway.redis.signal("CONT");
    scene.assert_recovery("hung").await;
    // Redis may have received them and carry them out late. After a retry of the administrator, they are revoked.
    let gateway = &scene.gateway;
    for (number, caller) in scene.not_acknowledged.iter().enumerate() {
        let revocation = gateway.revocation(&lost(number));
        let answer = gateway.replicas[0]
            .revoke(&gateway.admin, &revocation)
            .await;
        assert_eq!(answer.status, 204, "{answer:?}");
        for replica in &gateway.replicas {
            replica
                .until(caller, Outcome::Revoked, &[Outcome::Passed])
                .await;
        }
    }
}

/// Tokens before an outage.
struct Scene {
    gateway: Gateway,
    revoked: Vec<Caller>,
    good: Caller,
    bound: Caller,
    /// A proof that was accepted.
    used_proof: Option<String>,
    /// Tokens whose revocation gets 503.
    not_acknowledged: Vec<Caller>,
}

/// The name of such a token.
fn lost(number: usize) -> String {
    format!("lost-{number}")
}

impl Scene {
    async fn new(gateway: Gateway) -> Self {
        let (good, bound) = (gateway.bearer("alice"), gateway.bound("alice"));
        let used_proof = bound.proof();
        for replica in &gateway.replicas {
            assert_eq!(replica.whoami(&good).await, Outcome::Passed);
            assert_eq!(replica.whoami(&bound).await, Outcome::Passed);
        }
        let first = gateway.replicas[0]
            .whoami_with(&bound, used_proof.as_deref())
            .await;
        assert_eq!(first, Outcome::Passed);
        let mut revoked = gateway.revoke_some("acknowledged", 30).await;
        // An outage begins with the last call that Redis has answered. That is now.
        for number in 0..2 {
            revoked.extend(gateway.revoke_some(&format!("last-{number}"), 1).await);
        }
        let not_acknowledged = (0..3).map(|number| gateway.bearer(&lost(number)));
        Self {
            not_acknowledged: not_acknowledged.collect(),
            gateway,
            revoked,
            good,
            bound,
            used_proof,
        }
    }

    /// What each request gets from the beginning of an outage until it is longer than tolerated.
    async fn assert_outage(&self, what: &str, began: Instant) {
        let replicas = &self.gateway.replicas;
        let passed = join_all(replicas.iter().map(|replica| replica.whoami(&self.good))).await;
        assert_eq!(passed, [Outcome::Passed; 3], "bearer tokens go on");

        let refused = replicas.iter().map(async |replica| {
            replica
                .until(&self.good, Outcome::Unavailable, &[Outcome::Passed])
                .await;
            began.elapsed()
        });
        let bound = replicas.iter().map(|replica| replica.whoami(&self.bound));
        let (bound, (), refused) = join!(
            join_all(bound),
            self.assert_not_acknowledged(),
            join_all(refused)
        );
        assert_eq!(bound, [Outcome::Unavailable; 3]);
        print_delays(&format!("{what}: bearer tokens are refused after"), refused);

        let ready = join_all(replicas.iter().map(|replica| replica.ready())).await;
        for answer in ready {
            assert_eq!(answer.status, 503, "{answer:?}");
            let reason = "the store of revocations has not answered for ";
            assert!(answer.body.starts_with(reason), "{answer:?}");
        }
        self.assert_not_acknowledged().await;
        for replica in replicas {
            // A token whose revocation is in memory is still refused as revoked.
            for caller in &self.revoked {
                assert_eq!(replica.whoami(caller).await, Outcome::Revoked);
            }
            assert_eq!(replica.whoami(&self.good).await, Outcome::Unavailable);
        }
    }

    async fn assert_not_acknowledged(&self) {
        let gateway = &self.gateway;
        let replicas = gateway.replicas.iter().enumerate();
        join_all(replicas.map(async |(number, replica)| {
            let revocation = gateway.revocation(&lost(number));
            replica
                .revoke(&gateway.admin, &revocation)
                .await
                .assert_unavailable();
        }))
        .await;
    }

    /// All is as before the outage.
    async fn assert_recovery(&self, what: &str) {
        let gateway = &self.gateway;
        let recovered = gateway.replicas.iter().map(async |replica| {
            let good = replica
                .until(&self.good, Outcome::Passed, &[Outcome::Unavailable])
                .await;
            let bound = replica
                .until(&self.bound, Outcome::Passed, &[Outcome::Unavailable])
                .await;
            replica.until_ready().await;
            good + bound
        });
        let recovered: Vec<Duration> = join_all(recovered).await;
        print_delays(
            &format!("{what}: good tokens are accepted again after"),
            recovered,
        );

        gateway.assert_revoked(&self.revoked).await;
        let fresh = gateway.start_replica().await;
        for replica in gateway.replicas.iter().chain([&fresh]) {
            let again = replica
                .whoami_with(&self.bound, self.used_proof.as_deref())
                .await;
            assert_eq!(again, Outcome::Replayed);
        }
        gateway.revoke_some("after", 3).await;
    }
}
