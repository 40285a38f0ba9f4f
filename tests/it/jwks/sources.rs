//! Custom key sources, and custom requests of the HTTP source.

use std::error::Error;
use std::fmt;
use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, StatusCode};
use tower::BoxError;
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::{Fixture, cause, eventually, unavailable};
use crate::support::serve_axum;
use tower_bearer_auth::Jwks;
use tower_bearer_auth::jwks::{Fetched, HttpKeySource, KeyDocument, KeySource, Validators};
use tower_bearer_auth::testing::{SigningKey, TestIssuer};

/// A source that returns what the test sets, and records the validators of each fetch.
#[derive(Clone, Default)]
struct Memory {
    next: Arc<Mutex<Option<Fetched>>>,
    received: Arc<Mutex<Vec<Option<Validators>>>>,
}

impl Memory {
    fn answers(&self, fetched: Fetched) {
        *self.next.lock().unwrap() = Some(fetched);
    }
}

impl KeySource for Memory {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, BoxError> {
        self.received.lock().unwrap().push(known.cloned());
        let next = self.next.lock().unwrap().clone();
        next.ok_or_else(|| "nothing in memory".into())
    }
}

fn document(key: &SigningKey) -> KeyDocument {
    KeyDocument::from_json(SigningKey::jwk_set([key]).to_string().as_bytes()).unwrap()
}

async fn from_memory() -> (Fixture, Memory) {
    let memory = Memory::default();
    let issuer = TestIssuer::start().await;
    let fixture = Fixture::from_source(issuer, memory.clone(), |jwks| jwks);
    (fixture, memory)
}

#[tokio::test]
async fn any_source_of_documents_will_do() {
    let (fixture, memory) = from_memory().await;
    let key = fixture.issuer.key();
    let error = fixture.verify(&fixture.token().build()).await.unwrap_err();
    assert!(cause(&error).contains("nothing in memory"));

    let (tag, freshness) = (
        HeaderValue::from_static("\"one\""),
        Duration::from_secs(400),
    );
    let validators = Validators::from_etag(tag.clone());
    memory.answers(Fetched::Document(
        document(&key)
            .with_freshness(Some(freshness))
            .with_validators(Some(validators.clone())),
    ));
    fixture.advance(1);
    fixture.accept(fixture.token()).await;
    assert!(fixture.jwks.status().next_refresh().unwrap() < freshness);

    let freshness = Duration::from_secs(3000);
    memory.answers(Fetched::Unchanged {
        freshness: Some(freshness),
    });
    for _ in 0..2 {
        fixture.jwks.refresh().await.unwrap();
    }
    assert!(fixture.jwks.status().next_refresh().unwrap() > freshness / 2);
    fixture.at_once(&fixture.token().build()).unwrap();

    // A document without validators replaces one with validators.
    memory.answers(Fetched::Document(document(&key)));
    for _ in 0..2 {
        fixture.jwks.refresh().await.unwrap();
    }
    let known = Some(validators);
    let received = memory.received.lock().unwrap().clone();
    assert_eq!(
        received,
        [None, None, known.clone(), known.clone(), known, None]
    );
    assert_eq!(fixture.fetches(), 0);
}

#[tokio::test]
async fn nothing_new_is_nothing_where_there_are_no_keys() {
    let (fixture, memory) = from_memory().await;
    memory.answers(Fetched::Unchanged { freshness: None });
    let result = fixture.verify(&fixture.token().build()).await;
    assert!(cause(result.as_ref().unwrap_err()).contains("there are no keys"));
    unavailable(result);
    assert!(!fixture.jwks.status().is_usable());
}

/// A source that calls a closure.
struct Asks<F>(F);

impl<F, Fut> KeySource for Asks<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Fetched, BoxError>> + Send,
{
    fn fetch(
        &self,
        _: Option<&Validators>,
    ) -> impl Future<Output = Result<Fetched, BoxError>> + Send {
        (self.0)()
    }
}

#[tokio::test]
async fn a_source_that_panics_has_failed() {
    let issuer = TestIssuer::start().await;
    let (panicked, key) = (AtomicBool::default(), issuer.key());
    let source = Asks(move || {
        let panics = !panicked.swap(true, Ordering::Relaxed);
        let document = document(&key);
        async move {
            assert!(!panics, "on purpose");
            Ok(Fetched::Document(document))
        }
    });
    let fixture = Fixture::from_source(issuer, source, |jwks| jwks);
    assert_eq!(
        unavailable(fixture.verify(&fixture.token().build()).await),
        1
    );
    let status = fixture.jwks.status();
    assert!(status.last_error().unwrap().contains("panicked"));
    fixture.advance(1);
    fixture.accept(fixture.token()).await;
}

/// An error that runs a closure when it is formatted.
struct WhenRead<F>(F);

impl<F: Fn()> fmt::Display for WhenRead<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        f.write_str("as it says")
    }
}

impl<F> fmt::Debug for WhenRead<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WhenRead")
    }
}

impl<F: Fn()> Error for WhenRead<F> {}

#[tokio::test]
async fn an_error_may_ask_about_the_keys_and_may_panic() {
    let there = Arc::<OnceLock<Jwks>>::default();
    let known = Arc::clone(&there);
    let source = Asks(move || {
        let known = Arc::clone(&known);
        let observes = WhenRead(move || assert!(!known.get().unwrap().status().is_usable()));
        ready(Err(observes.into()))
    });
    let jwks = there.get_or_init(|| Jwks::builder(source).build().unwrap());
    jwks.refresh().await.unwrap_err();
    assert_eq!(jwks.status().last_error(), Some("as it says"));

    let source = Asks(|| ready(Err(WhenRead(|| panic!("on purpose")).into())));
    let jwks = Jwks::builder(source).build().unwrap();
    jwks.refresh().await.unwrap_err();
    assert_eq!(jwks.status().last_error(), Some("the key source panicked"));
}

#[tokio::test]
async fn a_fetch_that_panics_when_it_is_dropped_has_failed() {
    struct Panics;

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let source = Asks(|| async {
        let _panics = Panics;
        std::future::pending().await
    });
    let limit = Duration::from_millis(100);
    let jwks = Jwks::builder(source).fetch_timeout(limit).build().unwrap();
    jwks.refresh().await.unwrap_err();
    assert_eq!(jwks.status().last_error(), Some("no answer within 100ms"));
}

#[tokio::test]
async fn headers_are_asked_for_anew_at_each_fetch() {
    let issuer = TestIssuer::start().await;
    let document = SigningKey::jwk_set([&issuer.key()]).to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let keys = get(async move |headers: HeaderMap| {
        let key = headers.get("x-api-key").cloned();
        log.lock().unwrap().push(key);
        (StatusCode::OK, document)
    });
    let server = serve_axum(Router::new().route("/keys", keys)).await;

    let times = AtomicUsize::new(0);
    let source = HttpKeySource::builder(format!("http://{server}/keys")).headers(move || {
        let time = times.fetch_add(1, Ordering::Relaxed);
        let value = HeaderValue::from_str(&format!("key-{time}")).unwrap();
        HeaderMap::from_iter([(http::HeaderName::from_static("x-api-key"), value)])
    });
    let fixture = Fixture::from_source(issuer, source.build().unwrap(), |jwks| jwks);
    for _ in 0..2 {
        fixture.jwks.refresh().await.unwrap();
    }
    eventually(|| seen.lock().unwrap().len() == 2).await;
    let expected = ["key-0", "key-1"].map(|key| Some(HeaderValue::from_static(key)));
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// Panics once, when the span of a fetch is made or entered.
struct PanicsOnce {
    at_entry: bool,
    has_panicked: AtomicBool,
}

impl PanicsOnce {
    fn panic_in(&self, name: &str) {
        let is_first = name == "fetch_keys" && !self.has_panicked.swap(true, Ordering::Relaxed);
        assert!(!is_first, "on purpose");
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> tracing_subscriber::Layer<S> for PanicsOnce {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !self.at_entry {
            self.panic_in(context.span(id).unwrap().name());
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if self.at_entry {
            self.panic_in(context.span(id).unwrap().name());
        }
    }
}

#[tokio::test]
async fn a_subscriber_that_panics_delays_no_further_fetch() {
    for at_entry in [false, true] {
        let fixture = Fixture::new().await;
        let subscriber = tracing_subscriber::registry().with(PanicsOnce {
            at_entry,
            has_panicked: AtomicBool::default(),
        });
        let _default = tracing::subscriber::set_default(subscriber);
        let token = fixture.token().build();
        let first = AssertUnwindSafe(fixture.verify(&token)).catch_unwind();
        let _ = first.await;
        // The interrupted or failed fetch is known, so that the next one begins after its backoff.
        fixture.advance(1);
        fixture.verify(&token).await.unwrap();
    }
}
