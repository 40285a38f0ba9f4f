//! The error of parsing the name of an algorithm.

use std::error::Error;
use std::fmt;

/// The error for a text that is not the name of a supported [`Algorithm`](super::Algorithm).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownAlgorithm {
    name: Box<str>,
}

impl UnknownAlgorithm {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into() }
    }
}

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a supported algorithm", self.name)
    }
}

impl Error for UnknownAlgorithm {}
