//! How many proofs a store remembers, and the error beyond it.

use std::fmt;

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) capacity: usize,
    /// `None` is the default, a fraction of the capacity.
    pub(super) per_client: Option<usize>,
    /// `None` is the default, a fraction of the capacity.
    pub(super) per_key: Option<usize>,
}

impl Limits {
    pub(super) fn per_client(&self) -> usize {
        self.per_client.unwrap_or(self.capacity.div_ceil(8))
    }

    pub(super) fn per_key(&self) -> usize {
        self.per_key.unwrap_or(self.capacity.div_ceil(10))
    }
}

/// Why a proof was not recorded. It does not name the client: the message is in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    All(usize),
    Client(usize),
    Key(usize),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(max) => write!(
                f,
                "the memory of used proofs is full, with {max} proofs of all clients"
            ),
            Self::Client(max) => write!(
                f,
                "the memory of used proofs has {max} proofs of this client, which is its maximum"
            ),
            Self::Key(max) => write!(
                f,
                "the memory of used proofs has {max} proofs of this key, which is its maximum"
            ),
        }
    }
}

impl std::error::Error for Full {}
