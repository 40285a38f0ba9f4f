//! Events and metrics for fetches of an issuer's keys and metadata.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use tokio::sync::Semaphore;
use tower::BoxError;
use tower_bearer_auth::jwks::{
    Discovery, Fetched, HttpKeySource, KeyDocument, KeySource, Validators,
};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, Clock, Jwks};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::assert_events;
use super::recorded::Recorded;
use crate::support::{PATIENCE, listen};

const DOWN: Fault = Fault::Status(StatusCode::BAD_GATEWAY);

fn keys_of(issuer: &TestIssuer) -> Jwks {
    let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
    Jwks::builder(source)
        .fetch_timeout(PATIENCE)
        .build()
        .unwrap()
}

fn outcomes(recorded: &Recorded) -> Vec<String> {
    let fetches = recorded.spans("fetch_keys").into_iter();
    fetches.map(|span| span.fields["outcome"].clone()).collect()
}

#[tokio::test]
async fn an_outage_of_keys_is_logged_when_it_begins_and_ends() {
    let recorded = Recorded::start();
    let issuer = TestIssuer::start().await;
    let url = issuer.jwks_url();
    let source = HttpKeySource::builder(format!("{url}?key=secret"));
    let jwks = Jwks::builder(source.build().unwrap()).fetch_timeout(PATIENCE);
    let jwks = jwks.build().unwrap();
    jwks.refresh().await.unwrap();
    issuer.jwks_fault(Some(DOWN));
    jwks.refresh().await.unwrap_err();
    jwks.refresh().await.unwrap_err();
    issuer.jwks_fault(None);
    jwks.refresh().await.unwrap();

    // In place of the query, the first digits of `printf key=secret | sha256sum`.
    let name = format!("{url}?0b60fff1753750c4");
    let source = ("source", &*name);
    let error = ("error", "the answer has the status 502 Bad Gateway");
    let message = |text| ("message", text);
    let works = "keys refreshed, the source works again";
    let keys = ("keys", "1");
    assert_events(
        &recorded,
        "tower_bearer_auth::keys",
        &[
            (Level::INFO, &[message("keys refreshed"), source, keys]),
            (
                Level::WARN,
                &[message("keys cannot be fetched"), source, error],
            ),
            (
                Level::DEBUG,
                &[message("keys still cannot be fetched"), source, error],
            ),
            (Level::INFO, &[message(works), source, keys]),
        ],
    );
}

#[tokio::test]
async fn fetches_record_their_outcome() {
    let recorded = Recorded::start();
    let issuer = TestIssuer::start().await;
    let jwks = keys_of(&issuer);
    jwks.refresh().await.unwrap();
    jwks.refresh().await.unwrap();
    issuer.jwks_fault(Some(DOWN));
    jwks.refresh().await.unwrap_err();
    assert_eq!(outcomes(&recorded), ["fetched", "unchanged", "failed"]);
}

/// A source whose first fetch waits for a signal and returns the first key. Later fetches return the second key.
struct Slow {
    gate: Arc<Semaphore>,
    fetches: AtomicUsize,
    keys: [SigningKey; 2],
}

impl KeySource for Slow {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, BoxError> {
        let key = match self.fetches.fetch_add(1, Ordering::Relaxed) {
            0 => {
                self.gate.acquire().await?.forget();
                &self.keys[0]
            }
            _ => &self.keys[1],
        };
        let document = SigningKey::jwk_set([key]).to_string();
        let document = KeyDocument::from_json(document.as_bytes())?;
        Ok(Fetched::Document(document))
    }
}

#[tokio::test]
async fn a_superseded_fetch_is_discarded_and_recorded_as_such() {
    let recorded = Recorded::start();
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let gate = Arc::new(Semaphore::new(0));
    let keys = ["first", "second"].map(|id| SigningKey::generate(Algorithm::ES256).with_key_id(id));
    let source = Slow {
        gate: Arc::clone(&gate),
        fetches: AtomicUsize::default(),
        keys: keys.clone(),
    };
    let jwks = Jwks::builder(source).clock(clock.clone()).build().unwrap();
    let mut first = Box::pin(jwks.refresh());
    assert!(futures_util::poll!(first.as_mut()).is_pending());
    clock.advance(Duration::from_secs(3600));
    jwks.refresh().await.unwrap();
    gate.add_permits(1);
    first.await.unwrap();
    assert_eq!(outcomes(&recorded), ["superseded", "fetched"]);
    // The failure of the first fetch was an outage.
    let lost = ("error", "a fetch did not report its end in time");
    let source = ("source", std::any::type_name::<Slow>());
    let works = "keys refreshed, the source works again";
    assert_events(
        &recorded,
        "tower_bearer_auth::keys",
        &[
            (
                Level::WARN,
                &[("message", "keys cannot be fetched"), source, lost],
            ),
            (Level::INFO, &[("message", works), source, ("keys", "1")]),
        ],
    );
    // The keys are those of the second fetch.
    assert!(jwks.withdraw("second") && !jwks.withdraw("first"));
}

/// A source that reports an unchanged document without ever having returned one.
struct NothingNew;

impl KeySource for NothingNew {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, BoxError> {
        Ok(Fetched::Unchanged { freshness: None })
    }
}

#[tokio::test]
async fn an_unchanged_response_without_earlier_keys_is_a_failure() {
    let recorded = Recorded::start();
    let jwks = Jwks::builder(NothingNew).build().unwrap();
    jwks.refresh().await.unwrap_err();
    assert_eq!(outcomes(&recorded), ["failed"]);
}

#[tokio::test]
async fn an_outage_of_metadata_is_logged_once() {
    let recorded = Recorded::start();
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let issuer = TestIssuer::start().await;
    let source = Discovery::builder(issuer.issuer()).clock(clock.clone());
    let jwks = Jwks::builder(source.build().unwrap()).clock(clock.clone());
    let jwks = jwks.build().unwrap();
    jwks.refresh().await.unwrap();
    for _ in 0..2 {
        clock.advance(Duration::from_secs(24 * 3600));
        issuer.metadata_fault(Some(DOWN));
        jwks.refresh().await.unwrap();
        jwks.refresh().await.unwrap();
        issuer.metadata_fault(None);
        jwks.refresh().await.unwrap();
    }

    let name = issuer.issuer();
    let error = format!("{name}/.well-known/openid-configuration answers 502 Bad Gateway");
    let error = ("error", &*error);
    let overdue = "metadata cannot be refreshed, the known key URL stays";
    let still = "metadata still cannot be refreshed";
    let outage = |message| [("message", message), ("issuer", &*name), error];
    let (overdue, still) = (outage(overdue), outage(still));
    let refreshed = [
        ("message", "keys refreshed"),
        ("source", &name),
        ("keys", "1"),
    ];
    let refreshed = (Level::INFO, &refreshed[..]);
    let once = [
        (Level::WARN, &overdue[..]),
        refreshed,
        (Level::DEBUG, &still[..]),
        refreshed,
        refreshed,
    ];
    let expected = [&[refreshed][..], &once, &once].concat();
    assert_events(&recorded, "tower_bearer_auth::keys", &expected);
}

#[tokio::test]
async fn the_query_of_a_metadata_url_is_not_logged() {
    let recorded = Recorded::start();
    let issuer = TestIssuer::start().await;
    let at = format!("{}/nowhere?key=secret", issuer.issuer());
    let source = Discovery::builder(issuer.issuer()).at(at);
    let jwks = Jwks::builder(source.build().unwrap()).build().unwrap();
    let error = jwks.refresh().await.unwrap_err().to_string();
    assert!(error.contains("/nowhere answers 404"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let events = recorded.events("tower_bearer_auth::keys");
    assert!(events.len() == 1 && !format!("{events:?}").contains("secret"));
}

/// A subscriber that reads the status of the key set at each event about keys.
#[derive(Clone, Default)]
struct Curious {
    jwks: Arc<OnceLock<Jwks>>,
    /// How many keys there were, and whether the last fetch had failed.
    seen: Arc<Mutex<Vec<(usize, bool)>>>,
}

impl<S: Subscriber> Layer<S> for Curious {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == tower_bearer_auth::telemetry::KEYS {
            let status = self.jwks.get().unwrap().status();
            let failed = status.last_error().is_some();
            self.seen.lock().unwrap().push((status.keys(), failed));
        }
    }
}

#[tokio::test]
async fn a_subscriber_may_read_the_status_during_an_event() {
    let curious = Curious::default();
    let _listening = listen(tracing_subscriber::registry().with(curious.clone()));
    let issuer = TestIssuer::start().await;
    let jwks = curious.jwks.get_or_init(|| keys_of(&issuer));
    issuer.jwks_fault(Some(DOWN));
    jwks.refresh().await.unwrap_err();
    issuer.jwks_fault(None);
    jwks.refresh().await.unwrap();
    assert_eq!(*curious.seen.lock().unwrap(), [(0, true), (1, false)]);
}
