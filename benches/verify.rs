//! Measures the verification of a token with each algorithm: the bare signature check, the
//! [parse floor](support::floor), `jsonwebtoken`, `JwtVerifier`, and `JwtVerifier` in the layer around an empty service.
//!
//! ```sh
//! cargo bench --bench verify
//! ```

use std::hint::black_box;

use bytes::Bytes;
use criterion::Criterion;
use http_body_util::Empty;
use jsonwebtoken_12::decode;
use serde_json::Value;
use tower::ServiceExt;
use tower_bearer_auth::{Algorithm, BearerAuthLayer, BearerToken};
use tower_layer::Layer;

mod support;

use self::support::report::{Cell, Report, ratio, time};
use self::support::rounds::{best, criterion};
use self::support::{Nothing, Sample, answer, at_once, floor, request};

fn main() {
    let mut criterion = criterion();
    for algorithm in measured() {
        measure(&mut criterion, algorithm);
    }
    criterion.final_summary();
    print();
}

fn measured() -> impl Iterator<Item = Algorithm> {
    let all = Algorithm::ALL.iter().copied();
    all.filter(|algorithm| Sample::find(*algorithm).is_some())
}

fn measure(criterion: &mut Criterion, algorithm: Algorithm) {
    let sample = Sample::of(algorithm);
    let mut group = criterion.benchmark_group(algorithm.as_str());

    let bare = sample.bare_check();
    assert!(bare.passes());
    group.bench_function("bare", |b| b.iter(|| black_box(&bare).passes()));

    assert!(floor::passes(&bare, &sample.token));
    group.bench_function("floor", |b| {
        b.iter(|| floor::passes(black_box(&bare), black_box(&sample.token)));
    });

    if let Some((key, validation)) = sample.jsonwebtoken() {
        let verify = || decode::<Value>(black_box(&sample.token), &key, &validation).unwrap();
        group.bench_function("jsonwebtoken", |b| b.iter(verify));
    }

    let verifier = sample.verifier();
    let token: BearerToken = sample.token.parse().unwrap();
    let verify = || at_once(verifier.clone().oneshot(black_box(&token).clone())).unwrap();
    group.bench_function("verifier", |b| b.iter(verify));

    let mut service = BearerAuthLayer::new(sample.verifier()).layer(Nothing);
    let header = sample.header();
    assert_eq!(
        answer(&mut service, request(&header, Empty::<Bytes>::new())).status(),
        200
    );
    group.bench_function("layer", |b| {
        b.iter(|| {
            answer(
                &mut service,
                request(black_box(&header), Empty::<Bytes>::new()),
            )
        });
    });
}

/// The target for the layer, computed from the times of the bare check and the parse floor. All are in nanoseconds.
fn target(algorithm: Algorithm, bare: f64, floor: f64) -> Option<f64> {
    match algorithm {
        Algorithm::RS256 => Some(bare * 1.10),
        Algorithm::ES256 | Algorithm::EdDSA => Some(bare * 1.04),
        Algorithm::HS256 => Some(floor * 1.25),
        _ => None,
    }
}

fn print() {
    let rows = measured().map(|algorithm| {
        let name = algorithm.as_str();
        let bare = best(name, "bare");
        let limits = bare.zip(best(name, "floor"));
        let target = limits.and_then(|(bare, floor)| target(algorithm, bare, floor));
        let row = ["floor", "jsonwebtoken", "verifier", "layer"].map(|function| {
            let measured = best(name, function);
            time(measured).with(&ratio(measured, bare))
        });
        let verdict = match (best(name, "layer"), target) {
            (Some(layer), Some(target)) => {
                let verdict = if layer <= target { "met" } else { "MISSED" };
                format!("≤ {}: {verdict}", time(Some(target)))
            }
            _ => String::new(),
        };
        let first = [name.into(), time(bare)];
        first
            .into_iter()
            .chain(row)
            .chain([verdict.into()])
            .collect()
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    Report::default().table(
        "One token, best round (and ratio to the bare check)",
        &[
            "algorithm",
            "bare check",
            "parse floor",
            "jsonwebtoken",
            "verifier",
            "layer",
            "target",
        ],
        &rows,
    );
}
