//! Measures the time of a request through each layer to an empty service.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tower_bearer_auth::Algorithm;

use crate::ALGORITHMS;
use crate::backend::Backend;
use crate::peers::{PEERS, Peer, Setup};
use crate::support::report::{Cell, Report, ratio, time};
use crate::support::sample::Sample;

/// The number of rounds. Each round runs every subject once, and the figure of a subject is that of its best round.
const ROUNDS: u32 = 100;

/// The approximate time of a subject in a round.
const TURN: Duration = Duration::from_millis(4);

/// What is measured: the bare signature check, or the layer of a peer.
struct Subject {
    backend: Backend,
    call: Box<dyn FnMut()>,
    calls: u32,
    /// The time of one call in the best round, in nanoseconds.
    best: f64,
}

impl Subject {
    fn new(backend: Backend, mut call: Box<dyn FnMut()>) -> Self {
        backend.select();
        call();
        let (start, mut calls) = (Instant::now(), 0);
        while start.elapsed() < TURN {
            call();
            calls += 1;
        }
        Self {
            backend,
            call,
            calls,
            best: f64::INFINITY,
        }
    }

    fn bare_check(algorithm: Algorithm) -> Self {
        let bare = Sample::of(algorithm).bare_check();
        Self::new(
            Backend::AwsLcRs,
            Box::new(move || assert!(black_box(&bare).passes())),
        )
    }

    fn layer(peer: &Peer, algorithm: Algorithm) -> Self {
        peer.backend.select();
        let mut guard = (peer.guard)(&Setup::of(algorithm));
        let header = Sample::of(algorithm).header();
        Self::new(
            peer.backend,
            Box::new(move || assert_eq!(guard(black_box(&header)), 200)),
        )
    }

    fn round(&mut self) {
        self.backend.select();
        let start = Instant::now();
        for _ in 0..self.calls {
            (self.call)();
        }
        let per_call = start.elapsed().as_secs_f64() * 1e9 / f64::from(self.calls);
        self.best = self.best.min(per_call);
    }
}

/// The best times of the bare check and of each peer that supports the algorithm.
fn best_times(algorithm: Algorithm) -> (f64, Vec<Option<f64>>) {
    let mut bare = Subject::bare_check(algorithm);
    let mut layers: Vec<Option<Subject>> = PEERS
        .iter()
        .map(|peer| {
            let supported = peer.algorithms.contains(&algorithm);
            supported.then(|| Subject::layer(peer, algorithm))
        })
        .collect();
    for _ in 0..ROUNDS {
        bare.round();
        layers.iter_mut().flatten().for_each(Subject::round);
    }
    let bests = layers.iter().map(|layer| layer.as_ref().map(|l| l.best));
    (bare.best, bests.collect())
}

pub(crate) fn measure(report: &mut Report) {
    let mut bare: Vec<Cell> = vec![
        "bare signature check".into(),
        Backend::AwsLcRs.name().into(),
    ];
    let mut rows: Vec<Vec<Cell>> = PEERS
        .iter()
        .map(|peer| vec![peer.name.into(), peer.backend.name().into()])
        .collect();
    for algorithm in ALGORITHMS {
        let (floor, bests) = best_times(*algorithm);
        bare.push(time(Some(floor)));
        for (row, best) in rows.iter_mut().zip(bests) {
            let cell = time(best);
            row.push(match best {
                Some(_) => cell.with(&ratio(best, Some(floor))),
                None => cell,
            });
        }
    }
    rows.insert(0, bare);
    let header = ["crate", "cryptography"].into_iter();
    let header: Vec<&str> = header
        .chain(ALGORITHMS.iter().map(|algorithm| algorithm.as_str()))
        .collect();
    report.table(
        "Through the layer, best round (and ratio to the bare check)",
        &header,
        &rows,
    );
}
