//! Measures requests that the layer accepts or refuses: all [`scenarios`](support::scenarios::ALL), and how the cost
//! grows with the size of the token, the number of keys and other quantities.
//!
//! ```sh
//! cargo bench --bench layer
//! ```

use std::time::Instant;
use std::{iter, thread};

use criterion::Criterion;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, VerifierExt};

mod support;

use self::support::Sample;
use self::support::hostile::bodies::BODIES;
use self::support::report::{Cell, Report, ratio, time};
use self::support::rounds::{best, criterion};
use self::support::scenarios::{ALL, Call, through_the_layer, token_of, verifier_of};

fn main() {
    let mut criterion = criterion();
    let mut group = criterion.benchmark_group(SCENARIOS);
    for scenario in ALL {
        let mut call = (scenario.prepare)();
        group.bench_function(scenario.name, |b| b.iter(&mut call));
    }
    group.finish();

    let growth = growth();
    for (name, points) in &growth {
        let mut group = criterion.benchmark_group(*name);
        for (point, prepare) in points {
            let mut call = prepare();
            group.bench_function(point.to_string(), |b| b.iter(&mut call));
        }
    }
    for (name, prepare) in CORES {
        for threads in [1, 2] {
            from_threads(&mut criterion, name, threads, *prepare);
        }
    }
    hostile(&mut criterion);
    criterion.final_summary();
    print(&growth);
}

const SCENARIOS: &str = "scenarios";

const HOSTILE: &str = "hostile bodies";

/// The largest body that the tool guard reads, minus room for the text around the hostile part.
const LARGEST_BODY: usize = (4 << 20) - 1024;

const RECORDS: &str = "a call with a list of records";

/// Measures a harmless body of the largest size, and hostile bodies of the same size.
fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(HOSTILE);
    group.sample_size(10);
    let mut measure = |name: &str, prepare: fn(usize) -> Call| {
        let mut call = prepare(LARGEST_BODY);
        group.bench_function(name, |b| b.iter(&mut call));
    };
    measure(RECORDS, BODIES[0].harmless);
    for pair in BODIES {
        measure(pair.name, pair.hostile);
    }
}

/// A quantity that the cost can depend on, with the call to measure for each value.
type Growth = (&'static str, Vec<(usize, Box<dyn Fn() -> Call>)>);

fn growth() -> Vec<Growth> {
    let at = |points: &[usize], prepare: fn(usize) -> Call| {
        let point = |n: &usize| {
            let n = *n;
            (n, Box::new(move || prepare(n)) as Box<dyn Fn() -> Call>)
        };
        points.iter().map(point).collect()
    };
    vec![
        (
            "bytes of a further claim",
            at(&[0, 1_000, 4_000, 10_000], further_claim),
        ),
        (
            "bytes of a further claim, cached",
            at(&[0, 1_000, 4_000, 10_000], further_claim_cached),
        ),
        ("scopes of the token", at(&[1, 10, 100, 1_000], scopes)),
        ("keys of the set", at(&[1, 10, 100], keys)),
        ("audiences of the token", at(&[1, 10, 100], audiences)),
    ]
}

fn eddsa_key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDSA).with_key_id("bench")
}

fn further_claim(bytes: usize) -> Call {
    let key = eddsa_key();
    let token = token_of(&key).claim("further", "x".repeat(bytes)).build();
    through_the_layer(verifier_of([&key]), &token)
}

fn further_claim_cached(bytes: usize) -> Call {
    let key = eddsa_key();
    let token = token_of(&key).claim("further", "x".repeat(bytes)).build();
    through_the_layer(verifier_of([&key]).cached(100), &token)
}

fn scopes(count: usize) -> Call {
    let key = eddsa_key();
    let token = token_of(&key)
        .scopes((0..count).map(|n| format!("s:{n}")))
        .build();
    through_the_layer(verifier_of([&key]), &token)
}

/// The last key of the set signed the token.
fn keys(count: usize) -> Call {
    let key = eddsa_key();
    let other = |n| SigningKey::generate(Algorithm::EdDSA).with_key_id(format!("other-{n}"));
    let others: Vec<SigningKey> = (1..count).map(other).collect();
    let token = token_of(&key).build();
    through_the_layer(verifier_of(others.iter().chain([&key])), &token)
}

fn audiences(count: usize) -> Call {
    let key = eddsa_key();
    let others = (1..count).map(|n| format!("https://other-{n}.example.com"));
    let audiences = others.chain([support::AUDIENCE.to_owned()]);
    let token = token_of(&key).audiences(audiences).build();
    through_the_layer(verifier_of([&key]), &token)
}

/// Prepares the call of each thread. All threads share one verifier, and each has its own service.
type Prepare = fn() -> Box<dyn Fn() -> Call + Sync>;

const CORES: &[(&str, Prepare)] = &[
    ("RS256 on so many threads", || {
        let sample = Sample::of(Algorithm::RS256);
        let verifier = sample.verifier();
        Box::new(move || through_the_layer(verifier.clone(), &sample.token))
    }),
    ("RS256, cached, on so many threads", || {
        let sample = Sample::of(Algorithm::RS256);
        let verifier = sample.verifier().cached(100);
        // Fills the cache first, because threads would otherwise wait for the first verification.
        through_the_layer(verifier.clone(), &sample.token)();
        Box::new(move || through_the_layer(verifier.clone(), &sample.token))
    }),
];

/// Measures one thread while the other threads run the same call.
fn from_threads(criterion: &mut Criterion, name: &str, threads: usize, prepare: Prepare) {
    let prepare = prepare();
    let mut group = criterion.benchmark_group(name);
    group.bench_function(threads.to_string(), |b| {
        b.iter_custom(|rounds| {
            let start = Instant::now();
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let mut call = prepare();
                        (0..rounds).for_each(|_| call());
                    });
                }
            });
            start.elapsed()
        });
    });
}

fn print(growth: &[Growth]) {
    let mut report = Report::default();
    let rows: Vec<Vec<Cell>> = ALL
        .iter()
        .filter(|scenario| scenario.name != scenario.limit)
        .map(|scenario| {
            let (measured, limit) = (
                best(SCENARIOS, scenario.name),
                best(SCENARIOS, scenario.limit),
            );
            let above = measured
                .zip(limit)
                .map(|(measured, limit)| measured - limit);
            vec![
                scenario.name.into(),
                time(measured),
                time(limit).named(scenario.limit),
                time(above),
                ratio(measured, limit),
            ]
        })
        .collect();
    report.table(
        "Through the layer, best round, request included",
        &["request", "time", "limit", "above it", "ratio"],
        &rows,
    );
    let points = growth.iter().map(|(name, points)| {
        let figures = points
            .iter()
            .map(|(point, _)| (*point, best(name, &point.to_string())));
        (*name, figures.collect::<Vec<_>>())
    });
    let cores = CORES.iter().map(|(name, _)| {
        let figures = [1, 2].map(|threads| (threads, best(name, &threads.to_string())));
        (*name, figures.to_vec())
    });
    let row = |(name, figures): (&str, Vec<(usize, Option<f64>)>)| {
        vec![name.into(), Cell::times(&figures)]
    };
    let rows: Vec<Vec<Cell>> = points.chain(cores).map(row).collect();
    report.table(
        "How it grows (EdDSA where nothing else is said)",
        &["with", "time"],
        &rows,
    );
    let harmless = best(HOSTILE, RECORDS);
    let names = iter::once(RECORDS).chain(BODIES.iter().map(|pair| pair.name));
    let rows: Vec<Vec<Cell>> = names
        .map(|name| {
            let measured = best(HOSTILE, name);
            vec![name.into(), time(measured), ratio(measured, harmless)]
        })
        .collect();
    report.table(
        "Bodies of 4 MiB through the tool guard",
        &["body", "time", "of the first"],
        &rows,
    );
}
