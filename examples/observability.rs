//! A server that exports its decisions to the log and to Prometheus:
//! `cargo run --example observability --features metrics`.
//!
//! The log has a line for each access decision, with the component, the outcome, the reason and the bearer. `/metrics`
//! has counters of decisions, histograms of verifications and key fetches, and the numbers of used proofs and
//! revocations. docs/grafana-dashboard.json shows them. The issuer is a test issuer in the same process. The server listens on 127.0.0.1:3000, or on the address in `BIND`.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::{DpopKey, TestIssuer};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, JwtVerifier, RequireScopesLayer, Verifier, VerifierExt, telemetry,
};
use tower_http::trace::TraceLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const AUDIENCE: &str = "https://api.example.com";

/// The `sid` of tokens that are revoked.
const SESSION: &str = "ended";

/// Histogram buckets in seconds, from a cache hit to a slow issuer.
const BUCKETS: &[f64] = &[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 5.0];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    write_log();
    // Install the recorder before the first request, so that all requests are counted.
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS)?
        .install_recorder()?;
    telemetry::describe_metrics();
    tokio::spawn(keep_small(recorder.clone()));

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let issuer = TestIssuer::start().await;
    let verifier = JwtVerifier::builder()
        .discover(issuer.issuer())
        .audience(AUDIENCE)
        .build()?;
    let revocations = Revocations::new();
    revocations
        .revoke_session(&issuer.issuer(), SESSION)
        .await?;
    introduce(&url, &issuer);
    let auth = BearerAuthLayer::new(verifier.cached(10_000))
        .dpop(Dpop::new().origin(&url))
        .revocations(&revocations);
    axum::serve(listener, app(auth, recorder)).await?;
    Ok(())
}

/// Logs all events at `INFO` and above, and the decisions, which are at `DEBUG`.
fn write_log() {
    let wanted = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target(telemetry::AUDIT, LevelFilter::DEBUG);
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer())
        .with(wanted)
        .init();
}

/// Moves samples into buckets. Without this, they accumulate in memory between scrapes.
async fn keep_small(recorder: PrometheusHandle) {
    let mut interval = tokio::time::interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        recorder.run_upkeep();
    }
}

fn app(auth: BearerAuthLayer<impl Verifier>, recorder: PrometheusHandle) -> Router {
    Router::new()
        .route("/admin", get(whoami))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .route("/", get(whoami))
        .layer(auth)
        // This is the outermost layer, so that each decision is in the span of its request.
        .layer(
            TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
                // Do not log the whole URI: the query may contain a secret.
                let path = request.uri().path();
                tracing::info_span!("request", method = %request.method(), path)
            }),
        )
        // Public in this example. In production, restrict it to your own network.
        .route("/metrics", get(move || async move { recorder.render() }))
}

async fn whoami(token: AccessToken) -> String {
    format!("hello {}\n", token.subject().unwrap_or("unknown"))
}

fn introduce(url: &str, issuer: &TestIssuer) {
    let token = || issuer.token().audience(AUDIENCE).subject("alice");
    let alice = token().jwt_id("alices-first").build();
    let expired = token().jwt_id("alices-last").expired().build();
    let revoked = token().claim("sid", SESSION).build();
    println!("listening on {url}\n");
    for (what, path, token) in [
        ("200:", "/", alice.as_str()),
        ("403, the token lacks a scope:", "/admin", &alice),
        ("401, the token has expired:", "/", &expired),
        ("401, the token was revoked:", "/", &revoked),
        ("401, the token is not a JWT:", "/", "made-up"),
    ] {
        println!("{what}\ncurl -i {url}{path} -H 'authorization: Bearer {token}'\n");
    }
    let key = DpopKey::new();
    let bound = token().bound_to(&key).build();
    let proof = key.proof("GET", &format!("{url}/"), &bound).build();
    println!("200 within a minute, then 401, a token that is bound to a key, with a proof:");
    println!("curl -i {url}/ -H 'authorization: DPoP {bound}' -H 'dpop: {proof}'\n");
    println!("401, no token:\ncurl -i {url}/\n");
    println!("the metrics of these requests:\ncurl {url}/metrics\n");
}
