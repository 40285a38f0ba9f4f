//! What is measured: each unit keeps a number of things in memory until the program ends.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use serde_json::json;
use tower_bearer_auth::jwks::{Discovery, Jwks};
use tower_bearer_auth::possession::{MemoryReplayStore, ProofId, ReplayStore};
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, BearerAuthLayer, ByIssuer, JwtVerifier, VerifierExt};
use tower_layer::Layer;
use tower_service::Service;

use super::inputs;
use crate::support::{AUDIENCE, ISSUER, Nothing, Sample, answer, at_once, authorization, request};

/// A thing that takes memory.
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    /// How full the hash tables are.
    pub(crate) tables: &'static str,
    /// The smaller of the two numbers that are compared.
    pub(crate) count: usize,
    /// Keeps this many until the program ends.
    pub(crate) keep: fn(usize),
    /// The unit whose memory is subtracted.
    pub(crate) limit: Option<&'static str>,
    /// Whether it is only the limit of another unit.
    pub(crate) is_a_limit: bool,
    /// In bytes.
    pub(crate) target: Option<f64>,
}

const FULL: &str = "nearly full";
const DOUBLED: &str = "just doubled";
const NONE: &str = "–";

/// 1.6 KiB per remembered token of 1 kB.
const PER_TOKEN: f64 = 1_638.0;

/// Per revoked token, and per used proof.
const PER_ENTRY: f64 = 120.0;

/// A store has 64 shards, each with a table of a power of two of buckets, of which it fills 7/8. With this many entries,
/// 1640 of 1792 places of each table are filled on average, so that no table has doubled.
const ENTRIES_FULL: usize = 64 * 1_640;

/// The average is 1930 entries, so that every table has doubled.
const ENTRIES_DOUBLED: usize = 64 * 1_930;

/// The same for a single table, since the proofs of a client are in one shard.
const CLIENT_FULL: usize = 114_600;
const CLIENT_DOUBLED: usize = 114_700;

pub(crate) fn units() -> Vec<Unit> {
    let unit = |name, tables, count, keep| Unit {
        name,
        tables,
        count,
        keep,
        limit: None,
        is_a_limit: false,
        target: None,
    };
    let token = |name, tables, count| Unit {
        target: Some(PER_TOKEN),
        ..unit(name, tables, count, remembered)
    };
    let entry = |name, tables, count, keep| Unit {
        target: Some(PER_ENTRY),
        ..unit(name, tables, count, keep)
    };
    vec![
        token("a remembered token", FULL, REMEMBERED_FULL),
        token("a remembered token, at worst", DOUBLED, REMEMBERED_DOUBLED),
        unit("a connection", NONE, 1_000, connections),
        Unit {
            limit: Some(IN_FLIGHT_BARE),
            ..unit("a request in its handler", NONE, 500, in_flight)
        },
        Unit {
            is_a_limit: true,
            ..unit(IN_FLIGHT_BARE, NONE, 500, in_flight_without_layer)
        },
        entry("a revoked token", FULL, ENTRIES_FULL, revoked_tokens),
        entry(
            "a revoked token, at worst",
            DOUBLED,
            ENTRIES_DOUBLED,
            revoked_tokens,
        ),
        entry("a revoked subject", FULL, ENTRIES_FULL, revoked_subjects),
        entry(
            "a revoked subject, at worst",
            DOUBLED,
            ENTRIES_DOUBLED,
            revoked_subjects,
        ),
        entry(
            "a proof of one client",
            FULL,
            CLIENT_FULL,
            proofs_of_one_client,
        ),
        entry(
            "a proof of one client, at worst",
            DOUBLED,
            CLIENT_DOUBLED,
            proofs_of_one_client,
        ),
        entry(
            "a proof, each of its own client",
            FULL,
            ENTRIES_FULL,
            proofs_of_many_clients,
        ),
        entry(
            "a proof, each of its own client, at worst",
            DOUBLED,
            ENTRIES_DOUBLED,
            proofs_of_many_clients,
        ),
        unit("an ES256 key of a set", NONE, 100, ec_keys),
        unit("an RSA-2048 key of a set", NONE, 100, rsa_keys),
        unit(
            "an issuer with a local ES256 key",
            DOUBLED,
            450,
            local_issuers,
        ),
        unit("an issuer with discovery", NONE, 10, discovering_issuers),
        unit(
            "an issuer with discovery, with a shared client",
            NONE,
            450,
            issuers_with_shared_client,
        ),
    ]
}

/// The cache has a power of two of shards. A shard has slots for its tokens and for half as many tokens that it has
/// evicted, in a vector that doubles: with 8 shards, 244 of 256 slots are used, or 263 of 512.
const REMEMBERED_FULL: usize = 1_300;
const REMEMBERED_DOUBLED: usize = 1_400;

/// Fills a cache of this capacity. More tokens than it has room for are sent, so that it also has evicted some.
fn remembered(capacity: usize) {
    let (verifier, tokens) = inputs::read(capacity * 2);
    let verifier = verifier.cached(capacity);
    let mut service = BearerAuthLayer::new(verifier.clone()).layer(Nothing);
    for token in &tokens {
        let request = request(&authorization(token), Empty::<Bytes>::new());
        assert_eq!(answer(&mut service, request).status(), 200);
    }
    let entries = verifier.stats().entries;
    assert!(entries * 100 > capacity * 98, "{entries} of {capacity}");
    mem::forget((verifier, service));
}

/// A server clones the service for each connection. The `Vec` counts the size of the clone itself.
fn connections(count: usize) {
    let verifier = Sample::of(Algorithm::RS256).verifier().cached(1_000);
    let service = BearerAuthLayer::new(verifier).layer(Nothing);
    let mut clones = Vec::with_capacity(count);
    clones.extend((0..count).map(|_| service.clone()));
    mem::forget((service, clones));
}

const IN_FLIGHT_BARE: &str = "a request in its handler, without a layer";

/// A handler that never answers, and keeps its request.
#[derive(Debug, Clone)]
struct Waiting;

struct Kept<B> {
    _request: Request<B>,
}

impl<B> Future for Kept<B> {
    type Output = Result<Response<()>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

impl<B> Service<Request<B>> for Waiting {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Kept<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Kept<B> {
        Kept { _request: request }
    }
}

fn in_flight(count: usize) {
    let verifier = Sample::of(Algorithm::RS256).verifier().cached(1_000);
    keep_in_flight(count, BearerAuthLayer::new(verifier).layer(Waiting));
}

fn in_flight_without_layer(count: usize) {
    keep_in_flight(count, Waiting);
}

/// Keeps the futures of requests that have reached the handler.
fn keep_in_flight<S>(count: usize, mut service: S)
where
    S: Service<Request<Empty<Bytes>>, Error = Infallible>,
{
    let header = Sample::of(Algorithm::RS256).header();
    for _ in 0..count {
        let call = service.call(request(&header, Empty::new()));
        let mut call = Box::pin(call);
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        // Otherwise the compiler may remove an allocation that nothing reads.
        mem::forget(black_box(call));
    }
    mem::forget(service);
}

fn revoked_tokens(count: usize) {
    let revocations = Revocations::new();
    let tomorrow = now() + Duration::from_secs(86_400);
    for number in 0..count {
        let jti = format!("0b7f6d0e-3c1a-4f5b-9d2e-{number:012x}");
        at_once(revocations.revoke_token(ISSUER, &jti, tomorrow)).unwrap();
    }
    mem::forget(revocations);
}

fn revoked_subjects(count: usize) {
    let revocations = Revocations::new();
    for number in 0..count {
        let subject = format!("auth0|64f0c2a5e8b7d900{number:08x}");
        at_once(revocations.revoke_subject(ISSUER, &subject, now())).unwrap();
    }
    mem::forget(revocations);
}

fn now() -> SystemTime {
    tower_bearer_auth::Clock::system().now()
}

/// Proofs are kept for 60 to 119 seconds, as those of clients whose clocks differ. So they end in different seconds.
fn keep_of(number: usize) -> Duration {
    Duration::from_secs(60 + number as u64 % 60)
}

fn proofs_of_one_client(count: usize) {
    let store = MemoryReplayStore::default()
        .max_per_client(1_000_000)
        .max_per_key(1_000_000);
    keep_proofs(&store, count, ProofId::for_testing);
    mem::forget(store);
}

fn proofs_of_many_clients(count: usize) {
    let store = MemoryReplayStore::default();
    keep_proofs(&store, count, |name| {
        ProofId::for_testing(name).of_client(name)
    });
    mem::forget(store);
}

fn keep_proofs(store: &MemoryReplayStore, count: usize, proof: impl Fn(&str) -> ProofId) {
    let clock = tower_bearer_auth::Clock::manual(SystemTime::UNIX_EPOCH);
    let store_of_run = store.clone().clock(clock);
    for number in 0..count {
        let proof = proof(&number.to_string());
        assert!(at_once(store_of_run.first_use(&proof, keep_of(number))).unwrap());
    }
    mem::forget(store_of_run);
}

fn ec_keys(count: usize) {
    let keys = (0..count).map(|number| {
        let key = SigningKey::generate(Algorithm::ES256);
        key.with_key_id(format!("key-{number}")).jwk()
    });
    keep_keys(keys.collect());
}

/// The moduli are no products of primes, which takes long to find and which no verifier can see.
fn rsa_keys(count: usize) {
    let sample = Sample::of(Algorithm::RS256);
    let keys = (0..count).map(|number| {
        let mut jwk = sample.jwk().clone();
        let modulus = jwk["n"].as_str().unwrap();
        // The last characters stay, so that the number stays odd.
        let (start, end) = modulus.split_at(modulus.len() - 8);
        let start = &start[..start.len() - 8];
        jwk["n"] = json!(format!("{start}{number:08}{end}"));
        jwk["kid"] = json!(format!("key-{number}"));
        jwk
    });
    keep_keys(keys.collect());
}

fn keep_keys(keys: Vec<serde_json::Value>) {
    let set = json!({ "keys": keys }).to_string();
    drop(keys);
    mem::forget(verifier_with(set, ISSUER));
}

fn verifier_with(keys: String, issuer: &str) -> JwtVerifier {
    JwtVerifier::builder()
        .jwks_json(keys)
        .issuer(issuer)
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

/// Issuers as long as those of common providers.
fn issuer(number: usize) -> String {
    format!("https://login.example.com/tenants/{number:08x}/v2.0")
}

fn keep_issuers(count: usize, verifier: impl Fn(&str) -> JwtVerifier) {
    let all = (0..count).fold(ByIssuer::new(), |all, number| {
        let issuer = issuer(number);
        let verifier = verifier(&issuer);
        all.issuer(issuer, verifier)
    });
    mem::forget(all);
}

fn local_issuers(count: usize) {
    keep_issuers(count, |issuer| {
        let key = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
        verifier_with(SigningKey::jwk_set([&key]).to_string(), issuer)
    });
}

/// Before the first fetch.
fn discovering_issuers(count: usize) {
    keep_issuers(count, |issuer| {
        let verifier = JwtVerifier::builder().discover(issuer).audience(AUDIENCE);
        verifier.build().unwrap()
    });
}

fn issuers_with_shared_client(count: usize) {
    let client = reqwest::Client::new();
    keep_issuers(count, |issuer| {
        let source = Discovery::builder(issuer).client(client.clone());
        let keys = Jwks::builder(source.build().unwrap()).build().unwrap();
        let verifier = JwtVerifier::builder()
            .jwks(keys)
            .issuer(issuer)
            .audience(AUDIENCE);
        verifier.build().unwrap()
    });
    mem::forget(client);
}
