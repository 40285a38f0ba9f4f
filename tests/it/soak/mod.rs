//! A soak test: a gateway with two thousand open connections, while an issuer goes through key rotations, outages and
//! key withdrawals, hour after hour. The clients send valid tokens, invalid tokens and floods of made-up tokens. The
//! gate runs this test; `cargo test` alone does not:
//!
//! ```sh
//! cargo test --all-features --test it soak -- --ignored --nocapture
//! ```
//!
//! `SOAK_SECONDS` sets the minimum duration, by default 20. The test runs whole lives of the issuer, and at least
//! three, which takes a debug build most of a minute. `SOAK_SEED` repeats the traffic of another run. The test checks
//! that
//!
//! - the schedule in `life.rs` permits each response at that hour, and each response belongs to its client;
//! - the gateway uses an issuer again when it has recovered and the backoff has elapsed, and the outage does not
//!   affect tokens of other issuers;
//! - no hour causes more fetches than the documentation of `Jwks` allows;
//! - a token that was revoked is refused as soon as `revoke_*` has returned, and no other token is refused as revoked;
//! - neither made-up tokens nor broken connections leak memory.
//!
//! The test uses a manual clock, which stands still while requests are in flight. A life takes a day and a half on it.

mod answers;
mod budget;
mod caller;
mod gateway;
mod life;
mod process;
mod random;
mod revoker;
mod tokens;
mod traffic;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::answers::Tally;
use self::budget::Budget;
use self::caller::{Caller, Round, never_tried};
use self::gateway::{CACHE, Gateway};
use self::life::{Hour, LIFE, Life};
use self::revoker::revoke_some;
use self::tokens::Deck;
use self::traffic::Kind;

const CONNECTIONS: usize = 2_000;

/// How many requests each connection sends in an hour.
const REQUESTS: usize = 1;

/// How many rounds of the longest requests the connections send before the first life.
const WARM_UP: usize = 6;

/// The minimum and maximum number of lives.
const LIVES: std::ops::Range<usize> = 3..200;

/// If nothing happens for this time, the test has failed.
const NEVER: Duration = Duration::from_secs(60);

/// The permitted growth of memory, in KiB, from the end of any life to the end of the last one. Buffers no longer grow
/// then. The made-up tokens of two lives amount to 40 MiB, so the test detects a leak of a fifth of them. Without a
/// leak, memory tends to shrink. A longer run detects smaller leaks.
const GROWTH: usize = 8 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes most of a minute; see the module"]
async fn answers_stay_right_and_memory_flat_through_rotations_outages_and_floods() {
    let variable = |name: &str| {
        env::var(name)
            .ok()
            .map(|value| value.parse().expect("a number"))
    };
    let limit = Duration::from_secs(variable("SOAK_SECONDS").unwrap_or(20));
    let seed = variable("SOAK_SEED").unwrap_or(0x5eed);
    let connections = process::connections(CONNECTIONS);
    println!("{connections} connections, {limit:?} at least, SOAK_SEED={seed}");

    let start = Instant::now();
    let mut soak = Soak::start(connections, seed).await;
    soak.warm_up().await;
    println!("connected and warm after {:.1?}", start.elapsed());
    let mut memory = Vec::new();
    while memory.len() < LIVES.start || (start.elapsed() < limit && memory.len() < LIVES.end) {
        soak.live(memory.len()).await;
        memory.push(process::resident());
        println!(
            "life {}: {:.1?}, {} requests, {:?} KiB",
            memory.len(),
            start.elapsed(),
            soak.tally.total(),
            memory[memory.len() - 1]
        );
    }
    soak.print(start.elapsed());
    soak.finish().await;
    assert_flat(&memory);
}

/// The gateway, its clients, and the results so far.
struct Soak {
    gateway: Gateway,
    callers: Vec<Caller>,
    deck: Deck,
    budgets: [Budget; 2],
    tally: Tally,
    seed: u64,
    rounds: usize,
}

impl Soak {
    async fn start(connections: usize, seed: u64) -> Self {
        let gateway = Gateway::start().await;
        let callers =
            stream::iter(0..connections).map(|number| Caller::connect(gateway.address, number));
        let callers = callers.buffer_unordered(100).collect().await;
        let mut deck = Deck::new(&gateway);
        deck.renew(&gateway);
        Self {
            gateway,
            callers,
            deck,
            budgets: [Budget::new(), Budget::new()],
            tally: Tally::default(),
            seed,
            rounds: 0,
        }
    }

    /// Sends the longest and slowest requests over all connections at once, so that buffers reach their final size.
    /// None of these requests fetches the keys of `staff`.
    async fn warm_up(&mut self) {
        for number in 0..WARM_UP {
            let callers = std::mem::take(&mut self.callers);
            let mut life = Life {
                number,
                gateway: &self.gateway,
                deck: &mut self.deck,
            };
            let only = Kind::LONGEST[number % Kind::LONGEST.len()];
            let (callers, tally) = traffic(
                &mut life,
                callers,
                &LIFE[0],
                self.seed,
                self.rounds,
                Some(only),
            )
            .await;
            (self.callers, self.rounds) = (callers, self.rounds + 1);
            self.tally.add(tally);
        }
        self.gateway.partners.settle().await;
    }

    /// Runs one life of the issuer.
    async fn live(&mut self, number: usize) {
        for hour in &LIFE {
            let gateway = &self.gateway;
            let passed = Duration::from_secs(hour.seconds);
            gateway.clock.advance(passed);
            let parties = [&gateway.staff, &gateway.partners];
            for (budget, party) in self.budgets.iter_mut().zip(parties) {
                budget.begin(party, passed);
            }
            let mut life = Life {
                number,
                gateway,
                deck: &mut self.deck,
            };
            (hour.change)(&mut life);

            let callers = std::mem::take(&mut self.callers);
            let (callers, tally) =
                traffic(&mut life, callers, hour, self.seed, self.rounds, None).await;
            (self.callers, self.rounds) = (callers, self.rounds + 1);
            self.tally.add(tally);
            for (budget, party) in self.budgets.iter_mut().zip(parties) {
                party.settle().await;
                if let Err(problem) = budget.end(party) {
                    self.tally.mistake(format!(
                        "{}, {}: {problem}",
                        hour.name,
                        party.issuer.issuer()
                    ));
                }
            }
            let status = gateway.staff.jwks.status();
            assert_eq!(
                status.last_error().is_none(),
                hour.healthy,
                "{}: {status:?}",
                hour.name
            );
        }
        self.tally.assert_no_mistake();
    }

    fn print(&self, took: Duration) {
        self.tally.print();
        let requests = self.tally.total();
        println!(
            "{requests} requests, {:.0} per second",
            requests as f64 / took.as_secs_f64()
        );
        let parties = [
            ("the issuer", &self.gateway.staff),
            ("its partner", &self.gateway.partners),
        ];
        for ((name, party), budget) in parties.iter().zip(&self.budgets) {
            let requests = party.issuer.jwks_requests() + party.issuer.metadata_requests();
            println!(
                "{name}: {} fetches of {} allowed, {requests} requests",
                budget.fetches, budget.allowed
            );
        }
        println!(
            "introspected: {}",
            self.gateway.staff.issuer.introspection_requests()
        );
        println!("{:?}", self.gateway.cached.stats());
    }

    /// Checks what remains after all clients have disconnected.
    async fn finish(mut self) {
        let stats = self.gateway.cached.stats();
        assert!(stats.entries <= CACHE, "{stats:?}");
        assert!(stats.hits > stats.misses / 10, "{stats:?}");
        let missing = never_tried(&self.tally);
        assert!(
            missing.is_empty(),
            "these kinds of requests never got their expected response: {missing:?}"
        );
        self.callers.clear();
        let all_closed = async {
            while self.gateway.streams.load(Ordering::SeqCst) > 0 {
                tokio::task::yield_now().await;
            }
        };
        let closed = timeout(NEVER, all_closed).await;
        assert!(closed.is_ok(), "streams outlive their connections");
    }
}

/// Sends the requests of all clients for one hour.
async fn traffic(
    life: &mut Life<'_>,
    callers: Vec<Caller>,
    hour: &'static Hour,
    seed: u64,
    number: usize,
    only: Option<&'static str>,
) -> (Vec<Caller>, Tally) {
    let round = Arc::new(Round {
        hour,
        deck: life.deck.clone(),
        seed,
        number,
        only,
        requests: REQUESTS,
        answered: AtomicUsize::new(0),
        half: callers.len() * REQUESTS / 2,
        half_answered: Notify::new(),
    });
    let count = callers.len();
    let (mut busy, mut revoking) = (JoinSet::new(), None);
    for (number, caller) in callers.into_iter().enumerate() {
        busy.spawn(caller.live(Arc::clone(&round)));
        if number == count / 2 && only.is_none() {
            let Gateway {
                revocations, clock, ..
            } = life.gateway;
            let tokens = life.deck.revocable.clone();
            revoking = Some(tokio::spawn(revoke_some(
                tokens,
                revocations.clone(),
                clock.clone(),
            )));
        }
    }
    if let Some(meanwhile) = hour.meanwhile {
        let half = timeout(NEVER, round.half_answered.notified()).await;
        assert!(
            half.is_ok(),
            "{}: most requests are never answered",
            hour.name
        );
        meanwhile(life);
    }
    let (mut callers, mut tally) = (Vec::with_capacity(count), Tally::default());
    let waiting = |_| panic!("{}: some requests are never answered", hour.name);
    while let Some(lived) = timeout(NEVER, busy.join_next())
        .await
        .unwrap_or_else(waiting)
    {
        let (caller, of_caller) = lived.unwrap();
        callers.push(caller);
        tally.add(of_caller);
    }
    if let Some(revoking) = revoking {
        revoking.await.unwrap();
    }
    (callers, tally)
}

fn assert_flat(memory: &[Option<usize>]) {
    let known: Vec<usize> = memory.iter().copied().flatten().collect();
    let (Some(end), Some(least)) = (known.last(), known.iter().min()) else {
        return println!("SKIPPED: the system does not say how much memory is resident");
    };
    println!("memory after each life, in KiB: {known:?}");
    let growth = end - least;
    assert!(growth <= GROWTH, "memory grew by {growth} KiB");
}
