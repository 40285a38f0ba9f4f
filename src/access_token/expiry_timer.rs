use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::token::AccessToken;
use crate::verify_error::InvalidReason;

/// Waits until a token no longer counts.
///
/// It wakes when the token expires. Of a key that is withdrawn it learns when it is polled for another
/// reason.
pub(crate) struct ExpiryTimer {
    token: AccessToken,
    timer: Pin<Box<Sleep>>,
}

/// How long to sleep at most: a timer cannot be set to the end of time.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to sleep at least, when the token's clock is not the one that timers go by.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);

impl ExpiryTimer {
    pub(crate) fn of(token: AccessToken) -> Self {
        let timer = Box::pin(sleep(time_left(&token)));
        Self { token, timer }
    }

    pub(crate) fn token(&self) -> &AccessToken {
        &self.token
    }

    /// Why the token no longer counts, once that is so.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<InvalidReason> {
        loop {
            if let Some(reason) = self.token.invalid_reason() {
                return Poll::Ready(reason);
            }
            ready!(self.timer.as_mut().poll(cx));
            let time_left = time_left(&self.token).max(SHORTEST_SLEEP);
            self.timer.as_mut().reset(Instant::now() + time_left);
        }
    }
}

fn time_left(token: &AccessToken) -> Duration {
    let verified = &*token.verified;
    let end = match verified.expires_at {
        Some(expires_at) => expires_at.saturating_add(verified.leeway),
        None => return LONGEST_SLEEP,
    };
    end.saturating_sub(verified.clock.since_epoch())
        .min(LONGEST_SLEEP)
}

impl fmt::Debug for ExpiryTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExpiryTimer").field(&self.token).finish()
    }
}
