//! What the tests share.

#[cfg(feature = "redis")]
pub(crate) mod redis_server;

use std::env;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tower_bearer_auth::Clock;
use tower_bearer_auth::revocation::Revocation;

/// A revocation of a token with this number, which ends after this time.
pub(crate) fn revocation(number: u64, ends_in: Duration) -> Revocation {
    let mut bytes = [0; Revocation::LENGTH];
    bytes[1..9].copy_from_slice(&number.to_be_bytes());
    bytes[17..25].copy_from_slice(&u64::MAX.to_be_bytes());
    let end = seconds(Clock::system().now() + ends_in);
    bytes[25..].copy_from_slice(&end.to_be_bytes());
    Revocation::from_bytes(&bytes).expect("it is well-formed")
}

pub(crate) fn seconds(time: SystemTime) -> u64 {
    let time = time.duration_since(UNIX_EPOCH);
    time.expect("it is after 1970").as_secs()
}

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// So long that only a fault takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

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
        assert!(
            began.elapsed() < DEADLINE,
            "{what}: not within {DEADLINE:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs an ignored test of this binary in a process of its own: with other variables or limits, or to kill it. `shell`
/// comes before the program.
pub(crate) fn child_test(name: &str, shell: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(env::current_exe().expect("it is known"))
        .args(["--ignored", "--exact", "--nocapture", name]);
    command
}
