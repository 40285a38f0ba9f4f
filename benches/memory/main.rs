//! Measures the heap memory per remembered token, connection, request, revocation, proof, key and issuer, with DHAT.
//!
//! ```sh
//! cargo bench --bench memory                 # the table; needs valgrind
//! cargo bench --bench memory -- revoked      # only the rows with this word
//! cargo bench --bench memory -- --where "a revoked token" # where the bytes were allocated
//! ```
//!
//! A row is the difference between two runs, one of which keeps twice as many units as the other. DHAT counts the bytes
//! that the program requests, and not what the allocator adds to them: 8 to 24 bytes per block with glibc.
//!
//! Hash tables double their size. So the cost per entry depends on the load: a row is measured with tables that are as
//! full as they get, or with tables that have just doubled, which is the highest cost.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{env, fs};

#[path = "../support/mod.rs"]
mod support;

mod inputs;
mod units;

use self::support::report;
use self::units::{Unit, units};

/// The live bytes at the end of a run, and the blocks in which they are.
#[derive(Debug, Clone, Copy)]
struct Live {
    bytes: f64,
    blocks: f64,
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let arguments: Vec<String> = arguments.collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--take", name, count] => (named(name).keep)(count.parse().unwrap()),
        ["--where", name] => profile(&named(name)),
        _ if !measure(&arguments) => return ExitCode::FAILURE,
        _ => {}
    }
    ExitCode::SUCCESS
}

fn named(name: &str) -> Unit {
    let unit = units().into_iter().find(|unit| unit.name == name);
    unit.unwrap_or_else(|| panic!("there is no unit {name:?}"))
}

/// Measures the units whose name contains one of the words. Returns whether all targets are met.
fn measure(words: &[&str]) -> bool {
    inputs::write();
    let is_asked_for =
        |unit: &Unit| words.is_empty() || words.iter().any(|word| unit.name.contains(word));
    let mut all_met = true;
    let mut rows = Vec::new();
    for unit in units().iter().filter(|unit| !unit.is_a_limit) {
        if !is_asked_for(unit) {
            continue;
        }
        let mut per_unit = per_unit(unit);
        if let Some(limit) = unit.limit {
            let limit = self::per_unit(&named(limit));
            per_unit.bytes -= limit.bytes;
            per_unit.blocks -= limit.blocks;
        }
        let target = unit.target.map_or_else(String::new, |target| {
            let is_met = per_unit.bytes <= target;
            all_met &= is_met;
            let verdict = if is_met { "met" } else { "MISSED" };
            format!("≤ {target:.0}: {verdict}")
        });
        println!("{}: {:.1} bytes", unit.name, per_unit.bytes);
        rows.push(vec![
            unit.name.to_owned(),
            unit.tables.to_owned(),
            format!("{} and {}", unit.count, 2 * unit.count),
            // Neither -0 nor the rounding errors of a division.
            format!("{:.0}", per_unit.bytes.max(0.0)),
            format!("{:.1}", per_unit.blocks.max(0.0)),
            target,
        ]);
    }
    report::print(
        "Memory",
        &[
            "one",
            "hash tables",
            "measured with",
            "bytes",
            "blocks",
            "target",
        ],
        &rows,
    );
    all_met
}

fn per_unit(unit: &Unit) -> Live {
    let [few, many] = [unit.count, 2 * unit.count].map(|count| live(unit, count, None));
    let count = unit.count as f64;
    Live {
        bytes: (many.bytes - few.bytes) / count,
        blocks: (many.blocks - few.blocks) / count,
    }
}

/// Prints which call stacks allocated the live bytes, the largest first.
fn profile(unit: &Unit) {
    inputs::write();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("memory-profile.json");
    let live = live(unit, unit.count, Some(&file));
    println!(
        "{} of {}: {:.0} bytes live",
        unit.count, unit.name, live.bytes
    );
    let text = fs::read_to_string(&file).unwrap();
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |point: &serde_json::Value, name: &str| point[name].as_f64().unwrap_or(0.0);
    let mut points = profile["pps"].as_array().unwrap().clone();
    // `eb` and `ebk` are the bytes and blocks at the end (valgrind's dhat/dh_main.c).
    points.sort_by(|a, b| number(b, "eb").total_cmp(&number(a, "eb")));
    for point in points.iter().take(20) {
        let (bytes, blocks) = (number(point, "eb"), number(point, "ebk"));
        println!(
            "\n{:.1} bytes per unit, in {blocks} blocks of {:.0}",
            bytes / unit.count as f64,
            bytes / blocks.max(1.0)
        );
        let frames = point["fs"].as_array().unwrap().iter();
        let frames = frames.map(|frame| {
            let frame = profile["ftbl"][frame.as_u64().unwrap() as usize]
                .as_str()
                .unwrap();
            frame.split_once(": ").map_or(frame, |(_, rest)| rest)
        });
        frames.take(12).for_each(|frame| println!("    {frame}"));
    }
}

/// Runs this program in DHAT, with this many units.
fn live(unit: &Unit, count: usize, profile: Option<&PathBuf>) -> Live {
    let file = profile.map_or("/dev/null".into(), |file| file.display().to_string());
    let output = Command::new("valgrind")
        .args(["--tool=dhat", &format!("--dhat-out-file={file}")])
        .arg(env::current_exe().unwrap())
        .args(["--take", unit.name, &count.to_string()])
        .output()
        .unwrap_or_else(|error| panic!("valgrind is needed: {error}"));
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "valgrind failed on {}:\n{report}",
        unit.name
    );
    let line = report
        .lines()
        .find_map(|line| Some(line.split_once("At t-end:")?.1));
    let line = line.unwrap_or_else(|| panic!("dhat printed no live bytes:\n{report}"));
    let mut numbers = line
        .split_whitespace()
        .filter_map(|word| word.replace(',', "").parse::<f64>().ok());
    Live {
        bytes: numbers.next().unwrap(),
        blocks: numbers.next().unwrap(),
    }
}
