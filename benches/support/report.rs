//! Prints the figures of one run as tables. Criterion measures each benchmark on its own and stores the samples in
//! files, which this module reads.

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

/// Formats a number of nanoseconds.
pub(crate) fn time(nanoseconds: Option<f64>) -> String {
    match nanoseconds {
        None => "–".into(),
        Some(ns) if ns < 1_000.0 => format!("{ns:.0} ns"),
        Some(ns) => format!("{:.2} µs", ns / 1_000.0),
    }
}

/// `time` divided by `limit`.
pub(crate) fn ratio(time: Option<f64>, limit: Option<f64>) -> String {
    match (time, limit) {
        (Some(time), Some(limit)) => format!("{:.2}×", time / limit),
        _ => "–".into(),
    }
}

/// Prints a table in Markdown, ready for `docs/performance.md`.
pub(crate) fn print(title: &str, header: &[&str], rows: &[Vec<String>]) {
    println!("\n### {title}\n");
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([header[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        println!("| {} |", padded.collect::<Vec<_>>().join(" | "));
    };
    line(&mut header.iter().copied());
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&mut rule.iter().map(String::as_str));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}
