//! The errors of the store.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use redis::RedisError;

/// A [`RedisStore`](super::RedisStore) could not be created: a URL is wrong, or needs a feature that is off.
///
/// It contains no URL, since that may contain a password.
#[derive(Debug)]
pub struct RedisConfigError(String);

impl RedisConfigError {
    #[cfg(any(
        not(feature = "redis-tls"),
        feature = "redis-cluster",
        feature = "redis-sentinel"
    ))]
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }

    /// The details of such an error can repeat parts of the URL.
    pub(super) fn of(error: &RedisError) -> Self {
        let text = error.to_string();
        let text = match error.detail() {
            Some(detail) => text.replace(detail, "…"),
            None => text,
        };
        Self(text)
    }
}

impl fmt::Display for RedisConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the configuration of the Redis store is wrong: {}",
            self.0
        )
    }
}

impl Error for RedisConfigError {}

/// Redis did not answer, or its answer was unexpected.
#[derive(Debug, Clone)]
pub(super) struct Failure(String);

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn no_answer(within: Duration) -> Self {
        Self(format!("Redis has not answered within {within:?}"))
    }

    pub(super) fn unexpected(expected: &str) -> Self {
        Self(format!("Redis has not answered with {expected}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}
