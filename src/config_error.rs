//! The error for an invalid configuration, with every problem that was found.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::error_chain::error_chain;

/// The error for an invalid configuration.
///
/// It lists every problem that was found, each with the invalid value and the cause. Keys and secrets are described
/// but never included. URLs are included without credentials and queries. [`source`](Error::source) is the cause of
/// the first problem that has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Problems,
}

/// The problems that were found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<Problem>);

/// A problem, and the error that caused it, if any.
#[derive(Clone)]
pub(crate) struct Problem {
    text: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// The problems, in the order in which they were found. There is at least one.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.0.iter().map(|problem| &*problem.text)
    }

    pub(crate) fn of(problem: impl Into<Problem>) -> Self {
        Self {
            problems: Problems(vec![problem.into()]),
        }
    }

    /// With the problems of another part of the configuration, if that has some.
    #[cfg(feature = "serde")]
    pub(crate) fn and<T>(mut self, other: Result<T, Self>) -> Self {
        if let Err(other) = other {
            self.problems.merge(other);
        }
        self
    }

    /// Returns `Ok` if there is no problem.
    pub(crate) fn check(problems: Problems) -> Result<(), Self> {
        match problems.0.is_empty() {
            true => Ok(()),
            false => Err(Self { problems }),
        }
    }
}

impl Problems {
    pub(crate) fn push(&mut self, problem: impl Into<Problem>) {
        self.0.push(problem.into());
    }

    pub(crate) fn extend<P: Into<Problem>>(&mut self, problems: impl IntoIterator<Item = P>) {
        self.0.extend(problems.into_iter().map(Into::into));
    }

    /// Adds the problems of another part of the configuration.
    pub(crate) fn merge(&mut self, error: ConfigError) {
        self.0.extend(error.problems.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Problem {
    /// Creates a problem that another error caused. Its text includes the source chain of that error.
    pub(crate) fn caused_by(text: &str, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            text: format!("{text}: {}", error_chain(&source)),
            source: Some(Arc::new(source)),
        }
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        let source = None;
        Self { text, source }
    }
}

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq for Problem {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Problem {}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.problems.0.iter().find_map(|p| p.source.as_deref())?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_problem_keeps_what_caused_it() {
        let cause = io::Error::other(io::Error::other("no certificate authorities"));
        let mut problems = Problems::default();
        problems.push("there is no issuer");
        problems.push(Problem::caused_by("there is no HTTP client", cause));
        let error = ConfigError::check(problems).unwrap_err();
        let expected = "there is no issuer; there is no HTTP client: no certificate authorities";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(error.source().unwrap().is::<io::Error>());
        assert!(ConfigError::of("x").source().is_none());
    }
}
