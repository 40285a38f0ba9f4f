//! Counts the instructions and allocations of the hot paths with valgrind, and compares them with
//! `benches/counts.baseline`. Unlike times, the counts do not depend on the load of the machine.
//!
//! ```sh
//! cargo bench --bench counts              # fails if a path became more expensive, or a hostile input is too expensive
//! cargo bench --bench counts -- --record  # records the current counts as the baseline
//! cargo bench --bench counts -- --hostile # compares only the hostile inputs
//! ```
//!
//! The [limit](support::scenarios::Scenario::limit) of a path, such as the bare signature check, is subtracted from its
//! counts. The comparison fails if the difference to the baseline is more than 5 % of instructions, or one allocation.
//!
//! Hostile inputs are compared with harmless inputs of the same size instead of a baseline. The comparison fails if one
//! takes more than three times as many instructions.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZero;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

mod support;

use self::support::hostile::bodies::BODIES;
use self::support::hostile::headers::HEADERS;
use self::support::hostile::proofs::PROOFS;
use self::support::hostile::tokens::TOKENS;
use self::support::hostile::{LIMIT, Pair};
use self::support::scenarios::{ALL, Call, named};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/counts.baseline");

/// The paths that are compared with the baseline.
const WATCHED: &[&str] = &[
    "HS256",
    "RS256",
    "ES256",
    "EdDSA",
    "RS256, cached",
    "RS256, cached, POST",
    "RS256, cached, two scope guards",
    "RS256, cached, behind DPoP",
    "DPoP, ES256",
    "static token",
    "RS256, 1 issuer",
    "RS256, 1 000 issuers",
    "no token",
    "no JWT",
    "six segments",
    "unknown key",
    "bad signature",
    "too little scope",
    "tool guard, 1 KiB",
    "tool guard, 100 KiB",
];

/// The number of rounds of the shorter and the longer of two runs. The difference of the counts is the cost of the
/// path, without the setup.
const ROUNDS: [u64; 2] = [20, 120];

/// The number of bytes to process per [pair](Pair). An input of this size runs once, a smaller one several times.
const PAIR_BYTES: usize = 128 << 10;

const TOLERANCE: f64 = 1.05;

/// The cost of one round of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    instructions: f64,
    allocations: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--take", path, rounds] => take(path, rounds.parse().unwrap()),
        ["--take-side", side, pair] => take_side(side, pair),
        _ if arguments.contains(&"--hostile") => return exit_code(compare_pairs()),
        _ if arguments.contains(&"--record") => record(),
        _ => {
            let (paths, pairs) = (compare(), compare_pairs());
            return exit_code(paths && pairs);
        }
    }
    ExitCode::SUCCESS
}

fn exit_code(is_good: bool) -> ExitCode {
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Runs a path this many times. Valgrind runs the program with this function.
fn take(path: &str, rounds: u64) {
    let mut call = (named(path).prepare)();
    counted_rounds(&mut call, rounds);
}

/// Runs one side of a pair. The first round is not counted, because it includes one-time initialization.
fn take_side(side: &str, name: &str) {
    let pair = pairs().find(|pair| pair.name == name).unwrap();
    let mut call = match side {
        "harmless" => (pair.harmless)(pair.size),
        "hostile" => (pair.hostile)(pair.size),
        other => panic!("a pair has no side {other:?}"),
    };
    call();
    counted_rounds(&mut call, rounds_of(pair) as u64);
}

/// The only function whose instructions valgrind counts: how many the preparation takes is partly random, since it
/// generates keys. Valgrind finds the function by this name.
#[inline(never)]
fn counted_rounds(call: &mut Call, rounds: u64) {
    for _ in 0..rounds {
        call();
    }
}

fn rounds_of(pair: &Pair) -> usize {
    PAIR_BYTES.div_ceil(pair.size)
}

fn pairs() -> impl Iterator<Item = &'static Pair> {
    BODIES.iter().chain(TOKENS).chain(HEADERS).chain(PROOFS)
}

fn record() {
    let mut text = format!("# {}\n", environment());
    text.push_str("# What a path takes besides its limit: instructions, allocations.\n");
    for path in WATCHED {
        let Cost {
            instructions,
            allocations,
        } = cost_of_ours(path);
        println!("{path}: {instructions:.0} instructions, {allocations:.1} allocations");
        writeln!(text, "{path}\t{instructions:.0}\t{allocations:.1}").unwrap();
    }
    fs::write(BASELINE, text).unwrap();
}

/// Whether the baseline was recorded in this environment. Another compiler or C library generates other code from the
/// same sources.
fn is_comparable(baseline: &str) -> bool {
    let first = baseline.lines().next().unwrap_or_default();
    let recorded_in = first.trim_start_matches("# ");
    let environment = environment();
    if recorded_in != environment {
        println!("recorded with  {recorded_in}\nthis is        {environment}");
    }
    recorded_in == environment
}

/// Whether no path is more expensive than the [baseline](BASELINE).
fn compare() -> bool {
    let text = fs::read_to_string(BASELINE).unwrap();
    let baseline = parse(&text);
    let comparable = is_comparable(&text);
    if !comparable {
        println!("SKIPPED: instructions are not compared, allocations are");
    }
    let mut worse = Vec::new();
    println!(
        "{:<34} {:>12} {:>12} {:>7} {:>7}",
        "path", "instructions", "recorded", "allocs", "rec."
    );
    for path in WATCHED {
        let before = baseline
            .get(path)
            .unwrap_or_else(|| panic!("{path} is not recorded"));
        let now = cost_of_ours(path);
        println!(
            "{path:<34} {:>12.0} {:>12.0} {:>7.1} {:>7.1}",
            now.instructions, before.instructions, now.allocations, before.allocations
        );
        let slower = comparable && now.instructions > before.instructions * TOLERANCE;
        // A hash table that grows in some of the rounds adds half an allocation.
        if slower || now.allocations > before.allocations + 0.5 {
            worse.push(*path);
        }
    }
    if worse.is_empty() {
        println!("no path got more expensive");
        return true;
    }
    println!("more expensive than recorded: {}", worse.join("; "));
    println!("if that is meant to be: cargo bench --bench counts -- --record");
    false
}

fn parse(text: &str) -> BTreeMap<&str, Cost> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let cost = |line| {
        let [path, instructions, allocations] = str::split(line, '\t').collect::<Vec<_>>()[..]
        else {
            panic!("not a line of a baseline: {line}");
        };
        let cost = Cost {
            instructions: instructions.parse().unwrap(),
            allocations: allocations.parse().unwrap(),
        };
        (path, cost)
    };
    lines.map(cost).collect()
}

/// Everything that changes instruction counts: compiler, valgrind, C library and processor.
fn environment() -> String {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output();
        let output = output
            .unwrap_or_else(|error| panic!("{program} is needed: {error}"))
            .stdout;
        String::from_utf8_lossy(&output)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let rustc = version(&env::var("RUSTC").unwrap_or_else(|_| "rustc".into()));
    // Functions that search or copy bytes select an implementation by the features of the processor.
    #[cfg(target_arch = "x86_64")]
    let processor = match is_x86_feature_detected!("avx2") {
        true => "x86_64 with AVX2",
        false => "x86_64",
    };
    #[cfg(not(target_arch = "x86_64"))]
    let processor = env::consts::ARCH;
    [
        rustc,
        version("valgrind"),
        // Only the version number: a distribution's rebuild of the same release has the same counts.
        format!(
            "libc {}",
            version("ldd").rsplit(' ').next().unwrap_or_default()
        ),
        processor.to_owned(),
    ]
    .join(", ")
}

/// The cost of a path minus the cost of its limit.
fn cost_of_ours(path: &str) -> Cost {
    let scenario = named(path);
    let (whole, limit) = (cost(scenario.name), cost(scenario.limit));
    Cost {
        instructions: whole.instructions - limit.instructions,
        allocations: whole.allocations - limit.allocations,
    }
}

fn cost(path: &str) -> Cost {
    assert!(ALL.iter().any(|scenario| scenario.name == path));
    Cost {
        instructions: per_round(path, "callgrind", "Collected : ", ""),
        allocations: per_round(path, "dhat", "Total: ", " in "),
    }
}

/// Whether no hostile input costs more than [`LIMIT`] times the harmless one.
fn compare_pairs() -> bool {
    println!(
        "\n{:<56} {:>12} {:>12} {:>7}",
        "hostile input", "harmless", "hostile", "ratio"
    );
    let pairs: Vec<&Pair> = pairs().collect();
    let next = AtomicUsize::new(0);
    let harmless = Mutex::new(BTreeMap::new());
    let worse = Mutex::new(Vec::new());
    let work = || {
        while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let cost = |side| {
                let arguments = ["--take-side", side, pair.name];
                let count = run("callgrind", &arguments, "Collected : ", "");
                count / rounds_of(pair) as f64
            };
            let known = harmless.lock().unwrap().get(pair.base).copied();
            let base = known.unwrap_or_else(|| cost("harmless"));
            harmless.lock().unwrap().insert(pair.base, base);
            let hostile = cost("hostile");
            let ratio = hostile / base;
            println!(
                "{:<56} {base:>12.0} {hostile:>12.0} {ratio:>6.2}x",
                pair.name
            );
            if ratio > LIMIT {
                worse.lock().unwrap().push(pair.name);
            }
        }
    };
    // Counts do not depend on the load of the machine, so the runs can be parallel.
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let worse = worse.into_inner().unwrap();
    if worse.is_empty() {
        println!("no hostile input costs more than {LIMIT} times as much as a harmless one");
    } else {
        println!(
            "more than {LIMIT} times the harmless input: {}",
            worse.join("; ")
        );
    }
    worse.is_empty()
}

/// The count per round of one of valgrind's tools, which prints it after `label` and `then`.
fn per_round(path: &str, tool: &str, label: &str, then: &str) -> f64 {
    let [few, many] = ROUNDS;
    let count = |rounds: u64| {
        let arguments = ["--take", path, &rounds.to_string()];
        run(tool, &arguments, label, then)
    };
    (count(many) - count(few)) / (many - few) as f64
}

/// Runs this program in one of valgrind's tools, and parses the count that the tool prints after `label` and `then`.
fn run(tool: &str, taken: &[&str], label: &str, then: &str) -> f64 {
    let option = (tool == "callgrind").then_some("--toggle-collect=*::counted_rounds");
    let output = Command::new("valgrind")
        .args([
            format!("--tool={tool}"),
            format!("--{tool}-out-file=/dev/null"),
        ])
        .args(option)
        .arg(env::current_exe().unwrap())
        .args(taken)
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "valgrind failed on {taken:?}:\n{report}"
    );
    let line = report
        .lines()
        .find_map(|line| Some(line.split_once(label)?.1));
    let count = line
        .and_then(|line| line.split_once(then))
        .map(|(_, count)| count.trim_start());
    let count = count.unwrap_or_else(|| panic!("{tool} printed no count:\n{report}"));
    let digits = count.split(' ').next().unwrap().replace(',', "");
    digits.parse::<f64>().unwrap()
}
