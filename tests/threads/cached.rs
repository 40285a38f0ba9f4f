//! Threads that send the same token at the same time. Each test runs under thousands of schedules. A test that fails
//! prints its schedule, which `shuttle::replay` repeats.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::thread;
use tower::ServiceExt;
use tower_bearer_auth::{
    AccessToken, BearerToken, Cached, InvalidReason, Verifier, VerifierExt, VerifyError,
    VerifyErrorKind, verify_fn,
};

const SCHEDULES: usize = 3000;

/// Under schedules of both kinds that shuttle has: at random, and with few but well-placed interruptions.
fn explore(scene: impl Fn() + Send + Sync + 'static) {
    let scene = Arc::new(scene);
    let same = Arc::clone(&scene);
    shuttle::check_random(move || scene(), SCHEDULES);
    shuttle::check_pct(move || same(), SCHEDULES, 3);
}

/// The calls of a verifier.
#[derive(Default)]
struct Calls {
    started: AtomicUsize,
    in_progress: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// A call in progress. It ends when this is dropped.
struct Call(Arc<Calls>);

impl Call {
    fn start(calls: &Arc<Calls>) -> (Self, usize) {
        let number = calls.started.fetch_add(1, Ordering::SeqCst);
        let in_progress = calls.in_progress.fetch_add(1, Ordering::SeqCst) + 1;
        calls.most_at_once.fetch_max(in_progress, Ordering::SeqCst);
        (Self(Arc::clone(calls)), number)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The result of each call, by its number.
type Results = fn(usize) -> Result<(), VerifyError>;

/// A verifier that takes a few turns, behind a cache.
fn cached(calls: &Arc<Calls>, results: Results) -> Cached<impl Verifier> {
    let calls = Arc::clone(calls);
    let verifier = verify_fn(move |token: BearerToken| {
        let calls = Arc::clone(&calls);
        async move {
            let (_call, number) = Call::start(&calls);
            point();
            pause().await;
            pause().await;
            results(number)?;
            Ok(AccessToken::builder(token).build())
        }
    });
    verifier.cached(10)
}

/// A point at which shuttle may switch threads. Not `yield_now`, which always switches: then no schedule would let one
/// thread finish while another one is paused.
fn point() {
    thread::sleep(Duration::ZERO);
}

/// Returns `Pending` once, after waking its task.
async fn pause() {
    let mut woken = false;
    poll_fn(|cx| match std::mem::replace(&mut woken, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            point();
            Poll::Pending
        }
    })
    .await;
}

fn token() -> BearerToken {
    "token".parse().unwrap()
}

fn verify(verifier: &Cached<impl Verifier>) -> Result<AccessToken, VerifyError> {
    block_on(verifier.clone().oneshot(token()))
}

/// Polls a verification a few times, and drops it.
fn verify_and_cancel(verifier: &Cached<impl Verifier>, polls: usize) {
    block_on(async {
        let mut call = pin!(verifier.clone().oneshot(token()));
        for _ in 0..polls {
            let mut no_waker = Context::from_waker(Waker::noop());
            if call.as_mut().poll(&mut no_waker).is_ready() {
                break;
            }
            pause().await;
        }
    });
}

#[test]
fn a_token_that_several_threads_send_at_once_is_verified_once() {
    explore(|| {
        let calls = Arc::default();
        let verifier = cached(&calls, |_| Ok(()));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let verifier = verifier.clone();
                thread::spawn(move || assert!(verify(&verifier).is_ok()))
            })
            .collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(calls.started.load(Ordering::SeqCst), 1);
        let stats = verifier.stats();
        assert_eq!((stats.misses, stats.hits + stats.joined), (1, 2));
    });
}

#[test]
fn a_request_that_is_dropped_does_not_cancel_the_others() {
    explore(|| {
        let calls = Arc::default();
        let verifier = cached(&calls, |_| Ok(()));
        let leaving = (0..2).map(|polls| {
            let verifier = verifier.clone();
            thread::spawn(move || verify_and_cancel(&verifier, polls + 1))
        });
        let staying = (0..2).map(|_| {
            let verifier = verifier.clone();
            thread::spawn(move || assert!(verify(&verifier).is_ok()))
        });
        let threads: Vec<_> = leaving.chain(staying).collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
        // A verification that all requests have left may be followed by another. The two could overlap between the
        // release of the last `Arc` and the drop of its content. Shuttle does not switch threads there.
        assert_eq!(calls.most_at_once.load(Ordering::SeqCst), 1);
        assert_eq!(calls.in_progress.load(Ordering::SeqCst), 0);
        assert!(verify(&verifier).is_ok());
    });
}

/// A verifier that waits for another thread.
fn waiting(answer: &Arc<Mutex<Answer>>) -> Cached<impl Verifier> {
    let answer = Arc::clone(answer);
    let verifier = verify_fn(move |token: BearerToken| {
        let answer = Arc::clone(&answer);
        async move {
            poll_fn(|cx| {
                let mut answer = answer.lock().unwrap();
                answer.waker = Some(cx.waker().clone());
                if answer.is_there {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            Ok::<_, VerifyError>(AccessToken::builder(token).build())
        }
    });
    verifier.cached(10)
}

#[derive(Default)]
struct Answer {
    is_there: bool,
    waker: Option<Waker>,
}

#[test]
fn an_answer_from_another_thread_reaches_every_waiter() {
    explore(|| {
        let answer = Arc::<Mutex<Answer>>::default();
        let verifier = waiting(&answer);
        let answering = thread::spawn(move || {
            // Woken once before there is an answer, and once with it.
            for is_there in [false, true] {
                let mut answer = answer.lock().unwrap();
                answer.is_there = is_there;
                let waker = answer.waker.take();
                drop(answer);
                waker.into_iter().for_each(Waker::wake);
            }
        });
        let leaving = {
            let verifier = verifier.clone();
            thread::spawn(move || verify_and_cancel(&verifier, 1))
        };
        let staying = (0..2).map(|_| {
            let verifier = verifier.clone();
            thread::spawn(move || assert!(verify(&verifier).is_ok()))
        });
        let threads: Vec<_> = staying.chain([leaving, answering]).collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn an_abandoned_verification_does_not_end_one_that_was_started_since() {
    explore(|| {
        let calls = Arc::default();
        let verifier = cached(&calls, |_| Ok(()));
        let mut abandoned = Box::pin(verifier.clone().oneshot(token()));
        let mut no_waker = Context::from_waker(Waker::noop());
        assert!(abandoned.as_mut().poll(&mut no_waker).is_pending());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let verifier = verifier.clone();
                thread::spawn(move || assert!(verify(&verifier).is_ok()))
            })
            .collect();
        drop(abandoned);
        threads.into_iter().for_each(|it| it.join().unwrap());
        assert!(calls.started.load(Ordering::SeqCst) <= 2);
        assert_eq!(calls.most_at_once.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_failure_is_shared_by_its_waiters_and_not_cached() {
    explore(|| {
        let calls = Arc::default();
        let verifier = cached(&calls, |number| match number {
            0 => Err(VerifyError::invalid(InvalidReason::Unrecognized)),
            1 => panic!("as verifiers should not"),
            _ => Ok(()),
        });
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let verifier = verifier.clone();
                thread::spawn(move || verify(&verifier).map(drop))
            })
            .collect();
        let outcomes: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        assert_eq!(calls.most_at_once.load(Ordering::SeqCst), 1);
        let started = calls.started.load(Ordering::SeqCst);
        let refused = outcomes.iter().flat_map(|outcome| outcome.as_ref().err());
        let refused: Vec<_> = refused.map(VerifyError::kind).collect();
        let invalid = |kind: &VerifyErrorKind<'_>| matches!(kind, VerifyErrorKind::Invalid(_));
        // The waiters of the first call were refused. Those of the second got an outage.
        assert!(refused.iter().any(invalid));
        assert_eq!(refused.iter().all(invalid), started == 1);
        assert_eq!(refused.len() < outcomes.len(), started == 3);
        // Neither is cached: later requests call the verifier until it accepts the token.
        for _ in started..2 {
            assert!(verify(&verifier).is_err());
        }
        assert!(verify(&verifier).is_ok());
    });
}
