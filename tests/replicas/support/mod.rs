//! What the tests share: replicas in processes of their own, and a Redis.

mod answer;
mod caller;
mod gateway;
mod redis;
mod replica;

use std::time::{Duration, Instant, UNIX_EPOCH};

use tower_bearer_auth::Clock;

pub(crate) use self::answer::{Answer, Outcome};
pub(crate) use self::caller::Caller;
pub(crate) use self::gateway::{Gateway, client, token};
pub(crate) use self::replica::{RESOURCE, Replica, answer};

/// So long that only a fault takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Calls this until it returns something. Returns for how long it was called.
pub(crate) async fn eventually<T>(
    what: &str,
    mut call: impl AsyncFnMut() -> Option<T>,
) -> (T, Duration) {
    let began = Instant::now();
    loop {
        if let Some(found) = call().await {
            return (found, began.elapsed());
        }
        let waited = began.elapsed();
        assert!(waited < DEADLINE, "{what}: not within {waited:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let now = Clock::system().now().duration_since(UNIX_EPOCH);
    now.expect("it is after 1970").as_secs()
}

/// Prints the median and the longest of these delays.
pub(crate) fn print_delays(what: &str, mut delays: Vec<Duration>) {
    delays.sort_unstable();
    if let (Some(median), Some(longest)) = (delays.get(delays.len() / 2), delays.last()) {
        println!("{what}: {median:.1?} (median), {longest:.1?} (longest)");
    }
}
