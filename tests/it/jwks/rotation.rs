//! New keys come, old ones go, and no good token is refused for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::{Fixture, eventually, refused};
use crate::support::listen;
use tower_bearer_auth::{AccessToken, InvalidReason};

#[tokio::test]
async fn tokens_of_a_new_key_share_one_fetch() {
    let fixture = Arc::new(Fixture::loaded().await);
    fixture.issuer.rotate();
    let mut requests = JoinSet::new();
    for n in 0..100 {
        let fixture = Arc::clone(&fixture);
        let token = fixture.token().subject(n.to_string());
        requests.spawn(async move { fixture.accept(token).await });
    }
    assert_eq!(requests.join_all().await.len(), 100);
    assert_eq!(fixture.fetches(), 2);
    assert_eq!(fixture.jwks.status().keys(), 2);
}

#[tokio::test]
async fn keys_that_stay_published_verify_beside_the_new_one() {
    let fixture = Fixture::loaded().await;
    let old = fixture.token().build();
    fixture.issuer.rotate();
    fixture.accept(fixture.token()).await;
    fixture.at_once(&old).unwrap();

    fixture.issuer.retire_old_keys();
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(
        refused(fixture.verify(&old).await),
        InvalidReason::UnknownKey
    );
    fixture.at_once(&fixture.token().build()).unwrap();
}

/// Looks at a token at the very moment in which keys have been refreshed, but nobody sees the new ones yet.
struct AtRefresh {
    token: AccessToken,
    was_current: Arc<Mutex<Vec<bool>>>,
}

impl<S: Subscriber> Layer<S> for AtRefresh {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == "tower_bearer_auth::keys" && *metadata.level() == Level::INFO {
            let is_current = self.token.is_current();
            self.was_current.lock().unwrap().push(is_current);
        }
    }
}

/// The other way round, somebody could have a token of a new key and one that is current of a key that is gone.
#[tokio::test]
async fn tokens_of_a_key_that_leaves_lapse_before_the_new_keys_are_seen() {
    let fixture = Fixture::loaded().await;
    let token = fixture.verify(&fixture.token().build()).await.unwrap();
    fixture.issuer.rotate();
    fixture.issuer.retire_old_keys();
    let was_current = Arc::<Mutex<Vec<bool>>>::default();
    let looking = AtRefresh {
        token,
        was_current: Arc::clone(&was_current),
    };
    let _guard = listen(tracing_subscriber::registry().with(looking));
    fixture.jwks.refresh().await.unwrap();
    assert_eq!(*was_current.lock().unwrap(), [false]);
}

/// Requests without end, each with a token of the key that is current then.
struct Traffic {
    stop: Arc<AtomicBool>,
    /// How many tokens each client got accepted.
    accepted: Vec<Arc<AtomicUsize>>,
    clients: JoinSet<()>,
}

impl Traffic {
    fn start(fixture: &Arc<Fixture>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        let accepted = (0..16).map(|_| {
            let accepted = Arc::new(AtomicUsize::new(0));
            let (fixture, stop) = (Arc::clone(fixture), Arc::clone(&stop));
            let counter = Arc::clone(&accepted);
            clients.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    fixture.accept(fixture.token()).await;
                    counter.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            });
            accepted
        });
        let accepted = accepted.collect();
        Self {
            stop,
            accepted,
            clients,
        }
    }

    /// Every token on its way now has been answered, and one that was made after it.
    async fn go_on(&self) {
        for counter in &self.accepted {
            let before = counter.load(Ordering::Relaxed);
            eventually(|| counter.load(Ordering::Relaxed) >= before + 2).await;
        }
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_good_token_is_refused_while_keys_rotate_under_load() {
    let fixture = Arc::new(Fixture::new().await);
    // A refused token panics its client, and that ends up in `stop`.
    let traffic = Traffic::start(&fixture);
    traffic.go_on().await;
    for _ in 0..5 {
        fixture.issuer.rotate();
        traffic.go_on().await;
        assert_eq!(fixture.jwks.status().keys(), 2);

        fixture.issuer.retire_old_keys();
        fixture.jwks.refresh().await.unwrap();
        assert_eq!(fixture.jwks.status().keys(), 1);
        traffic.go_on().await;
        fixture.advance(15);
    }
    traffic.stop().await;
}
