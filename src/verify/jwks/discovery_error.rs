//! Errors of discovery: no location has usable metadata, or the key URL has no keys.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tower::BoxError;

use crate::shown_url::ShownUrl;

/// The problems of the locations that were tried, in order, each with its URL.
#[derive(Debug, Default)]
pub(super) struct DiscoveryError {
    tried: Vec<String>,
    /// The location of the fetch in flight.
    current: Option<ShownUrl>,
    is_rejection: bool,
    /// The source of the problem at the last location.
    pub(super) source: Option<BoxError>,
}

impl DiscoveryError {
    /// Begins with the next location.
    pub(super) fn begin(&mut self, location: ShownUrl) {
        self.current = Some(location);
    }

    /// Records that the current location has no metadata.
    pub(super) fn failed(&mut self, problem: &str) {
        self.end(&format!(" {problem}"));
    }

    /// Records that the current location has metadata that must not be used.
    pub(super) fn rejected(&mut self, why: &str) {
        self.end(&format!(": {why}"));
        self.is_rejection = true;
    }

    /// Records that the current location did not answer in time.
    pub(super) fn timed_out(mut self, limit: Duration) -> Self {
        self.failed(&format!("does not answer in time: the limit is {limit:?}"));
        self
    }

    /// The problems so far, and the location whose fetch is in flight; `None` if there is none.
    pub(super) fn unanswered(&self) -> Option<String> {
        let current = self.current.as_ref()?;
        let tried = self.tried.iter().map(|problem| format!("{problem}; "));
        Some(format!(
            "{}{current} does not answer",
            tried.collect::<String>()
        ))
    }

    fn end(&mut self, problem: &str) {
        let location = self.current.take();
        let location = location.as_ref().map_or("", ShownUrl::as_str);
        self.tried.push(format!("{location}{problem}"));
    }

    /// Whether a location has metadata that must not be used: it is about another issuer, or its key URL is not allowed.
    pub(super) fn is_rejection(&self) -> bool {
        self.is_rejection
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tried.is_empty() {
            true => f.write_str("there is no location of metadata to fetch"),
            false => f.write_str(&self.tried.join("; ")),
        }
    }
}

impl Error for DiscoveryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

/// The error for a key URL of the metadata that cannot be fetched.
#[derive(Debug)]
pub(super) struct KeyUrlError {
    pub(super) key_url: ShownUrl,
    pub(super) source: BoxError,
}

impl fmt::Display for KeyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no keys from the jwks_uri {}", self.key_url)
    }
}

impl Error for KeyUrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
