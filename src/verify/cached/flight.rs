//! A verification that several tasks wait for.

use std::collections::HashMap;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::store::Outcome;
use super::sync::{Mutex, MutexGuard};
use crate::verify_error::VerifyError;

/// A handle to a verification in progress. Each waiter that is polled drives it, so it continues until the last waiter
/// is dropped.
///
/// `futures_util`'s `Shared` can strand waiters when the task that polls it is dropped (rust-lang/futures-rs#2706).
pub(super) struct Flight {
    shared: Arc<Shared>,
    seat: Option<u64>,
}

/// A reference to a flight that does not keep it alive.
pub(super) struct WeakFlight(Weak<Shared>);

pub(super) type Course = Pin<Box<dyn Future<Output = Outcome> + Send>>;

struct Shared {
    stage: Mutex<Stage>,
    /// In its own allocation, since a verifier may keep wakers, and these must not keep the verification alive.
    seats: Arc<Seats>,
}

enum Stage {
    Idle(Course),
    /// A waiter is polling it.
    Driven,
    Over(Outcome),
}

#[derive(Default)]
struct Seats {
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    wakers: HashMap<u64, Waker>,
    next: u64,
    /// Whether it was woken since the current poll began.
    woken: bool,
}

impl Flight {
    pub(super) fn new(course: Course) -> Self {
        let shared = Shared {
            stage: Mutex::new(Stage::Idle(course)),
            seats: Arc::default(),
        };
        Self {
            shared: Arc::new(shared),
            seat: None,
        }
    }

    pub(super) fn downgrade(&self) -> WeakFlight {
        WeakFlight(Arc::downgrade(&self.shared))
    }
}

impl WeakFlight {
    pub(super) fn upgrade(&self) -> Option<Flight> {
        let shared = self.0.upgrade()?;
        Some(Flight { shared, seat: None })
    }
}

impl Future for Flight {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self { shared, seat } = self.get_mut();
        // Before the stage is read: a waiter that changes the stage from now on wakes this seat.
        shared.seats.take(seat, cx.waker());
        let mut stage = shared.stage();
        let mut course = match mem::replace(&mut *stage, Stage::Driven) {
            Stage::Idle(course) => course,
            Stage::Driven => return Poll::Pending,
            Stage::Over(outcome) => {
                *stage = Stage::Over(outcome.clone());
                return Poll::Ready(outcome);
            }
        };
        drop(stage);
        let (outcome, panic) = match shared.drive(&mut course) {
            Ok(Poll::Ready(outcome)) => (outcome, None),
            Ok(Poll::Pending) => {
                *shared.stage() = Stage::Idle(course);
                // Waiters that came during this poll found it driven, and have missed the wakeup.
                shared.seats.wake_if_woken();
                return Poll::Pending;
            }
            // The panic becomes an outage for all waiters.
            Err(panic) => (
                Err(VerifyError::unavailable("the verifier panicked")),
                Some(panic),
            ),
        };
        let waker = shared.seats.leave(seat);
        *shared.stage() = Stage::Over(outcome.clone());
        shared.seats.wake_all();
        // Last, since dropping them runs foreign code, which may panic.
        drop((waker, panic, course));
        Poll::Ready(outcome)
    }
}

impl Shared {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drive(&self, course: &mut Course) -> std::thread::Result<Poll<Outcome>> {
        self.seats.taken().woken = false;
        let waker = Waker::from(Arc::clone(&self.seats));
        let mut cx = Context::from_waker(&waker);
        catch_unwind(AssertUnwindSafe(|| course.as_mut().poll(&mut cx)))
    }
}

/// Cloning, waking and dropping a waker runs foreign code, so none of that happens under the lock.
impl Seats {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, seat: &mut Option<u64>, waker: &Waker) {
        let waker = waker.clone();
        let mut taken = self.taken();
        let seat = *seat.get_or_insert_with(|| {
            taken.next += 1;
            taken.next
        });
        let previous = taken.wakers.insert(seat, waker);
        drop(taken);
        drop(previous);
    }

    #[must_use = "drop it after everybody else was woken"]
    fn leave(&self, seat: &mut Option<u64>) -> Option<Waker> {
        self.taken().wakers.remove(&seat.take()?)
    }

    fn wake_all(&self) {
        let mut taken = self.taken();
        taken.woken = true;
        let wakers = mem::take(&mut taken.wakers);
        drop(taken);
        for waker in wakers.into_values() {
            // A waker that panics must not keep the others from being woken. Dropping its payload may panic again.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                mem::forget(panic);
            }
        }
    }

    fn wake_if_woken(&self) {
        let woken = self.taken().woken;
        if woken {
            self.wake_all();
        }
    }
}

impl Wake for Seats {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        drop(self.shared.seats.leave(&mut self.seat));
    }
}
