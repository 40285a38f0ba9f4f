//! Measures the first tokens after a start: of one issuer, of a thousand issuers at once, and of a new key.
//!
//! ```sh
//! cargo bench --bench cold_start
//! ```
//!
//! The issuers are on loopback. A limit is what no verifier can avoid: the requests with bare `reqwest`, and a bare check
//! of the signature for each token. It is measured in the same run, which takes about a minute.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Empty;
use reqwest::redirect::Policy;
use tower::ServiceExt;
use tower_bearer_auth::jwks::{Discovery, Jwks};
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{Algorithm, BearerAuthLayer, ByIssuer, JwtVerifier, Verifier};
use tower_layer::Layer;

#[path = "../support/mod.rs"]
mod support;

mod issuers;

use self::issuers::Issuers;
use self::support::{AUDIENCE, BareCheck, Nothing, Sample, authorization, report, request};

/// The number of rounds with one issuer.
const ROUNDS: usize = 60;

/// The number of rounds with a thousand issuers.
const LARGE_ROUNDS: usize = 5;

const ISSUERS: usize = 1_000;

fn main() {
    // A client per issuer needs a connection per issuer, both ends of which are in this process.
    #[cfg(unix)]
    rlimit::increase_nofile_limit(4 * ISSUERS as u64).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        one_issuer().await;
        new_key().await;
        many_issuers().await;
    });
}

/// The durations of one step in all rounds.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// The median and the best round, as two cells of a table.
    fn cells(&self) -> [String; 2] {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        [sorted[sorted.len() / 2], sorted[0]].map(milliseconds)
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// A client with the settings of the one that the crate makes.
fn fresh_client() -> reqwest::Client {
    let client = reqwest::Client::builder().redirect(Policy::none());
    client.build().unwrap()
}

async fn get(client: &reqwest::Client, url: &str) {
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
}

/// The check of a signature, which every first token needs.
fn es256() -> BareCheck {
    Sample::of(Algorithm::ES256).bare_check()
}

/// Sends a request with this token through a layer with this verifier, and returns the status.
async fn status(verifier: impl Verifier, token: &str) -> u16 {
    let service = BearerAuthLayer::new(verifier).layer(Nothing);
    let request = request(&authorization(token), Empty::<Bytes>::new());
    service.oneshot(request).await.unwrap().status().as_u16()
}

/// A row with a step and its limit.
fn row(name: &str, times: &Times, limit: &str, limits: &Times) -> Vec<String> {
    let [median, best] = times.cells();
    let [limit_median, limit_best] = limits.cells();
    [name, &median, &best, limit, &limit_median, &limit_best]
        .map(str::to_owned)
        .into()
}

const HEADER: [&str; 6] = ["step", "median", "best", "limit", "its median", "its best"];

async fn one_issuer() {
    let issuer = TestIssuer::start().await;
    let (mut build, mut first, mut all) = (Times::default(), Times::default(), Times::default());
    let (mut client, mut gets, mut both) = (Times::default(), Times::default(), Times::default());
    let metadata = format!("{}/.well-known/openid-configuration", issuer.issuer());
    let check = es256();
    for _ in 0..ROUNDS {
        let token = issuer.token().audience(AUDIENCE).subject("alice").build();
        let start = Instant::now();
        let verifier = discovering(issuer.issuer());
        let built = start.elapsed();
        assert_eq!(status(verifier, &token).await, 200);
        let answered = start.elapsed();
        build.0.push(built);
        first.0.push(answered - built);
        all.0.push(answered);

        let start = Instant::now();
        let bare = fresh_client();
        let built = start.elapsed();
        get(&bare, &metadata).await;
        get(&bare, &issuer.jwks_url()).await;
        assert!(check.passes());
        let answered = start.elapsed();
        client.0.push(built);
        gets.0.push(answered - built);
        both.0.push(answered);
    }
    let (requests, keys) = (issuer.metadata_requests(), issuer.jwks_requests());
    assert_eq!((requests, keys), (2 * ROUNDS, 2 * ROUNDS));
    report::print(
        "A cold start",
        &HEADER,
        &[
            row("`build()`", &build, "a new client", &client),
            row("the first token", &first, "two requests, ES256", &gets),
            row("both", &all, "both", &both),
        ],
    );
}

fn discovering(issuer: String) -> JwtVerifier {
    let verifier = JwtVerifier::builder().discover(issuer).audience(AUDIENCE);
    verifier.build().unwrap()
}

/// Each round has an issuer of its own, since the number of fetches for unknown keys is limited.
async fn new_key() {
    let (mut rotated, mut known) = <(Times, Times)>::default();
    let (mut gets, mut checks) = <(Times, Times)>::default();
    let check = es256();
    for _ in 0..ROUNDS {
        let issuer = TestIssuer::start().await;
        let token = || issuer.token().audience(AUDIENCE).subject("alice").build();
        let verifier = discovering(issuer.issuer());
        assert_eq!(status(verifier.clone(), &token()).await, 200);

        issuer.rotate();
        let token = token();
        for times in [&mut rotated, &mut known] {
            let start = Instant::now();
            assert_eq!(status(verifier.clone(), &token).await, 200);
            times.0.push(start.elapsed());
        }
        assert_eq!((issuer.metadata_requests(), issuer.jwks_requests()), (1, 2));

        let bare = fresh_client();
        get(&bare, &issuer.jwks_url()).await;
        let start = Instant::now();
        get(&bare, &issuer.jwks_url()).await;
        let got = start.elapsed();
        assert!(check.passes());
        let checked = start.elapsed();
        gets.0.push(checked);
        checks.0.push(checked - got);
    }
    let limit = "a request over an open connection, ES256";
    report::print(
        "A new key",
        &HEADER,
        &[
            row("the first token with it", &rotated, limit, &gets),
            row("the next one", &known, "ES256", &checks),
        ],
    );
}

/// How the HTTP clients of a thousand issuers are made.
#[derive(Clone, Copy)]
enum Clients {
    OneEach,
    Shared,
}

async fn many_issuers() {
    let mut rows = Vec::new();
    for (name, clients) in [
        ("`discover(..)`, a client each", Clients::OneEach),
        ("one shared client", Clients::Shared),
    ] {
        let (mut build, mut tokens) = <(Times, Times)>::default();
        let (mut client, mut gets) = <(Times, Times)>::default();
        let mut seen = String::new();
        for _ in 0..LARGE_ROUNDS {
            let server = Issuers::start();
            let [built, answered] = first_tokens(&server, clients).await;
            build.0.push(built);
            tokens.0.push(answered);
            let [metadata, keys, others] = server.counts.requests();
            assert_eq!([metadata, keys, others], [ISSUERS, ISSUERS, 0]);
            let [connections, open] = server.counts.connections();
            seen = format!("{} / {connections} / {open}", metadata + keys);

            let server = Issuers::start();
            let [built, answered] = bare_requests(&server, clients).await;
            client.0.push(built);
            gets.0.push(answered);
        }
        for (step, times, limit, limits) in [
            ("`build()` of all", &build, "the clients", &client),
            ("all first tokens", &tokens, "2 000 requests, ES256", &gets),
        ] {
            let mut row = row(&format!("{name}: {step}"), times, limit, limits);
            row.push(seen.clone());
            rows.push(row);
        }
    }
    let header = [&HEADER[..], &["requests / connections / open at once"]].concat();
    report::print("A thousand issuers at once", &header, &rows);
}

/// The time to build the verifiers, and the time until the first tokens of all issuers are answered.
async fn first_tokens(server: &Issuers, clients: Clients) -> [Duration; 2] {
    let tokens: Vec<String> = (0..ISSUERS).map(|number| server.token(number)).collect();
    let start = Instant::now();
    let shared = match clients {
        Clients::OneEach => None,
        Clients::Shared => Some(fresh_client()),
    };
    let all = (0..ISSUERS).fold(ByIssuer::new(), |all, number| {
        let issuer = server.issuer(number);
        let verifier = match &shared {
            None => discovering(issuer.clone()),
            Some(client) => discovering_with(client.clone(), &issuer),
        };
        all.issuer(issuer, verifier)
    });
    let built = start.elapsed();
    let requests = tokens.iter().map(|token| status(all.clone(), token));
    let statuses = join_all(requests).await;
    let answered = start.elapsed();
    let refused = statuses.iter().filter(|status| **status != 200).count();
    assert_eq!(refused, 0, "of {ISSUERS} first tokens");
    [built, answered - built]
}

fn discovering_with(client: reqwest::Client, issuer: &str) -> JwtVerifier {
    let source = Discovery::builder(issuer).client(client).build().unwrap();
    let keys = Jwks::builder(source).build().unwrap();
    let verifier = JwtVerifier::builder().jwks(keys).issuer(issuer);
    verifier.audience(AUDIENCE).build().unwrap()
}

/// The same requests without verifiers.
async fn bare_requests(server: &Issuers, clients: Clients) -> [Duration; 2] {
    let start = Instant::now();
    let clients: Vec<reqwest::Client> = match clients {
        Clients::OneEach => (0..ISSUERS).map(|_| fresh_client()).collect(),
        Clients::Shared => vec![fresh_client(); ISSUERS],
    };
    let built = start.elapsed();
    let requests = clients
        .iter()
        .enumerate()
        .map(|(number, client)| async move {
            get(client, &server.metadata_url(number)).await;
            get(client, &server.key_url(number)).await;
        });
    join_all(requests).await;
    let check = es256();
    assert!((0..ISSUERS).all(|_| check.passes()));
    [built, start.elapsed() - built]
}
