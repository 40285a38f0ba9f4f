//! Replicas and their store under random schedules: calls that overlap, links that are cut or hang, a store that loses
//! data, replicas that start anew.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use proptest::prelude::*;
use tokio::time::advance;

use super::*;
use crate::access_token::{AccessToken, Verified};
use crate::clock::Clock;
use crate::revocation::revocations::Revocations;
use crate::revocation::settings::Settings;
use crate::revocation::store::{Position, RevocationStore};
use crate::verify_error::VerifyErrorKind;

const ISSUER: &str = "https://issuer.example.com";
const REPLICAS: usize = 3;
/// The last one is never revoked.
const TOKENS: usize = 6;
const TOLERATED: Duration = Duration::from_secs(30);
const START: Duration = Duration::from_secs(1_700_000_000);

/// The store, as it is.
#[derive(Default)]
struct Contents {
    epoch: u64,
    revocations: Vec<Revocation>,
    log: Vec<Revocation>,
    /// The log begins here.
    trimmed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    Cut,
    Hung,
}

/// The store, as a replica reaches it.
#[derive(Clone)]
struct ModelStore {
    contents: Arc<Mutex<Contents>>,
    link: Arc<Mutex<Link>>,
}

impl ModelStore {
    /// Waits for the schedule, which polls it again, and then does something at the store.
    async fn call<T>(&self, action: impl FnOnce(&mut Contents) -> T) -> Result<T, BoxError> {
        let mut polls = 0;
        poll_fn(|_| {
            polls += 1;
            match *self.link.lock().unwrap() {
                Link::Up if polls > 1 => Poll::Ready(Ok(())),
                Link::Cut => Poll::Ready(Err("cut off")),
                Link::Up | Link::Hung => Poll::Pending,
            }
        })
        .await?;
        Ok(action(&mut self.contents.lock().unwrap()))
    }
}

impl RevocationStore for ModelStore {
    async fn append(&self, revocations: &[Revocation]) -> Result<(), BoxError> {
        self.call(|contents| {
            contents.revocations.extend(revocations);
            contents.log.extend(revocations);
        })
        .await?;
        // The acknowledgement can be lost.
        self.call(|_| ()).await
    }

    async fn load(&self) -> Result<Snapshot, BoxError> {
        let position = self
            .call(|contents| Position::new(format!("{} {}", contents.epoch, contents.log.len())))
            .await?;
        let revocations = self.call(|contents| contents.revocations.clone()).await?;
        self.call(|_| Snapshot {
            revocations,
            position,
        })
        .await
    }

    async fn follow(&self, position: &Position) -> Result<Followed, BoxError> {
        let (epoch, index) = position.as_str().split_once(' ').unwrap();
        let index: usize = index.parse().unwrap();
        let followed = self
            .call(|contents| {
                let is_known = (contents.trimmed..=contents.log.len()).contains(&index);
                match contents.epoch.to_string() == epoch && is_known {
                    true => Followed::Changes {
                        revocations: contents.log[index..].to_vec(),
                        position: Position::new(format!("{epoch} {}", contents.log.len())),
                    },
                    false => Followed::Gap,
                }
            })
            .await?;
        self.call(|_| followed).await
    }
}

type Task<T> = Pin<Box<dyn Future<Output = T>>>;

struct Replica {
    store: ModelStore,
    revocations: Revocations,
    follower: Task<()>,
    /// Calls that revoke a token, in flight.
    calls: Vec<(usize, Task<Result<(), BoxError>>)>,
    /// The tokens that it has acknowledged as revoked, and when.
    acknowledged: Vec<(usize, Duration)>,
    /// The tokens of its cache.
    cached: Vec<Arc<Verified>>,
}

fn verified(token: usize) -> Arc<Verified> {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    AccessToken::builder("any".parse().unwrap())
        .issuer(ISSUER)
        .jwt_id(token.to_string())
        .issued_at(at(1_999_999_000))
        .expires_at(at(2_000_000_000))
        .build()
        .into_verified()
}

impl Replica {
    fn start(contents: &Arc<Mutex<Contents>>, clock: &Clock) -> Self {
        let store = ModelStore {
            contents: Arc::clone(contents),
            link: Arc::new(Mutex::new(Link::Up)),
        };
        let settings = Settings {
            clock: clock.clone(),
            tolerate_outage: TOLERATED,
            ..Settings::default()
        };
        let state = Arc::new(State::with_feed(settings));
        let erased: Arc<dyn ErasedStore> = Arc::new(store.clone());
        let follower = Follower::new(&state, Arc::clone(&erased));
        Self {
            store,
            revocations: Revocations::of(state, erased),
            follower: Box::pin(follower.run(Some(Ok(Duration::ZERO)))),
            calls: Vec::new(),
            acknowledged: Vec::new(),
            cached: (0..TOKENS).map(verified).collect(),
        }
    }

    fn poll(&mut self, now: Duration) {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.follower.as_mut().poll(&mut cx).is_pending());
        self.calls
            .retain_mut(|(token, call)| match call.as_mut().poll(&mut cx) {
                Poll::Ready(Ok(())) => {
                    self.acknowledged.push((*token, now));
                    false
                }
                Poll::Ready(Err(_)) => false,
                Poll::Pending => true,
            });
    }

    fn revoke(&mut self, token: usize) {
        let revocations = self.revocations.clone();
        let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let call = async move {
            let jti = token.to_string();
            revocations.revoke_token(ISSUER, &jti, expires_at).await
        };
        self.calls.push((token, Box::pin(call)));
    }

    fn check(&self, token: usize) -> Answer {
        let check = |verified: &Verified| match self.revocations.check().check(verified) {
            Ok(()) => Answer::Accepted,
            Err(error) => match error.kind() {
                VerifyErrorKind::Invalid(_) => Answer::Revoked,
                VerifyErrorKind::Unavailable
                | VerifyErrorKind::InsufficientScope(_)
                | VerifyErrorKind::InsufficientAuthentication(_)
                | VerifyErrorKind::InvalidProof(_)
                | VerifyErrorKind::NonceRequired(_) => Answer::Unavailable,
            },
        };
        let answer = check(&verified(token));
        assert_eq!(check(&self.cached[token]), answer, "a cached token");
        answer
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Accepted,
    Revoked,
    Unavailable,
}

#[derive(Debug, Clone)]
enum Step {
    Revoke(usize, usize),
    Poll(usize),
    Link(usize, Link),
    Advance(Duration),
    Trim,
    LoseAll,
    LoseTail(usize),
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let replica = || 0..REPLICAS;
    let link = prop_oneof![3 => Just(Link::Up), 1 => Just(Link::Cut), 1 => Just(Link::Hung)];
    prop_oneof![
        3 => (replica(), 0..TOKENS - 1).prop_map(|(replica, token)| Step::Revoke(replica, token)),
        20 => replica().prop_map(Step::Poll),
        3 => (replica(), link).prop_map(|(replica, link)| Step::Link(replica, link)),
        4 => (1..8_000_u64).prop_map(|millis| Step::Advance(Duration::from_millis(millis))),
        1 => Just(Step::Trim),
        1 => Just(Step::LoseAll),
        1 => (1..3_usize).prop_map(Step::LoseTail),
        1 => replica().prop_map(Step::Restart),
    ]
}

struct World {
    clock: Clock,
    contents: Arc<Mutex<Contents>>,
    replicas: Vec<Replica>,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + START);
        let contents = Arc::<Mutex<Contents>>::default();
        let replicas = (0..REPLICAS).map(|_| Replica::start(&contents, &clock));
        Self {
            replicas: replicas.collect(),
            clock,
            contents,
        }
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        advance(by).await;
    }

    async fn take(&mut self, step: Step) {
        let now = self.clock.monotonic();
        let mut contents = self.contents.lock().unwrap();
        match step {
            Step::Revoke(replica, token) => self.replicas[replica].revoke(token),
            Step::Poll(replica) => {
                drop(contents);
                self.replicas[replica].poll(now);
            }
            Step::Link(replica, link) => {
                *self.replicas[replica].store.link.lock().unwrap() = link;
            }
            Step::Advance(by) => {
                drop(contents);
                self.advance(by).await;
            }
            Step::Trim => contents.trimmed = contents.log.len(),
            Step::LoseAll => {
                let epoch = contents.epoch + 1;
                *contents = Contents {
                    epoch,
                    ..Contents::default()
                };
            }
            Step::LoseTail(count) => {
                let length = contents.log.len().saturating_sub(count);
                for lost in contents.log.split_off(length) {
                    let last = contents.revocations.iter().rposition(|kept| *kept == lost);
                    contents.revocations.remove(last.unwrap());
                }
                // A failover: the other machine has a log of its own.
                contents.epoch += 1;
                contents.trimmed = contents.trimmed.min(length);
            }
            Step::Restart(replica) => {
                drop(contents);
                self.replicas[replica] = Replica::start(&self.contents, &self.clock);
            }
        }
    }

    fn check(&self) {
        let now = self.clock.monotonic();
        for replica in &self.replicas {
            assert_ne!(replica.check(TOKENS - 1), Answer::Revoked);
            for (token, _) in &replica.acknowledged {
                assert_eq!(replica.check(*token), Answer::Revoked);
            }
            let (known_until, is_complete) = match replica.revocations.standing() {
                Standing::Complete => (None, true),
                Standing::Unreachable(since) => (Some(since), false),
                Standing::Starting | Standing::Behind(_) => {
                    assert_eq!(replica.check(TOKENS - 1), Answer::Unavailable);
                    continue;
                }
            };
            let is_tolerated = known_until.is_none_or(|since| now - since <= TOLERATED);
            let good = match is_complete || is_tolerated {
                true => Answer::Accepted,
                false => Answer::Unavailable,
            };
            assert_eq!(replica.check(TOKENS - 1), good);
        }
    }

    /// Cuts all replicas off, for longer than they tolerate.
    async fn cut_off(&mut self, link: Link) {
        for replica in &mut self.replicas {
            *replica.store.link.lock().unwrap() = link;
        }
        for _ in 0..10 {
            self.advance(TOLERATED / 5).await;
            for replica in &mut self.replicas {
                replica.poll(self.clock.monotonic());
            }
            self.check();
        }
        for replica in &self.replicas {
            assert_eq!(replica.check(TOKENS - 1), Answer::Unavailable);
        }
    }

    /// Lets all replicas reach the store, for long enough that each of them has called it.
    async fn settle(&mut self) {
        for _ in 0..20 {
            self.advance(LOAD_TIMEOUT / 10).await;
            for replica in &mut self.replicas {
                *replica.store.link.lock().unwrap() = Link::Up;
                for _ in 0..10 {
                    replica.poll(self.clock.monotonic());
                }
            }
            self.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_a_replica_has_acknowledged_is_refused_everywhere(
        steps in proptest::collection::vec(step(), 1..200),
        is_hung: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
                world.check();
            }
            world.settle().await;
            world.cut_off(if is_hung { Link::Hung } else { Link::Cut }).await;
            world.settle().await;
            // All replicas, and a new one, have what a replica has acknowledged or received.
            world.replicas.push(Replica::start(&world.contents, &world.clock));
            world.settle().await;
            for token in 0..TOKENS {
                let mut answers = world.replicas.iter().map(|replica| replica.check(token));
                let first = answers.next().unwrap();
                assert_ne!(first, Answer::Unavailable);
                assert!(answers.all(|answer| answer == first), "{token}");
            }
        });
    }
}
