use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::token::AccessToken;
use crate::verify_error::InvalidReason;

/// Waits until a token is no longer valid.
///
/// A timer of tokio wakes it, and the verifier's clock decides: the two may differ, since a clock can be set, and a test
/// moves a manual clock by hand. So it checks the token after every wake-up, and sleeps again if that was too early.
///
/// A withdrawn key wakes no task, since keys are withdrawn under the lock of their set, and a waker may run any code. It
/// is noticed at the next wake-up, which is never more than [`KEY_CHECK_INTERVAL`] away if the key can be withdrawn.
pub(crate) struct ExpiryTimer {
    token: AccessToken,
    /// Absent if the token is valid for ever.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The longest sleep. The clock may jump meanwhile: it is set, or the machine was suspended, which stops the timer.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The shortest sleep after the first one, for a clock that is slower than the timer.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);

/// The time between two checks of a key that can be withdrawn.
const KEY_CHECK_INTERVAL: Duration = Duration::from_secs(1);

impl ExpiryTimer {
    /// Starts a timer. It needs a tokio runtime with its timer, unless the token is valid for ever.
    pub(crate) fn of(token: AccessToken) -> Self {
        let timer = time_to_check(&token).map(|time| Box::pin(sleep(time)));
        Self { token, timer }
    }

    pub(crate) fn token(&self) -> &AccessToken {
        &self.token
    }

    /// Ready with the reason once the token is no longer valid.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<InvalidReason> {
        loop {
            if let Some(reason) = self.token.invalid_reason() {
                return Poll::Ready(reason);
            }
            let Some(timer) = &mut self.timer else {
                return Poll::Pending;
            };
            ready!(timer.as_mut().poll(cx));
            let time = time_to_check(&self.token).unwrap_or(LONGEST_SLEEP);
            let next = Instant::now() + time.max(SHORTEST_SLEEP);
            timer.as_mut().reset(next);
        }
    }
}

/// The time until the next check of this token, by its verifier's clock; `None` if it is valid for ever.
fn time_to_check(token: &AccessToken) -> Option<Duration> {
    let time_left = token.verified.time_left();
    let is_revocable = token.is_revocable();
    if time_left.is_none() && !is_revocable {
        return None;
    }
    let longest = match is_revocable {
        true => KEY_CHECK_INTERVAL,
        false => LONGEST_SLEEP,
    };
    Some(time_left.map_or(longest, |time_left| time_left.min(longest)))
}

impl fmt::Debug for ExpiryTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExpiryTimer").field(&self.token).finish()
    }
}

/// The future of [`AccessToken::until_invalid`]. Dropping it cancels nothing else.
#[must_use = "futures do nothing unless polled"]
pub struct UntilInvalid {
    expiry_timer: ExpiryTimer,
}

impl AccessToken {
    /// Waits until the token is no longer valid, and returns the reason: [`InvalidReason::Expired`] at its expiry plus
    /// the leeway, by the clock of its verifier; or [`InvalidReason::Revoked`] within a second after it was revoked or
    /// its key was withdrawn. If that clock jumps, by a correction or because the machine was suspended, it completes
    /// within a minute.
    ///
    /// Use it to close WebSockets and other long-lived connections. For event streams and gRPC streams,
    /// [`BearerAuthLayer::close_streams_at_expiry`](crate::BearerAuthLayer::close_streams_at_expiry) does this. To check
    /// once, use [`is_current`](Self::is_current).
    ///
    /// The future is `Unpin`, so one future can serve all turns of a loop. It never completes if the token has no
    /// expiry, its key cannot be withdrawn, and the layer has no [revocations](crate::BearerAuthLayer::revocations).
    ///
    /// ```
    /// use tower_bearer_auth::AccessToken;
    ///
    /// # struct Socket;
    /// # impl Socket {
    /// #     async fn recv(&mut self) -> Option<String> { None }
    /// #     async fn send(&mut self, _: String) {}
    /// #     async fn close(self, _: u16, _: &str) {}
    /// # }
    /// // Called with the socket of an upgraded request, such as an axum `WebSocket`.
    /// async fn echo(mut socket: Socket, token: AccessToken) {
    ///     let mut until_invalid = token.until_invalid();
    ///     loop {
    ///         tokio::select! {
    ///             // 3000 is the registered close code for "Unauthorized" (RFC 6455 §11.7).
    ///             reason = &mut until_invalid => return socket.close(3000, reason.as_str()).await,
    ///             message = socket.recv() => match message {
    ///                 Some(message) => socket.send(message).await,
    ///                 None => return,
    ///             },
    ///         }
    ///     }
    /// }
    /// # let token = AccessToken::builder("any".parse().unwrap()).build();
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(echo(Socket, token));
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer, unless the future never completes.
    pub fn until_invalid(&self) -> UntilInvalid {
        UntilInvalid {
            expiry_timer: ExpiryTimer::of(self.clone()),
        }
    }
}

impl Future for UntilInvalid {
    type Output = InvalidReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<InvalidReason> {
        self.expiry_timer.poll(cx)
    }
}

impl fmt::Debug for UntilInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilInvalid").finish_non_exhaustive()
    }
}
