//! A replica is killed and started again, while tokens are revoked at the others.

use std::cell::Cell;
use std::future::ready;
use std::time::Instant;

use futures_util::{StreamExt, join, stream};
use tokio::sync::Notify;

use crate::support::{Caller, Gateway, Outcome, Replica, print_delays};

/// How many requests are on their way at once.
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_restarts_amid_revocations_misses_none() {
    restart_amid(3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes about a minute; see main.rs"]
async fn complete_a_replica_that_restarts_amid_revocations_misses_none() {
    restart_amid(10_000).await;
}

async fn restart_amid(count: usize) {
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    let victim = gateway.replicas.pop().expect("there are three");
    let scene = Scene {
        good: gateway.bearer("alice"),
        bound: gateway.bound("alice"),
        gateway,
        count,
        half: Notify::new(),
        is_restarted: Cell::new(false),
        is_over: Cell::new(false),
    };
    let began = Instant::now();
    let (revoked, fresh, checks) = join!(
        scene.revoke(),
        scene.restart(victim),
        scene.check_good_tokens()
    );
    let count = revoked.len();
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{count} revocations, {rate:.0} per second; {checks} good tokens meanwhile");

    let replicas = scene.gateway.replicas.iter().chain([&fresh]);
    let requests = replicas.flat_map(|replica| revoked.iter().map(move |caller| (replica, caller)));
    let requests = stream::iter(requests).map(async |(replica, caller)| {
        replica
            .until(caller, Outcome::Revoked, &[Outcome::Passed])
            .await
    });
    let delays = requests.buffer_unordered(AT_ONCE).collect().await;
    print_delays("afterwards, each is refused at each replica after", delays);
    assert_eq!(scene.gateway.redis.revocations(), count);
    scene.gateway.assert_revoked(&revoked[..20]).await;
}

struct Scene {
    gateway: Gateway,
    good: Caller,
    bound: Caller,
    count: usize,
    /// Notified when half of the revocations are acknowledged.
    half: Notify,
    is_restarted: Cell<bool>,
    is_over: Cell<bool>,
}

impl Scene {
    /// Revokes at least so many tokens, until the replica has restarted.
    async fn revoke(&self) -> Vec<Caller> {
        let acknowledged = Cell::new(0);
        let goes_on = |number: &usize| ready(*number < self.count || !self.is_restarted.get());
        let revoking = stream::iter(0..).take_while(goes_on).map(async |number| {
            let gateway = &self.gateway;
            let name = format!("token-{number}");
            let replica = &gateway.replicas[number % 2];
            let answer = replica
                .revoke(&gateway.admin, &gateway.revocation(&name))
                .await;
            assert_eq!(answer.status, 204, "{answer:?}");
            acknowledged.set(acknowledged.get() + 1);
            if acknowledged.get() == self.count / 2 {
                self.half.notify_one();
            }
            let caller = gateway.bearer(&name);
            if number % 10 == 0 {
                assert_eq!(replica.whoami(&caller).await, Outcome::Revoked);
                let other = &gateway.replicas[(number + 1) % 2];
                other
                    .until(&caller, Outcome::Revoked, &[Outcome::Passed])
                    .await;
            }
            caller
        });
        let revoked = revoking.buffer_unordered(AT_ONCE).collect().await;
        self.is_over.set(true);
        revoked
    }

    async fn restart(&self, victim: Replica) -> Replica {
        self.half.notified().await;
        victim.kill();
        let fresh = self.gateway.start_replica().await;
        self.is_restarted.set(true);
        // It was ready, and stays so.
        while !self.is_over.get() {
            assert_eq!(fresh.whoami(&self.good).await, Outcome::Passed);
            assert_eq!(fresh.whoami(&self.bound).await, Outcome::Passed);
        }
        fresh
    }

    /// Sends good tokens to the replicas that stay. Returns how many.
    async fn check_good_tokens(&self) -> usize {
        let mut checks = 0;
        while !self.is_over.get() {
            for replica in &self.gateway.replicas {
                assert_eq!(replica.whoami(&self.good).await, Outcome::Passed);
                assert_eq!(replica.whoami(&self.bound).await, Outcome::Passed);
                checks += 2;
            }
        }
        checks
    }
}
