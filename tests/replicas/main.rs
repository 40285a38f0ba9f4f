//! The example `replicas` in several processes, with a real Redis that is killed, hung, filled and emptied.
//!
//! `redis-server` is found in `PATH`, or by the variable `REDIS_SERVER`. Without it, the tests that need it pass with a
//! line that says `SKIPPED`. Some tests exist twice: a short one, and a complete one that `.ci/extended replicas` runs:
//!
//! ```sh
//! cargo test --all-features --test replicas complete -- --ignored --nocapture
//! ```
//!
//! Each line with a delay that they print is a measurement on the machine that runs them. None of the tests depends on
//! it: their deadlines are so long that only a fault misses them.
#![cfg(unix)]

mod support;

mod file;
mod losses;
mod memory;
mod outages;
mod proofs;
mod restarts;
mod revoking;
