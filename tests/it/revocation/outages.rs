//! What requests get while the store of revocations is out of reach.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower::Layer;
use tower_bearer_auth::revocation::{
    Followed, Misconfigured, Position, Revocation, RevocationStore, Revocations,
    RevocationsBuilder, Snapshot,
};
use tower_bearer_auth::telemetry::REVOCATION;
use tower_bearer_auth::{BearerAuthLayer, Clock, StaticToken, StaticTokenVerifier};
use tracing::Level;

use crate::support::{Answer, Inner, answer_of, with_token};
#[cfg(feature = "metrics")]
use crate::telemetry::metrics::{assert_samples, recorder, scrape};
use crate::telemetry::recorded::Recorded;

/// A store that a test switches off.
#[derive(Clone, Default)]
struct Switched {
    contents: Arc<Mutex<Contents>>,
}

#[derive(Default)]
struct Contents {
    is_off: bool,
    is_misconfigured: bool,
    log: Vec<Revocation>,
    loads: usize,
    has_gap: bool,
}

impl Switched {
    fn on<T>(&self, action: impl FnOnce(&mut Contents) -> T) -> Result<T, tower::BoxError> {
        let mut contents = self.contents.lock().unwrap();
        if contents.is_off {
            return Err("connection refused".into());
        }
        if contents.is_misconfigured {
            return Err(std::io::Error::other(Misconfigured::new("it forgets")).into());
        }
        Ok(action(&mut contents))
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.contents.lock().unwrap());
    }
}

impl RevocationStore for Switched {
    async fn append(&self, revocations: &[Revocation]) -> Result<(), tower::BoxError> {
        self.on(|contents| contents.log.extend(revocations))
    }

    async fn load(&self) -> Result<Snapshot, tower::BoxError> {
        self.on(|contents| {
            contents.loads += 1;
            Snapshot {
                revocations: contents.log.clone(),
                position: Position::new(contents.log.len().to_string()),
            }
        })
    }

    async fn follow(&self, position: &Position) -> Result<Followed, tower::BoxError> {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let position: usize = position.as_str().parse()?;
        self.on(|contents| match std::mem::take(&mut contents.has_gap) {
            true => Followed::Gap,
            false => Followed::Changes {
                revocations: contents.log[position..].to_vec(),
                position: Position::new(contents.log.len().to_string()),
            },
        })
    }
}

/// Static tokens have no issuer.
const ISSUER: &str = "";

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

struct Scene {
    clock: Clock,
    store: Switched,
}

impl Scene {
    fn new() -> Self {
        Self {
            clock: Clock::manual(start()),
            store: Switched::default(),
        }
    }

    fn builder(&self) -> RevocationsBuilder {
        Revocations::builder().clock(self.clock.clone())
    }

    async fn open(&self) -> Revocations {
        self.builder().open(self.store.clone()).await.unwrap()
    }

    /// Time passes, in steps in which the follower runs.
    async fn pass(&self, time: Duration) {
        for _ in 0..time.as_millis() / 100 {
            let step = Duration::from_millis(100);
            self.clock.advance(step);
            tokio::time::sleep(step).await;
        }
    }

    async fn request(&self, revocations: &Revocations) -> Answer {
        let token = StaticToken::new("app")
            .claim("iss", ISSUER)
            .claim("sid", "s1");
        let verifier = StaticTokenVerifier::new([("token", token)]);
        let layer = BearerAuthLayer::new(verifier).revocations(revocations);
        answer_of(layer.layer(Inner::default()), with_token("token")).await
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    answer.assert_outage();
    assert_eq!(answer.header("retry-after"), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_revocation_reaches_another_replica() {
    let scene = Scene::new();
    let (one, other) = (scene.open().await, scene.open().await);
    scene.request(&other).await.assert_passed();
    one.revoke_session(ISSUER, "s1").await.unwrap();
    let refused = "The access token was revoked";
    scene.request(&one).await.assert_invalid_token(refused);
    scene.pass(SECOND).await;
    scene.request(&other).await.assert_invalid_token(refused);
    // A replica that starts later loads it.
    let third = scene.open().await;
    scene.request(&third).await.assert_invalid_token(refused);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_unreachable_at_the_start_is_retried_until_it_answers() {
    for accepts in [false, true] {
        let scene = Scene::new();
        scene.store.change(|contents| contents.is_off = true);
        let builder = match accepts {
            true => scene.builder().accept_during_outage(),
            false => scene.builder(),
        };
        let recorded = Recorded::start();
        let revocations = builder.open(scene.store.clone()).await.unwrap();
        assert_unavailable(&scene.request(&revocations).await);
        let status = revocations.status();
        assert!(!status.is_ready());
        assert_eq!(
            status.to_string(),
            "the revocations have not been loaded yet"
        );
        scene.pass(10 * SECOND).await;
        assert_unavailable(&scene.request(&revocations).await);

        scene.store.change(|contents| contents.is_off = false);
        scene.pass(3 * SECOND).await;
        scene.request(&revocations).await.assert_passed();
        assert!(revocations.status().is_ready());
        let events: Vec<_> = recorded.events(REVOCATION);
        let events: Vec<_> = events
            .iter()
            .filter(|event| event.level <= Level::INFO)
            .map(|event| (event.level, &*event.fields["message"]))
            .collect();
        assert_eq!(
            events,
            [
                (
                    Level::WARN,
                    "the store of revocations cannot be reached, requests are refused until it can"
                ),
                (Level::INFO, "the store of revocations works again"),
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tolerated_for_a_while() {
    let scene = Scene::new();
    let revocations = scene.open().await;
    let going_on = scene.builder().accept_during_outage();
    let going_on = going_on.open(scene.store.clone()).await.unwrap();
    let other = scene.open().await;
    scene.pass(SECOND).await;
    scene.store.change(|contents| contents.is_off = true);
    let recorded = Recorded::start();
    scene.pass(55 * SECOND).await;
    scene.request(&revocations).await.assert_passed();
    assert!(revocations.status().is_ready());
    let outage = revocations.status().outage().unwrap();
    assert!((54 * SECOND..57 * SECOND).contains(&outage), "{outage:?}");

    scene.pass(10 * SECOND).await;
    assert_unavailable(&scene.request(&revocations).await);
    scene.request(&going_on).await.assert_passed();
    let status = revocations.status();
    assert!(!status.is_ready());
    let text = status.to_string();
    assert!(
        text.starts_with("the store of revocations has not answered for 6"),
        "{text}"
    );
    assert!(going_on.status().is_ready());

    // Nothing can be revoked, and the call says so.
    let error = revocations.revoke_session(ISSUER, "s1").await.unwrap_err();
    assert_eq!(error.to_string(), "connection refused");
    scene.request(&going_on).await.assert_passed();

    scene.store.change(|contents| contents.is_off = false);
    scene.pass(3 * SECOND).await;
    scene.request(&revocations).await.assert_passed();
    assert_eq!(revocations.status().outage(), None);
    let refused = "The access token was revoked";
    other.revoke_session(ISSUER, "s1").await.unwrap();
    scene.pass(SECOND).await;
    scene
        .request(&revocations)
        .await
        .assert_invalid_token(refused);
    scene.request(&going_on).await.assert_invalid_token(refused);

    let mut events = Vec::new();
    for event in recorded.events(REVOCATION) {
        if event.level <= Level::INFO {
            events.push((event.level, event.fields["message"].clone()));
        }
    }
    let count = |level, text: &str| {
        let is_it = |(found, message): &&(Level, String)| *found == level && message == text;
        events.iter().filter(is_it).count()
    };
    // Of three replicas, one of which goes on.
    assert_eq!(
        count(Level::WARN, "the store of revocations cannot be reached"),
        3
    );
    let refusing = "the store of revocations cannot be reached, requests are refused until it can";
    assert_eq!(count(Level::WARN, refusing), 2);
    assert_eq!(
        count(Level::INFO, "the store of revocations works again"),
        3
    );
    assert_eq!(events.len(), 8, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_missed_something_loads_everything_anew() {
    let scene = Scene::new();
    let (one, other) = (scene.open().await, scene.open().await);
    one.revoke_session(ISSUER, "s1").await.unwrap();
    // The store has lost it, and the replica that knows it writes it back.
    scene.store.change(|contents| {
        contents.log.clear();
        contents.has_gap = true;
    });
    scene.pass(3 * SECOND).await;
    assert_eq!(scene.store.contents.lock().unwrap().log.len(), 1);
    let refused = "The access token was revoked";
    scene.request(&other).await.assert_invalid_token(refused);
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_log_always_has_a_gap_is_not_polled_without_pause() {
    let scene = Scene::new();
    let revocations = scene.open().await;
    for _ in 0..200 {
        scene.store.change(|contents| contents.has_gap = true);
        scene.pass(SECOND / 10).await;
    }
    let loads = scene.store.contents.lock().unwrap().loads;
    assert!((5..30).contains(&loads), "{loads}");
    drop(revocations);
}

#[tokio::test(start_paused = true)]
async fn a_misconfigured_store_is_an_error_at_the_start() {
    let scene = Scene::new();
    scene
        .store
        .change(|contents| contents.is_misconfigured = true);
    let recorded = Recorded::start();
    let error = scene.builder().open(scene.store.clone()).await.unwrap_err();
    assert!(error.to_string().contains("it forgets"), "{error}");
    assert!(
        recorded
            .events(REVOCATION)
            .iter()
            .all(|event| event.level > Level::WARN)
    );
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_clone() {
    let scene = Scene::new();
    let recorded = Recorded::start();
    let revocations = scene.open().await;
    let clone = revocations.clone();
    drop(revocations);
    scene.pass(2 * SECOND).await;
    assert_eq!(Arc::strong_count(&scene.store.contents), 2);
    drop(clone);
    scene.pass(2 * SECOND).await;
    assert_eq!(Arc::strong_count(&scene.store.contents), 1);
    assert!(recorded.events(REVOCATION).is_empty());
}

/// A store whose code panics once it has loaded.
struct Panics;

impl RevocationStore for Panics {
    async fn append(&self, _: &[Revocation]) -> Result<(), tower::BoxError> {
        Ok(())
    }

    async fn load(&self) -> Result<Snapshot, tower::BoxError> {
        Ok(Snapshot {
            revocations: Vec::new(),
            position: Position::new(""),
        })
    }

    async fn follow(&self, _: &Position) -> Result<Followed, tower::BoxError> {
        panic!("a bug")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_store_counts_as_an_outage() {
    let scene = Scene::new();
    let revocations = scene.builder().open(Panics).await.unwrap();
    scene.pass(50 * SECOND).await;
    scene.request(&revocations).await.assert_passed();
    assert!(revocations.status().outage().is_some());
    scene.pass(20 * SECOND).await;
    assert_unavailable(&scene.request(&revocations).await);
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn a_metric_says_whether_the_store_can_be_reached() {
    let (recorder, handle) = recorder();
    let _listening = metrics::set_default_local_recorder(&recorder);
    let scene = Scene::new();
    let revocations = scene.open().await;
    for (is_off, up) in [(false, 1), (true, 0), (false, 1)] {
        scene.store.change(|contents| contents.is_off = is_off);
        scene.pass(5 * SECOND).await;
        let expected = format!("bearer_auth_revocation_store_up {up}");
        assert_samples(&scrape(&handle), &[&expected]);
    }
    drop(revocations);
}
