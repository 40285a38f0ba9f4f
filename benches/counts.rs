//! How many instructions and allocations the hot paths take: numbers that do not depend on what else the machine
//! is doing. They are counted by valgrind, and compared with `benches/counts.baseline`.
//!
//! ```sh
//! cargo bench --bench counts              # fails when a path got more expensive, or a hostile input is
//! cargo bench --bench counts -- --record  # writes down what the paths cost now
//! cargo bench --bench counts -- --hostile # hostile inputs alone
//! ```
//!
//! What counts is what we add to the [limit](support::scenarios::Scenario::limit) of a path, such as the bare
//! signature check: 5 % more instructions than that are too many, and so is one more allocation.
//!
//! Hostile inputs are compared with harmless ones of the same size, and not with a baseline: three times as many
//! instructions are too many.

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
use self::support::hostile::tokens::TOKENS;
use self::support::hostile::{LIMIT, Pair};
use self::support::scenarios::{ALL, Call, named};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/counts.baseline");

/// The paths that are compared.
const WATCHED: &[&str] = &[
    "HS256",
    "RS256",
    "ES256",
    "EdDSA",
    "RS256, cached",
    "RS256, cached, POST",
    "RS256, cached, two scope guards",
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

/// How often a path is taken in the shorter and the longer of two runs. What differs is the path alone.
const ROUNDS: [u64; 2] = [20, 120];

/// How many bytes of a [pair's](Pair) inputs are taken, and so how often: an input that is that large is taken once.
const PAIR_BYTES: usize = 128 << 10;

const TOLERANCE: f64 = 1.05;

/// What one passage through a path takes.
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

/// Takes a path so many times: what runs inside valgrind.
fn take(path: &str, rounds: u64) {
    let mut call = (named(path).prepare)();
    for _ in 0..rounds {
        call();
    }
}

/// Takes one side of a pair, once more often than it is counted: what happens only once is left out.
fn take_side(side: &str, name: &str) {
    let pair = pairs().find(|pair| pair.name == name).unwrap();
    let mut call = match side {
        "harmless" => (pair.harmless)(pair.size),
        "hostile" => (pair.hostile)(pair.size),
        other => panic!("a pair has no side {other:?}"),
    };
    call();
    counted_rounds(&mut call, rounds_of(pair));
}

/// The only function of which valgrind counts anything, by this name.
#[inline(never)]
fn counted_rounds(call: &mut Call, rounds: usize) {
    for _ in 0..rounds {
        call();
    }
}

fn rounds_of(pair: &Pair) -> usize {
    PAIR_BYTES.div_ceil(pair.size)
}

fn pairs() -> impl Iterator<Item = &'static Pair> {
    BODIES.iter().chain(TOKENS).chain(HEADERS)
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

/// Whether the baseline was recorded in this environment. Another compiler or C library makes other code of the same
/// sources.
fn is_comparable(baseline: &str) -> bool {
    let first = baseline.lines().next().unwrap_or_default();
    let recorded_in = first.trim_start_matches("# ");
    let environment = environment();
    if recorded_in != environment {
        println!("recorded with  {recorded_in}\nthis is        {environment}");
    }
    recorded_in == environment
}

/// Whether no path got more expensive than [recorded](BASELINE).
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
        // Half an allocation is a hash table that grew in some of the rounds.
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

/// What makes instruction counts comparable.
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
    // Who searches or copies bytes looks at what the processor can do.
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
        // The number alone: a distribution's rebuild of the same release counts the same.
        format!(
            "libc {}",
            version("ldd").rsplit(' ').next().unwrap_or_default()
        ),
        processor.to_owned(),
    ]
    .join(", ")
}

/// The cost of a path less that of its limit.
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
                let only = Some("--toggle-collect=*::counted_rounds");
                let arguments = ["--take-side", side, pair.name];
                let count = run("callgrind", only, &arguments, "Collected : ", "");
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
    // Counts do not depend on what runs beside them.
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

/// A count of one of valgrind's tools, which it prints behind `label` and `then`, per round.
fn per_round(path: &str, tool: &str, label: &str, then: &str) -> f64 {
    let [few, many] = ROUNDS;
    let count = |rounds: u64| {
        run(
            tool,
            None,
            &["--take", path, &rounds.to_string()],
            label,
            then,
        )
    };
    (count(many) - count(few)) / (many - few) as f64
}

/// Runs this program in one of valgrind's tools, and reads the count that the tool prints behind `label` and `then`.
fn run(tool: &str, option: Option<&str>, taken: &[&str], label: &str, then: &str) -> f64 {
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
