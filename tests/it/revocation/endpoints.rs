//! What the tests of the endpoints share: an issuer, an API, a store that a test switches off, and requests.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::BoxError;
use tower_bearer_auth::jwks::{HttpKeySource, Jwks};
use tower_bearer_auth::revocation::{
    Followed, Position, Revocation, RevocationStore, Revocations, Snapshot,
};
use tower_bearer_auth::testing::{TestIssuer, TokenBuilder};
use tower_bearer_auth::{BearerAuthLayer, Clock, JwtVerifier, JwtVerifierBuilder, VerifierExt};

use crate::support::{Answer, INSIDE, PATIENCE, get_with, send, serve_axum};
use crate::telemetry::recorded::{Fields, Recorded};

const API: &str = "https://api.example.com";

/// A store that takes no revocation while it is off. Everything else works.
#[derive(Clone, Default)]
pub(super) struct Store {
    is_off: Arc<AtomicBool>,
}

impl Store {
    pub(super) fn switch_off(&self, is_off: bool) {
        self.is_off.store(is_off, Ordering::SeqCst);
    }
}

impl RevocationStore for Store {
    async fn append(&self, _: &[Revocation]) -> Result<(), BoxError> {
        match self.is_off.load(Ordering::SeqCst) {
            true => Err("the store is off".into()),
            false => Ok(()),
        }
    }

    async fn load(&self) -> Result<Snapshot, BoxError> {
        Ok(Snapshot {
            revocations: Vec::new(),
            position: Position::new("0"),
        })
    }

    async fn follow(&self, position: &Position) -> Result<Followed, BoxError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Followed::Changes {
            revocations: Vec::new(),
            position: position.clone(),
        })
    }
}

/// An issuer, and what was revoked.
pub(super) struct World {
    pub(super) issuer: TestIssuer,
    pub(super) store: Store,
    pub(super) revocations: Revocations,
    jwks: Jwks,
}

impl World {
    pub(super) async fn new() -> Self {
        let issuer = TestIssuer::start().await;
        let store = Store::default();
        let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
        let short = Duration::from_millis(100);
        let jwks = Jwks::builder(source).backoff(short, short).build().unwrap();
        Self {
            revocations: Revocations::open(store.clone()).await.unwrap(),
            issuer,
            store,
            jwks,
        }
    }

    /// The settings of a verifier for another audience, which shares the keys.
    pub(super) fn settings(&self, audience: &str) -> JwtVerifierBuilder {
        JwtVerifier::builder()
            .jwks(self.jwks.clone())
            .issuer(self.issuer.issuer())
            .audience(audience)
    }

    /// Serves an API that caches tokens, beside these routes.
    pub(super) async fn serve(&self, endpoint: Router) -> Server<'_> {
        let verifier = self.settings(API).build().unwrap().cached(100);
        let layer = BearerAuthLayer::new(verifier).revocations(&self.revocations);
        let app = Router::new()
            .route("/", get(|| async { INSIDE }))
            .layer(layer)
            .merge(endpoint);
        Server {
            world: self,
            address: serve_axum(app).await,
        }
    }

    pub(super) fn access_token(&self) -> TokenBuilder {
        self.issuer.token().audience(API).subject("alice")
    }
}

pub(super) fn now() -> SystemTime {
    Clock::system().now()
}

pub(super) struct Server<'w> {
    world: &'w World,
    pub(super) address: SocketAddr,
}

pub(super) const PATH: &str = "/endpoint";

impl Server<'_> {
    pub(super) async fn post(&self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let mut request = Request::post(PATH);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(body.into());
        send(self.address, request.body(body).unwrap()).await
    }

    /// Asserts that the API accepts this access token.
    pub(super) async fn assert_accepts(&self, token: &str) {
        get_with(self.address, token).await.assert_passed();
    }

    /// Asserts that the API refuses this access token, which was revoked.
    pub(super) async fn assert_revoked(&self, token: &str) {
        let answer = get_with(self.address, token).await;
        answer.assert_invalid_token("The access token was revoked");
    }

    #[track_caller]
    pub(super) fn assert_nothing_revoked(&self) {
        assert_eq!(self.world.revocations.status().revocations(), 0);
    }
}

/// Asserts that the endpoint cannot carry out a token now.
#[track_caller]
pub(super) fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    let retry_after = answer.header("retry-after").unwrap();
    assert!(retry_after.parse::<u64>().unwrap() >= 1);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.body, "");
}

/// Repeats a request until its answer has this status.
pub(super) async fn until_status<F>(status: u16, mut request: impl FnMut() -> F) -> Answer
where
    F: Future<Output = Answer>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = request().await;
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The fields of the events of revocations with this message.
pub(super) fn events(recorded: &Recorded, message: &str) -> Vec<Fields> {
    let events = recorded.events(tower_bearer_auth::telemetry::REVOCATION);
    let fields = events.into_iter().map(|entry| entry.fields);
    fields
        .filter(|fields| fields["message"] == message)
        .collect()
}
