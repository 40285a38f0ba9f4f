//! Measures with Criterion, which measures each benchmark on its own and stores the samples in files.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use criterion::Criterion;
use serde::Deserialize;

/// Criterion, configured for many short rounds. The benchmarks report the best round, which has the least noise from
/// other processes.
pub(crate) fn criterion() -> Criterion {
    // Removes the samples of earlier runs.
    let _ = fs::remove_dir_all(directory());
    Criterion::default()
        .output_directory(&directory())
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(60)
        .nresamples(1_000)
        .configure_from_args()
}

fn directory() -> PathBuf {
    let benchmark = env!("CARGO_CRATE_NAME");
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("criterion-{benchmark}"))
}

/// The best round of a benchmark, in nanoseconds per call. `None` if this run did not include the benchmark.
pub(crate) fn best(group: &str, function: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Rounds {
        iters: Vec<f64>,
        times: Vec<f64>,
    }
    let file = directory()
        .join(group)
        .join(function)
        .join("new/sample.json");
    let rounds: Rounds = serde_json::from_str(&fs::read_to_string(file).ok()?).unwrap();
    let per_call = rounds
        .times
        .iter()
        .zip(&rounds.iters)
        .map(|(time, calls)| time / calls);
    per_call.reduce(f64::min)
}
