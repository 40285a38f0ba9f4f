//! A verification that several requests wait for.
//!
//! # Protocol
//!
//! A [`SharedVerification`] is a handle, one per request. All handles of one verification share a [`Progress`] and a
//! set of [`Waiters`].
//!
//! - **Who polls.** No task of its own runs the verification. The first handle that is polled while the progress is
//!   `Idle` takes the future out, leaves `Polled` behind, and polls the future without a lock. A handle that finds
//!   `Polled` returns `Pending`: its waker is already registered. So at most one thread polls the verifier.
//! - **Wakeups.** The verifier sees one waker, that of [`Waiters`], which wakes every registered handle. Any of them may
//!   then poll next, so the verification goes on as long as one handle is left. Handles register before they read the
//!   progress. A handle that registers while another one polls may miss a wakeup that came before; therefore the
//!   polling handle remembers that it was woken, and wakes all handles after it has put the future back.
//! - **Drop.** A dropped handle removes its waker. It never holds the future between two polls, so the others lose
//!   nothing. The last handle drops the future, and the verification is cancelled.
//! - **Panic.** A panic of the verifier is caught and becomes an outage for every handle. Payloads and wakers are
//!   dropped after all handles were woken, since their `Drop` may panic as well.
//! - **Locks.** There are two, and no thread holds both. No foreign code runs under either: the verifier is polled, and
//!   wakers are cloned, woken and dropped, without a lock.
//!
//! `futures_util`'s `Shared` can strand waiters when the task that polls it is dropped (rust-lang/futures-rs#2706).

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

/// A request's handle to a verification in progress. It is a future of the outcome.
pub(super) struct SharedVerification {
    shared: Arc<Shared>,
    waiter: Option<WaiterId>,
}

/// A reference to a verification that does not keep it alive.
pub(super) struct WeakVerification(Weak<Shared>);

/// The call of the verifier, and what follows it.
pub(super) type VerificationFuture = Pin<Box<dyn Future<Output = Outcome> + Send>>;

struct Shared {
    progress: Mutex<Progress>,
    /// In an allocation of its own: a verifier may keep its waker for long, which must not keep the verification alive.
    waiters: Arc<Waiters>,
}

enum Progress {
    /// No handle polls it at the moment.
    Idle(VerificationFuture),
    /// A handle has taken the future and polls it.
    Polled,
    Finished(Outcome),
}

/// The wakers of the handles that wait.
#[derive(Default)]
struct Waiters {
    registered: Mutex<Registered>,
}

type WaiterId = u64;

#[derive(Default)]
struct Registered {
    wakers: HashMap<WaiterId, Waker>,
    last_id: WaiterId,
    /// Whether the verification was woken since the current poll began.
    woken: bool,
}

impl SharedVerification {
    pub(super) fn new(verification: VerificationFuture) -> Self {
        let shared = Shared {
            progress: Mutex::new(Progress::Idle(verification)),
            waiters: Arc::default(),
        };
        Self {
            shared: Arc::new(shared),
            waiter: None,
        }
    }

    pub(super) fn downgrade(&self) -> WeakVerification {
        WeakVerification(Arc::downgrade(&self.shared))
    }
}

impl WeakVerification {
    /// A further handle, unless all handles were dropped.
    pub(super) fn upgrade(&self) -> Option<SharedVerification> {
        let shared = self.0.upgrade()?;
        Some(SharedVerification {
            shared,
            waiter: None,
        })
    }
}

impl Future for SharedVerification {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self { shared, waiter } = self.get_mut();
        // Before the progress is read: a handle that changes it from now on wakes this one.
        shared.waiters.register(waiter, cx.waker());
        let mut progress = shared.progress();
        let mut verification = match mem::replace(&mut *progress, Progress::Polled) {
            Progress::Idle(verification) => verification,
            Progress::Polled => return Poll::Pending,
            Progress::Finished(outcome) => {
                *progress = Progress::Finished(outcome.clone());
                return Poll::Ready(outcome);
            }
        };
        drop(progress);
        let (outcome, panic) = match shared.poll_verification(&mut verification) {
            Ok(Poll::Ready(outcome)) => (outcome, None),
            Ok(Poll::Pending) => {
                *shared.progress() = Progress::Idle(verification);
                // Handles that were polled meanwhile found `Polled`, and a wakeup may have come before they registered.
                shared.waiters.wake_if_woken();
                return Poll::Pending;
            }
            Err(panic) => (
                Err(VerifyError::unavailable("the verifier panicked")),
                Some(panic),
            ),
        };
        let waker = shared.waiters.deregister(waiter);
        *shared.progress() = Progress::Finished(outcome.clone());
        shared.waiters.wake_all();
        // After the others were woken: dropping these runs foreign code, which may panic.
        drop((waker, panic, verification));
        Poll::Ready(outcome)
    }
}

/// Removes this handle's waker.
impl Drop for SharedVerification {
    fn drop(&mut self) {
        drop(self.shared.waiters.deregister(&mut self.waiter));
    }
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_verification(
        &self,
        verification: &mut VerificationFuture,
    ) -> std::thread::Result<Poll<Outcome>> {
        self.waiters.registered().woken = false;
        let waker = Waker::from(Arc::clone(&self.waiters));
        let mut cx = Context::from_waker(&waker);
        catch_unwind(AssertUnwindSafe(|| verification.as_mut().poll(&mut cx)))
    }
}

impl Waiters {
    fn registered(&self) -> MutexGuard<'_, Registered> {
        let registered = self.registered.lock();
        registered.unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the waker of a handle, which gets its ID with the first one.
    fn register(&self, waiter: &mut Option<WaiterId>, waker: &Waker) {
        let waker = waker.clone();
        let mut registered = self.registered();
        let id = *waiter.get_or_insert_with(|| {
            registered.last_id += 1;
            registered.last_id
        });
        let previous = registered.wakers.insert(id, waker);
        drop(registered);
        drop(previous);
    }

    #[must_use = "drop the waker only after all handles were woken"]
    fn deregister(&self, waiter: &mut Option<WaiterId>) -> Option<Waker> {
        self.registered().wakers.remove(&waiter.take()?)
    }

    fn wake_all(&self) {
        let mut registered = self.registered();
        registered.woken = true;
        let wakers = mem::take(&mut registered.wakers);
        drop(registered);
        for waker in wakers.into_values() {
            // A waker that panics must not keep the others from being woken. Its payload is leaked, since dropping it
            // may panic again.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                mem::forget(panic);
            }
        }
    }

    fn wake_if_woken(&self) {
        let woken = self.registered().woken;
        if woken {
            self.wake_all();
        }
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}
