use std::fmt;

/// Keys could not be fetched.
#[derive(Debug, Clone)]
pub struct RefreshError {
    pub(super) problem: String,
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys cannot be fetched: {}", self.problem)
    }
}

impl std::error::Error for RefreshError {}
