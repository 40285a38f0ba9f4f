use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::super::fingerprint::Fingerprint;
use super::super::shared_verification::{SharedVerification, VerificationFuture};
use super::super::store::Outcome;
use super::{InProgress, Joined};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

fn token() -> Fingerprint {
    Fingerprint::from_number(7)
}

fn start(in_progress: &Arc<InProgress>, verification: VerificationFuture) -> SharedVerification {
    match in_progress.join(token(), || None, || verification) {
        Joined::Started(verification) => verification,
        Joined::Existing(_) | Joined::Cached(_) => panic!("another request started it"),
    }
}

fn join(in_progress: &Arc<InProgress>) -> SharedVerification {
    match in_progress.join(token(), || None, || panic!("no request started it")) {
        Joined::Existing(verification) => verification,
        Joined::Started(_) | Joined::Cached(_) => panic!("no request started it"),
    }
}

fn poll(verification: &mut SharedVerification) -> Poll<Outcome> {
    Box::pin(verification)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn refused() -> Outcome {
    Err(VerifyError::invalid(InvalidReason::Unrecognized))
}

#[track_caller]
fn assert_over(in_progress: &InProgress) {
    assert!(in_progress.by_token.lock().unwrap().is_empty());
}

#[test]
fn however_a_verification_ends_its_entry_is_removed() {
    let in_progress = Arc::<InProgress>::default();
    let mut verification = start(&in_progress, Box::pin(async { refused() }));
    assert!(poll(&mut verification).is_ready());
    assert_over(&in_progress);

    let mut verification = start(&in_progress, Box::pin(async { panic!("on demand") }));
    assert!(poll(&mut verification).is_ready());
    assert_over(&in_progress);

    let mut verification = start(&in_progress, Box::pin(std::future::pending()));
    assert!(poll(&mut verification).is_pending());
    drop(verification);
    assert_over(&in_progress);
    drop(start(&in_progress, Box::pin(std::future::pending())));
    assert_over(&in_progress);
}

#[test]
fn a_waker_that_the_verifier_keeps_does_not_keep_the_verification() {
    let (in_progress, kept) = (Arc::<InProgress>::default(), Arc::new(Mutex::new(None)));
    let there = Arc::clone(&kept);
    let keeping = poll_fn(move |cx| {
        *there.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    });
    let mut verification = start(&in_progress, Box::pin(keeping));
    assert!(poll(&mut verification).is_pending());
    drop(verification);
    assert_over(&in_progress);
    kept.lock().unwrap().take().unwrap().wake();
}

/// A verification that refuses once the gate is open.
#[derive(Clone, Default)]
struct Gate {
    is_open: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Gate {
    fn verification(&self) -> VerificationFuture {
        let gate = self.clone();
        Box::pin(poll_fn(move |cx| {
            *gate.waker.lock().unwrap() = Some(cx.waker().clone());
            match gate.is_open.load(Ordering::SeqCst) {
                true => Poll::Ready(refused()),
                false => Poll::Pending,
            }
        }))
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap().clone();
        waker.into_iter().for_each(Waker::wake);
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
        self.wake();
    }
}

/// A waker that counts its wakeups, and runs code when it is woken and when it is dropped.
struct Odd {
    woken: Arc<AtomicUsize>,
    when_woken: fn(),
    when_dropped: Box<dyn Fn() + Send + Sync>,
}

impl Odd {
    fn waker(self) -> Waker {
        Waker::from(Arc::new(self))
    }
}

impl Wake for Odd {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        (self.when_woken)();
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        (self.when_dropped)();
    }
}

#[test]
fn a_waker_that_panics_does_not_keep_the_others_from_being_woken() {
    let (in_progress, gate) = (Arc::<InProgress>::default(), Gate::default());
    let woken = Arc::<AtomicUsize>::default();
    let mut waiting = vec![start(&in_progress, gate.verification())];
    for _ in 1..10 {
        waiting.push(join(&in_progress));
    }
    for verification in &mut waiting {
        let waker = Odd {
            woken: Arc::clone(&woken),
            when_woken: || panic_any(PanicsAgain),
            when_dropped: Box::new(|| {}),
        };
        let waker = waker.waker();
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(verification).poll(&mut cx).is_pending());
    }
    gate.open();
    assert_eq!(woken.load(Ordering::SeqCst), 10);
    assert!(
        waiting
            .iter_mut()
            .all(|verification| poll(verification).is_ready())
    );
}

#[test]
fn a_waker_that_is_dropped_may_wake_the_verification() {
    let (in_progress, gate) = (Arc::<InProgress>::default(), Gate::default());
    let mut verification = start(&in_progress, gate.verification());
    let waking = gate.clone();
    let waker = Odd {
        woken: Arc::default(),
        when_woken: || {},
        when_dropped: Box::new(move || waking.wake()),
    };
    let waker = waker.waker();
    assert!(
        Pin::new(&mut verification)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    // Replaces the first waker.
    assert!(poll(&mut verification).is_pending());
    gate.open();
    assert!(poll(&mut verification).is_ready());
}

/// A panic payload whose drop panics.
struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        panic!("when it is dropped");
    }
}

#[test]
fn a_panic_whose_payload_panics_strands_no_waiter() {
    let in_progress = Arc::<InProgress>::default();
    let mut first = start(&in_progress, Box::pin(async { panic_any(PanicsAgain) }));
    let mut second = join(&in_progress);
    let polled = catch_unwind(AssertUnwindSafe(|| poll(&mut first)));
    assert!(polled.is_err());
    let Poll::Ready(Err(error)) = poll(&mut second) else {
        panic!("it has ended");
    };
    assert!(matches!(error.kind(), VerifyErrorKind::Unavailable));
}
