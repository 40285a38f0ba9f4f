//! Futures that are ready at the first poll.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The output of the future at its first poll. Panics if it is pending.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits, and there is nothing to wait for"),
    }
}
