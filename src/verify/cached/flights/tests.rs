use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::super::flight::{Course, Flight};
use super::super::store::{Fingerprint, Outcome};
use super::{Flights, Joined};
use crate::verify_error::{InvalidReason, VerifyError};

const TOKEN: Fingerprint = [7; 32];

fn begin(flights: &Arc<Flights>, course: Course) -> Flight {
    match flights.join(TOKEN, || None, || course) {
        Joined::Own(flight) => flight,
        _ => panic!("somebody else began it"),
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
    let keeping = std::future::poll_fn(move |cx| {
        *there.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    });
    let mut flight = begin(&flights, Box::pin(keeping));
    assert!(poll(&mut flight).is_pending());
    drop(flight);
    assert_over(&flights);
    kept.lock().unwrap().take().unwrap().wake();
}
