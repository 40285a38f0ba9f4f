//! Key rotations, during which no valid token is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::{Fixture, eventually, refused};
use tower_bearer_auth::InvalidReason;

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

/// Clients that send requests until the test stops them, each with a token of the current key.
struct Traffic {
    stop: Arc<AtomicBool>,
    /// The number of accepted tokens of each client.
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

    /// Waits until every client has got the response to its current request and to a later one.
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
    // A client panics if its token is refused, and `stop` passes the panic on.
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
