//! Concurrent requests with the same token share one verification.

use std::future::{Ready, poll_fn, ready};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::join_all;
use futures_util::poll;
use tokio::sync::Semaphore;
use tower::{Service, ServiceExt};
use tower_bearer_auth::{
    AccessToken, BearerToken, Cached, Clock, InvalidReason, Verifier, VerifierExt, VerifyError,
    verify_fn,
};

use super::{Calls, assert_unavailable, refused, verify};

/// A cached verifier that counts its calls and waits for a permit of `gate` before it responds.
fn held(
    calls: &Calls,
    gate: &Arc<Semaphore>,
    answer: Result<&'static str, VerifyError>,
) -> Cached<impl Verifier<Error = VerifyError, Future: Send>> {
    let (inner, gate) = (calls.always(answer), Arc::clone(gate));
    let verifier = verify_fn(move |token| {
        let (inner, gate) = (inner.clone(), Arc::clone(&gate));
        async move {
            let _turn = gate.acquire().await;
            inner.oneshot(token).await
        }
    });
    verifier.cached(100)
}

#[tokio::test]
async fn a_thousand_concurrent_calls_share_one_verification_with_any_result() {
    let answers = [
        Ok("alice"),
        Err(VerifyError::invalid(InvalidReason::Revoked)),
        Err(VerifyError::unavailable("down")),
    ];
    for answer in answers {
        let (calls, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
        let verifier = held(&calls, &gate, answer.clone());
        let all = join_all((0..1_000).map(|_| verify(&verifier, "token")));
        let mut all = pin!(all);
        assert!(poll!(all.as_mut()).is_pending());
        gate.add_permits(1);
        for result in all.await {
            match &answer {
                Ok(subject) => assert_eq!(result.unwrap().subject(), Some(*subject)),
                Err(error) => assert_eq!(result.unwrap_err().to_string(), error.to_string()),
            }
        }
        assert_eq!(calls.count(), 1);
        assert_eq!((verifier.stats().misses, verifier.stats().joined), (1, 999));
    }
}

#[tokio::test]
async fn the_first_caller_may_be_cancelled_and_the_others_still_get_the_result() {
    let (calls, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
    let verifier = held(&calls, &gate, Ok("alice"));
    let mut first = Box::pin(verify(&verifier, "token"));
    let mut second = Box::pin(verify(&verifier, "token"));
    assert!(poll!(first.as_mut()).is_pending());
    assert!(poll!(second.as_mut()).is_pending());
    drop(first);
    gate.add_permits(1);
    assert_eq!(second.await.unwrap().subject(), Some("alice"));
    assert_eq!(calls.count(), 1);
}

/// `futures_util`'s shared futures can lose a waiter that joins during a poll (rust-lang/futures-rs#2706). This test
/// performs the same interleaving on one thread.
#[test]
fn a_caller_that_joins_during_a_poll_is_woken_when_the_polling_caller_is_dropped() {
    type Call = Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + Send>>;
    let second = Arc::new(Mutex::new(None::<Call>));
    let woken = Arc::new(Woken::default());
    let (joining, joining_waker) = (Arc::clone(&second), Waker::from(Arc::clone(&woken)));
    let verifier = verify_fn(move |token: BearerToken| {
        let (joining, joining_waker) = (Arc::clone(&joining), joining_waker.clone());
        let mut polled = false;
        poll_fn(move |cx| {
            if mem::replace(&mut polled, true) {
                return Poll::Ready(Ok(AccessToken::builder(token.clone()).build()));
            }
            cx.waker().wake_by_ref();
            let mut joining = joining.lock().unwrap();
            let joining = joining.as_mut().expect("there by now").as_mut();
            assert!(
                joining
                    .poll(&mut Context::from_waker(&joining_waker))
                    .is_pending()
            );
            Poll::Pending
        })
    });
    let verifier = verifier.cached(100);
    let ask = || -> Call { Box::pin(verifier.clone().oneshot("token".parse().unwrap())) };
    let mut first = ask();
    *second.lock().unwrap() = Some(ask());
    let mut unheard = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut unheard).is_pending());
    drop(first);

    assert!(woken.0.load(Ordering::SeqCst));
    let mut second = second.lock().unwrap().take().unwrap();
    let answer = second.as_mut().poll(&mut unheard);
    assert!(matches!(answer, Poll::Ready(Ok(_))), "{answer:?}");
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn when_all_have_left_the_next_begins_anew() {
    let (calls, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
    let verifier = held(&calls, &gate, Ok("alice"));
    for _ in 0..3 {
        let mut abandoned = Box::pin(verify(&verifier, "token"));
        assert!(poll!(abandoned.as_mut()).is_pending());
    }
    gate.add_permits(1);
    verify(&verifier, "token").await.unwrap();
    assert_eq!(calls.count(), 1);
    assert_eq!((verifier.stats().misses, verifier.stats().joined), (4, 0));
}

#[tokio::test]
async fn a_panic_is_an_outage_for_all_who_wait() {
    let verifier = verify_fn(|token| async move {
        tokio::task::yield_now().await;
        match token.as_str() {
            "good" => Ok(AccessToken::builder(token).build()),
            _ => panic!("on demand"),
        }
    });
    let verifier = verifier.cached(100);
    let all = join_all((0..10).map(|_| verify(&verifier, "bad"))).await;
    all.into_iter().for_each(assert_unavailable);
    verify(&verifier, "good").await.unwrap();
}

#[tokio::test]
async fn a_token_that_no_longer_counts_when_its_verification_ends_is_refused() {
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let (clock, gate) = (Clock::manual(now), Arc::new(Semaphore::new(0)));
    let (of_token, turn) = (clock.clone(), Arc::clone(&gate));
    let verifier = verify_fn(move |token| {
        let end = now + Duration::from_secs(60);
        let good = AccessToken::builder(token).expires_at(end);
        let good = good.clock(of_token.clone()).build();
        let turn = Arc::clone(&turn);
        async move {
            let _turn = turn.acquire().await;
            Ok(good)
        }
    });
    let verifier = verifier.cached(100);
    let mut first = Box::pin(verify(&verifier, "token"));
    assert!(poll!(first.as_mut()).is_pending());
    clock.advance(Duration::from_secs(60));
    let mut second = Box::pin(verify(&verifier, "token"));
    assert!(poll!(second.as_mut()).is_pending());
    gate.add_permits(1);
    for caller in [first, second] {
        assert_eq!(refused(caller.await), InvalidReason::Expired);
    }
}

/// A verifier that, when it is cloned, calls the cache in front of it with another token.
struct Nosy {
    cache: Arc<OnceLock<Cached<Self>>>,
    requested: Arc<AtomicBool>,
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        if let Some(cache) = self.cache.get()
            && !self.requested.swap(true, Ordering::SeqCst)
        {
            drop(cache.clone().call("another".parse().unwrap()));
        }
        Self {
            cache: Arc::clone(&self.cache),
            requested: Arc::clone(&self.requested),
        }
    }
}

impl Service<BearerToken> for Nosy {
    type Response = AccessToken;
    type Error = VerifyError;
    type Future = Ready<Result<AccessToken, VerifyError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), VerifyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, token: BearerToken) -> Self::Future {
        ready(Ok(AccessToken::builder(token).build()))
    }
}

#[tokio::test]
async fn a_verifier_may_ask_the_cache_when_it_is_cloned() {
    let (cache, requested) = (Arc::<OnceLock<_>>::default(), Arc::<AtomicBool>::default());
    let nosy = Nosy {
        cache: Arc::clone(&cache),
        requested: Arc::clone(&requested),
    };
    let verifier = nosy.cached(100);
    assert!(cache.set(verifier).is_ok());
    // The clone of the cache also clones the verifier. Only the clone in `call` below is to call the cache.
    requested.store(true, Ordering::SeqCst);
    let mut verifier = cache.get().unwrap().clone();
    requested.store(false, Ordering::SeqCst);
    verifier.call("token".parse().unwrap()).await.unwrap();
    assert!(requested.load(Ordering::SeqCst));
}
