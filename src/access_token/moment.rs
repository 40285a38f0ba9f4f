//! Tells whether something happened in the first poll of one verification, without a clock.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The first poll of a verification by a layer. No two have the same number, whatever thread they are on.
///
/// A verifier of the application may return a token that it has kept. So a mark on the token must say not only that it
/// was verified at once, but also for which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// So many numbers are reserved for a thread at a time, since threads would contend for single ones.
const RESERVED: u64 = 1 << 16;

/// The first group of numbers that no thread has reserved.
static NEXT_GROUP: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The last moment that began on this thread. Before the first one, it equals that of no layer.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

impl Moment {
    /// Begins a new moment, which lasts until this thread begins another one.
    #[inline]
    pub(crate) fn begin() -> Self {
        let mut number = LAST.get() + 1;
        // The last number of a group is not used, so a thread without a group is no special case.
        if number % RESERVED <= 1 {
            number = Self::of_next_group();
        }
        LAST.set(number);
        Self(number)
    }

    #[cold]
    fn of_next_group() -> u64 {
        NEXT_GROUP.fetch_add(1, Ordering::Relaxed) * RESERVED + 1
    }

    /// The last moment that began on this thread.
    #[inline]
    pub(crate) fn current() -> Self {
        Self(LAST.get())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn moments_of_all_threads_differ() {
        let begin = || {
            assert_eq!(Moment::current(), Moment(0));
            let moments: Vec<Moment> = (0..3 * RESERVED).map(|_| Moment::begin()).collect();
            assert_eq!(moments.last(), Some(&Moment::current()));
            moments
        };
        let threads = [(); 3].map(|()| thread::spawn(begin));
        let moments = threads.map(|thread| thread.join().unwrap()).concat();
        let different: HashSet<u64> = moments.iter().map(|moment| moment.0).collect();
        assert_eq!(different.len(), moments.len());
        assert!(!different.contains(&0));
    }
}
