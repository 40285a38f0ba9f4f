//! Threads that come with the same token at the same time. Each test runs under thousands of schedules; one that
//! fails prints its schedule, which `shuttle::replay` takes.

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

/// What a verifier went through.
#[derive(Default)]
struct Calls {
    begun: AtomicUsize,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// Under way until it is dropped, however it ends.
struct Call(Arc<Calls>);

impl Call {
    fn begin(calls: &Arc<Calls>) -> (Self, usize) {
        let number = calls.begun.fetch_add(1, Ordering::SeqCst);
        let under_way = calls.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        calls.most_at_once.fetch_max(under_way, Ordering::SeqCst);
        (Self(Arc::clone(calls)), number)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How a verification goes, by its number.
type Course = fn(usize) -> Result<(), VerifyError>;

/// A verifier that takes a few turns, behind a cache.
fn cached(calls: &Arc<Calls>, course: Course) -> Cached<impl Verifier> {
    let calls = Arc::clone(calls);
    let verifier = verify_fn(move |token: BearerToken| {
        let calls = Arc::clone(&calls);
        async move {
            let (_call, number) = Call::begin(&calls);
            point();
            pause().await;
            pause().await;
            course(number)?;
            Ok(AccessToken::builder(token).build())
        }
    });
    verifier.cached(10)
}

/// Where others may have a turn. Not `yield_now`, after which they have one: no schedule would let anybody finish
/// while somebody else stands still.
fn point() {
    thread::sleep(Duration::ZERO);
}

/// Waits for what has happened by the time that it says so.
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

fn ask(verifier: &Cached<impl Verifier>) -> Result<AccessToken, VerifyError> {
    block_on(verifier.clone().oneshot(token()))
}

/// Begins to ask, and goes away before there is an answer.
fn ask_and_leave(verifier: &Cached<impl Verifier>, polls: usize) {
    block_on(async {
        let mut asked = pin!(verifier.clone().oneshot(token()));
        for _ in 0..polls {
            let mut unheard = Context::from_waker(Waker::noop());
            if asked.as_mut().poll(&mut unheard).is_ready() {
                break;
            }
            pause().await;
        }
    });
}

#[test]
fn a_token_that_several_bring_at_once_is_verified_once() {
    explore(|| {
        let calls = Arc::default();
        let verifier = cached(&calls, |_| Ok(()));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let verifier = verifier.clone();
                thread::spawn(move || assert!(ask(&verifier).is_ok()))
            })
            .collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(calls.begun.load(Ordering::SeqCst), 1);
        let stats = verifier.stats();
        assert_eq!((stats.misses, stats.hits + stats.joined), (1, 2));
    });
}

#[test]
fn whoever_leaves_takes_nothing_from_those_who_stay() {
    explore(|| {
        let calls = Arc::default();
        let verifier = cached(&calls, |_| Ok(()));
        let leaving = (0..2).map(|polls| {
            let verifier = verifier.clone();
            thread::spawn(move || ask_and_leave(&verifier, polls + 1))
        });
        let staying = (0..2).map(|_| {
            let verifier = verifier.clone();
            thread::spawn(move || assert!(ask(&verifier).is_ok()))
        });
        let threads: Vec<_> = leaving.chain(staying).collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
        // A verification that all have left may be followed by another. Two could meet between the end of the last
        // `Arc` and the drop of what was in it; shuttle does not interrupt there, so here they never do.
        assert_eq!(calls.most_at_once.load(Ordering::SeqCst), 1);
        assert_eq!(calls.under_way.load(Ordering::SeqCst), 0);
        assert!(ask(&verifier).is_ok());
    });
}

/// A verifier that waits for somebody else, on another thread.
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
fn an_answer_from_another_thread_reaches_everybody() {
    explore(|| {
        let answer = Arc::<Mutex<Answer>>::default();
        let verifier = waiting(&answer);
        let answering = thread::spawn(move || {
            // Woken before there is anything to hear, and then with it.
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
            thread::spawn(move || ask_and_leave(&verifier, 1))
        };
        let staying = (0..2).map(|_| {
            let verifier = verifier.clone();
            thread::spawn(move || assert!(ask(&verifier).is_ok()))
        });
        let threads: Vec<_> = staying.chain([leaving, answering]).collect();
        threads.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn what_everybody_left_ends_nothing_that_was_begun_since() {
    explore(|| {
        let calls = Arc::default();
        let verifier = cached(&calls, |_| Ok(()));
        let mut abandoned = Box::pin(verifier.clone().oneshot(token()));
        let mut unheard = Context::from_waker(Waker::noop());
        assert!(abandoned.as_mut().poll(&mut unheard).is_pending());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let verifier = verifier.clone();
                thread::spawn(move || assert!(ask(&verifier).is_ok()))
            })
            .collect();
        drop(abandoned);
        threads.into_iter().for_each(|it| it.join().unwrap());
        assert!(calls.begun.load(Ordering::SeqCst) <= 2);
        assert_eq!(calls.most_at_once.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_failure_is_for_those_who_waited_and_the_next_one_asks_again() {
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
                thread::spawn(move || ask(&verifier).map(drop))
            })
            .collect();
        let outcomes: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        assert_eq!(calls.most_at_once.load(Ordering::SeqCst), 1);
        let begun = calls.begun.load(Ordering::SeqCst);
        let refused = outcomes.iter().flat_map(|outcome| outcome.as_ref().err());
        let refused: Vec<_> = refused.map(VerifyError::kind).collect();
        let invalid = |kind: &VerifyErrorKind<'_>| matches!(kind, VerifyErrorKind::Invalid(_));
        // Whoever waited for the first was refused, whoever waited for the second learned that nobody knows.
        assert!(refused.iter().any(invalid));
        assert_eq!(refused.iter().all(invalid), begun == 1);
        assert_eq!(refused.len() < outcomes.len(), begun == 3);
        // Neither is remembered: who comes later asks until the verifier answers well.
        for _ in begun..2 {
            assert!(ask(&verifier).is_err());
        }
        assert!(ask(&verifier).is_ok());
    });
}
