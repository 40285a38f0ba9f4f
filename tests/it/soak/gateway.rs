//! The server under test: a gateway with every layer and a combined verifier.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Router, extract::State};
use futures_util::{StreamExt, stream};
use tower::{BoxError, Layer};
use tower_bearer_auth::jwks::{Discovery, Fetched, HttpKeySource, KeySource, Validators};
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, ByIssuer, CacheLayer, Cached, Clock,
    IntrospectionVerifier, Jwks, JwtVerifier, RequireScopesLayer, ScopeRequirement, VerifierExt,
};

use super::tokens::LONG;
use crate::support::serve_axum;

pub(super) const AUDIENCE: &str = "https://gateway.test";
pub(super) const LOCAL_ISSUER: &str = "https://local.test";

/// The capacity of the cache: less than the number of valid tokens in a life.
pub(super) const CACHE: usize = 256;

pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    /// The issuer with outages, key rotations and key withdrawals. Its keys are found by discovery. It also issues the
    /// opaque tokens.
    pub(super) staff: Party,
    /// An issuer without outages. It receives the same floods.
    pub(super) partners: Party,
    /// A configured key, which is never fetched.
    pub(super) local: SigningKey,
    pub(super) cached: Cached<ByIssuer>,
    pub(super) revocations: Revocations,
    /// The number of open event streams.
    pub(super) streams: Arc<AtomicUsize>,
}

/// An issuer and its key set.
pub(super) struct Party {
    pub(super) issuer: TestIssuer,
    pub(super) jwks: Jwks,
    pub(super) fetches: Arc<Fetches>,
}

impl Gateway {
    pub(super) async fn start() -> Self {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = Clock::manual(now);
        let staff = TestIssuer::start().await;
        let discovery = Discovery::builder(staff.issuer()).clock(clock.clone());
        let staff = Party::new(staff, discovery.build().unwrap(), &clock);
        let partners = TestIssuer::start().await;
        let url = HttpKeySource::builder(partners.jwks_url());
        let partners = Party::new(partners, url.build().unwrap(), &clock);
        let local = SigningKey::generate(Algorithm::EdDSA).with_key_id("local");

        let jwts = || {
            JwtVerifier::builder()
                .audience(AUDIENCE)
                .clock(clock.clone())
        };
        let of = |party: &Party| {
            let builder = jwts()
                .jwks(party.jwks.clone())
                .issuer(party.issuer.issuer());
            builder.build().unwrap()
        };
        let of_local = jwts().key(local.verifying_key()).issuer(LOCAL_ISSUER);
        let by_issuer = ByIssuer::new()
            .issuer(staff.issuer.issuer(), of(&staff))
            .issuer(partners.issuer.issuer(), of(&partners))
            .issuer(LOCAL_ISSUER, of_local.build().unwrap());
        let cached = CacheLayer::new(CACHE).clock(clock.clone()).layer(by_issuer);
        let introspection = IntrospectionVerifier::builder(staff.issuer.introspection_url())
            .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
            .audience(AUDIENCE)
            .clock(clock.clone())
            .build()
            .unwrap();
        let verifier = cached.clone().or_else(introspection);
        let revocations = Revocations::builder()
            .longest_token_life(LONG)
            .clock(clock.clone())
            .in_memory();
        let layer = BearerAuthLayer::new(verifier)
            .required_scopes(["notes:read"])
            .revocations(&revocations)
            .close_streams_at_expiry();

        let streams = Arc::<AtomicUsize>::default();
        let app = app().with_state(Arc::clone(&streams)).layer(layer);
        Self {
            address: serve_axum(app).await,
            clock,
            staff,
            partners,
            local,
            cached,
            revocations,
            streams,
        }
    }
}

fn app() -> Router<Arc<AtomicUsize>> {
    let rules = ScopeRules::builder()
        .tool("delete_note", ScopeRequirement::all(["notes:write"]))
        .default_rule(ScopeRequirement::all(["notes:read"]))
        .build()
        .unwrap();
    let admin = get(whoami).layer(RequireScopesLayer::all(["admin"]));
    let mcp = post(whoami).layer(ToolScopesLayer::new(rules));
    Router::new()
        .route("/notes", get(whoami))
        .route("/admin", admin)
        .route("/mcp", mcp)
        .route("/events", get(events))
}

/// Responds with the token's subject, so that the test detects a response that belongs to another client.
async fn whoami(token: AccessToken) -> String {
    token.subject().unwrap_or_default().to_owned()
}

/// Sends one event, and then keeps the stream open.
async fn events(
    State(streams): State<Arc<AtomicUsize>>,
    token: AccessToken,
) -> impl IntoResponse + use<> {
    let open = Open::new(streams);
    let event = format!("data: {}\n\n", token.subject().unwrap_or_default());
    let events = stream::once(async { Ok::<_, Infallible>(event) }).chain(stream::pending());
    let events = events.inspect(move |_| {
        let _ = &open;
    });
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(events),
    )
}

/// Counts as one until it is dropped.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Party {
    fn new(issuer: TestIssuer, source: impl KeySource, clock: &Clock) -> Self {
        let fetches = Arc::<Fetches>::default();
        let source = Watched {
            source,
            fetches: Arc::clone(&fetches),
        };
        let jwks = Jwks::builder(source).clock(clock.clone()).build().unwrap();
        Self {
            issuer,
            jwks,
            fetches,
        }
    }

    /// Waits until no fetch is in flight and the key set has recorded the result of the last one.
    pub(super) async fn settle(&self) {
        loop {
            let ended = self.fetches.open.load(Ordering::SeqCst) == 0;
            let failed = self.fetches.failed.load(Ordering::SeqCst) == 1;
            if ended && self.jwks.status().last_error().is_some() == failed {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// The fetches of a key set.
#[derive(Default)]
pub(super) struct Fetches {
    pub(super) begun: AtomicUsize,
    open: Arc<AtomicUsize>,
    /// 1 if the last fetch failed. A dropped fetch counts as failed.
    failed: AtomicUsize,
}

/// A source that counts its fetches.
struct Watched<S> {
    source: S,
    fetches: Arc<Fetches>,
}

impl<S: KeySource> KeySource for Watched<S> {
    async fn fetch(&self, known: Option<&Validators>) -> Result<Fetched, BoxError> {
        let Fetches {
            begun,
            open,
            failed,
        } = &*self.fetches;
        begun.fetch_add(1, Ordering::SeqCst);
        let _open = Open::new(Arc::clone(open));
        failed.store(1, Ordering::SeqCst);
        let fetched = self.source.fetch(known).await;
        failed.store(usize::from(fetched.is_err()), Ordering::SeqCst);
        fetched
    }
}
