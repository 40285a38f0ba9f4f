use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::super::flight::{Course, Flight};
use super::super::store::{Fingerprint, Outcome};
use super::{Flights, Joined};
use crate::verify_error::{InvalidReason, VerifyError, VerifyErrorKind};

const TOKEN: Fingerprint = [7; 32];

fn begin(flights: &Arc<Flights>, course: Course) -> Flight {
    match flights.join(TOKEN, || None, || course) {
        Joined::Own(flight) => flight,
        _ => panic!("somebody else began it"),
    }
}

fn join(flights: &Arc<Flights>) -> Flight {
    match flights.join(TOKEN, || None, || panic!("nobody began it")) {
        Joined::Theirs(flight) => flight,
        _ => panic!("nobody began it"),
    }
}

fn poll(flight: &mut Flight) -> Poll<Outcome> {
    Box::pin(flight)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn refused() -> Outcome {
    Err(VerifyError::invalid(InvalidReason::Unrecognized))
}

#[track_caller]
fn assert_over(flights: &Flights) {
    assert!(flights.by_token.lock().unwrap().is_empty());
}

#[test]
fn however_a_flight_ends_it_leaves_the_list() {
    let flights = Arc::<Flights>::default();
    let mut flight = begin(&flights, Box::pin(async { refused() }));
    assert!(poll(&mut flight).is_ready());
    assert_over(&flights);

    let mut flight = begin(&flights, Box::pin(async { panic!("on demand") }));
    assert!(poll(&mut flight).is_ready());
    assert_over(&flights);

    let mut flight = begin(&flights, Box::pin(std::future::pending()));
    assert!(poll(&mut flight).is_pending());
    drop(flight);
    assert_over(&flights);
    drop(begin(&flights, Box::pin(std::future::pending())));
    assert_over(&flights);
}

#[test]
fn a_waker_that_is_kept_keeps_nothing_else() {
    let (flights, kept) = (Arc::<Flights>::default(), Arc::new(Mutex::new(None)));
    let there = Arc::clone(&kept);
    let keeping = poll_fn(move |cx| {
        *there.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    });
    let mut flight = begin(&flights, Box::pin(keeping));
    assert!(poll(&mut flight).is_pending());
    drop(flight);
    assert_over(&flights);
    kept.lock().unwrap().take().unwrap().wake();
}

/// A verification that refuses once the gate is open.
#[derive(Clone, Default)]
struct Gate {
    is_open: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Gate {
    fn course(&self) -> Course {
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
fn a_waker_that_panics_keeps_nobody_else_asleep() {
    let (flights, gate) = (Arc::<Flights>::default(), Gate::default());
    let woken = Arc::<AtomicUsize>::default();
    let mut waiting = vec![begin(&flights, gate.course())];
    for _ in 1..10 {
        waiting.push(join(&flights));
    }
    for flight in &mut waiting {
        let waker = Odd {
            woken: Arc::clone(&woken),
            when_woken: || panic_any(PanicsAgain),
            when_dropped: Box::new(|| {}),
        };
        let waker = waker.waker();
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(flight).poll(&mut cx).is_pending());
    }
    gate.open();
    assert_eq!(woken.load(Ordering::SeqCst), 10);
    assert!(waiting.iter_mut().all(|flight| poll(flight).is_ready()));
}

#[test]
fn a_waker_that_is_dropped_may_wake_the_flight() {
    let (flights, gate) = (Arc::<Flights>::default(), Gate::default());
    let mut flight = begin(&flights, gate.course());
    let waking = gate.clone();
    let waker = Odd {
        woken: Arc::default(),
        when_woken: || {},
        when_dropped: Box::new(move || waking.wake()),
    };
    let waker = waker.waker();
    assert!(
        Pin::new(&mut flight)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    // Replaces the first waker.
    assert!(poll(&mut flight).is_pending());
    gate.open();
    assert!(poll(&mut flight).is_ready());
}

/// A panic payload whose drop panics.
struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        panic!("when it is dropped");
    }
}

#[test]
fn a_panic_that_panics_keeps_nobody_waiting() {
    let flights = Arc::<Flights>::default();
    let mut first = begin(&flights, Box::pin(async { panic_any(PanicsAgain) }));
    let mut second = join(&flights);
    let polled = catch_unwind(AssertUnwindSafe(|| poll(&mut first)));
    assert!(polled.is_err());
    let Poll::Ready(Err(error)) = poll(&mut second) else {
        panic!("it has ended");
    };
    assert!(matches!(error.kind(), VerifyErrorKind::Unavailable));
}
