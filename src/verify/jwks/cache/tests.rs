//! The key set against a model of it, under random schedules.
//!
//! A schedule is a list of steps generated from a seed: requests arrive, are polled late or dropped; a source
//! answers, fails, panics or hangs; keys are published and removed; time passes; a runtime is shut down. After each
//! step the test checks the key set twice:
//!
//! - against the *model* (`model.rs`, `model_request.rs`): the pure policy, driven by plain sequential code. It predicts the
//!   exact result of each step.
//! - against the *promises* (`promises.rs`): invariants over requests, fetches and results alone. They do not use
//!   the policy's decisions, the model or the cache.
//!
//! A failure prints its seed, and a shortened schedule that still fails, with the result of each step.
//! `JWKS_SEED=7 cargo test --all-features key_set` replays seed 7; `JWKS_SEEDS=1000000` tries a million seeds.

mod driver;
mod keys;
mod model;
mod model_request;
mod order;
mod poison;
mod promises;
mod request;
mod schedule;
mod source;

use self::driver::Driver;
use self::schedule::{Schedule, Step};

const SEEDS: u64 = 3000;

#[test]
fn under_any_schedule_the_key_set_does_what_the_policy_says_and_keeps_its_promises() {
    match setting("JWKS_SEED") {
        Some(seed) => try_seed(seed),
        None => (0..setting("JWKS_SEEDS").unwrap_or(SEEDS)).for_each(try_seed),
    }
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

fn try_seed(seed: u64) {
    let mut schedule = Schedule::of(seed);
    let Err(first) = run(&schedule, &mut drop) else {
        return;
    };
    shrink(&mut schedule);
    let mut log = String::new();
    let problem = run(&schedule, &mut |line| log += &(line + "\n"));
    let problem = problem.expect_err("what failed fails again");
    panic!(
        "JWKS_SEED={seed}: {first}\nin short, with {:?}:\n{log}{problem}",
        schedule.settings
    );
}

fn run(schedule: &Schedule, log: &mut dyn FnMut(String)) -> Result<(), String> {
    let mut driver = Driver::new(schedule.settings);
    for step in &schedule.steps {
        let result = driver.take(step);
        log(format!("{step:?}: {}", driver.report()));
        result?;
    }
    let result = driver.finish();
    log(format!("the end: {}", driver.report()));
    result
}

/// Removes the steps that the failure does not need.
fn shrink(schedule: &mut Schedule) {
    let mut size = schedule.steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < schedule.steps.len() {
            let end = schedule.steps.len().min(at + size);
            let left_out: Vec<Step> = schedule.steps.drain(at..end).collect();
            if run(schedule, &mut drop).is_ok() {
                schedule.steps.splice(at..at, left_out);
                at = end;
            }
        }
        size /= 2;
    }
}
