//! A random sequence of steps, generated from a seed.

use std::time::Duration;

use super::keys::{DOCUMENTS, TOKENS};
use crate::verify::jwks::policy::Policy;

/// One step of a schedule. A `usize` selects one of the pending requests or fetches, modulo their number.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A request arrives, and is polled at once or later, inside or outside a runtime.
    Request {
        token: usize,
        polled: Polled,
    },
    /// The application calls `Jwks::refresh`.
    Refresh,
    /// The application calls `Jwks::ready`.
    Ready,
    /// Polls a request that was not woken.
    Poll(usize),
    /// Drops a request.
    Drop(usize),
    DropAll,
    /// The source answers one of the fetches in flight.
    Answer(usize, Answer),
    /// The source answers the next fetch at once.
    AnswerNext(Answer),
    /// The runtime runs the tasks that are ready. Then the woken requests are polled.
    Run,
    /// The runtime runs the tasks that are ready. The woken requests are not polled yet.
    RunFetches,
    /// Time passes.
    Pass(Duration),
    /// The wall clock advances, but not the runtime's timers.
    Stall(Duration),
    /// The application withdraws the keys with this key ID.
    Withdraw(&'static str),
    /// The runtime is shut down, which cancels its fetches, and replaced.
    NewRuntime,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Polled {
    Later,
    Inside,
    Outside,
}

/// The source's answer to a fetch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Document {
        document: usize,
        freshness: Option<u64>,
        etag: Option<u64>,
    },
    Unchanged {
        freshness: Option<u64>,
    },
    Error,
    Garbage,
    NoKeys,
    Panic,
}

/// The settings of a key set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) policy: Policy,
    pub(super) jitter: fn() -> f64,
}

#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) settings: Settings,
    pub(super) steps: Vec<Step>,
}

impl Schedule {
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random(seed);
        let settings = random.settings();
        let length = 10 + random.below(70);
        let steps = (0..length).map(|_| random.step()).collect();
        Self { settings, steps }
    }
}

/// SplitMix64: a small generator with the same output on every platform.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn settings(&mut self) -> Settings {
        let s = Duration::from_secs;
        let usual = Policy::DEFAULT;
        let hasty = Policy {
            fetch_timeout: Duration::from_millis(800),
            default_freshness: s(4),
            min_freshness: s(2),
            max_freshness: s(10),
            refresh_ahead: 0.5,
            serve_stale_for: s(20),
            unknown_key_burst: 1,
            unknown_key_interval: s(3),
            min_backoff: Duration::from_millis(100),
            ..usual
        };
        // The keys become stale and reach the hard limit at the same time.
        let strict = Policy {
            max_freshness: s(300),
            refresh_ahead: 1.0,
            serve_stale_for: s(300),
            unknown_key_burst: 5,
            max_backoff: s(1),
            ..usual
        };
        Settings {
            policy: self.one_of(&[usual, usual, hasty, hasty, strict]),
            jitter: self.one_of(&[|| 0.0, || 1.0, || -1.0, || 0.37]),
        }
    }

    fn step(&mut self) -> Step {
        match self.below(100) {
            0..28 => Step::Request {
                token: self.below(TOKENS.len()),
                polled: match self.below(20) {
                    0..14 => Polled::Inside,
                    14..19 => Polled::Later,
                    _ => Polled::Outside,
                },
            },
            28..31 => Step::Refresh,
            31..33 => Step::Ready,
            33..36 => Step::Poll(self.below(8)),
            36..41 => Step::Drop(self.below(8)),
            41 => Step::DropAll,
            42..55 => Step::Answer(self.below(2), self.answer()),
            55..59 => Step::AnswerNext(self.answer()),
            59..73 => Step::Run,
            73..77 => Step::RunFetches,
            77..93 => Step::Pass(self.time()),
            93..96 => Step::Stall(self.time()),
            96..98 => Step::Withdraw(self.one_of(&["a", "b", "c", "z", "unknown"])),
            _ => Step::NewRuntime,
        }
    }

    fn answer(&mut self) -> Answer {
        let freshness = self.one_of(&[
            None,
            Some(0),
            Some(3),
            Some(600),
            Some(86_400),
            Some(u64::MAX),
        ]);
        match self.below(20) {
            0..11 => Answer::Document {
                document: self.below(DOCUMENTS.len()),
                freshness,
                etag: self.one_of(&[None, Some(1), Some(2)]),
            },
            11..14 => Answer::Unchanged { freshness },
            14..17 => Answer::Error,
            17 => Answer::Garbage,
            18 => Answer::NoKeys,
            _ => Answer::Panic,
        }
    }

    fn time(&mut self) -> Duration {
        let (from, to) = self.one_of(&[
            (1, 1000),
            (1, 1000),
            (1000, 7000),
            (1000, 7000),
            (5000, 20_000),
            (20_000, 400_000),
            (400_000, 4_000_000),
            (3_600_000, 100_000_000),
            (86_400_000, 300_000_000),
        ]);
        let millis = from + self.below(to - from);
        // Half of the durations are whole seconds, so that they hit limits exactly.
        let millis = match millis > 1000 && self.below(2) == 0 {
            true => millis / 1000 * 1000,
            false => millis,
        };
        Duration::from_millis(millis as u64)
    }
}
