//! Why no location had metadata that can be used.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tower::BoxError;

use crate::shown_url::ShownUrl;

/// What was wrong at each location that was tried, in order, each with its URL.
#[derive(Debug, Default)]
pub(super) struct DiscoveryError {
    tried: Vec<String>,
    /// The location that is asked at the moment.
    asked: Option<ShownUrl>,
    is_rejection: bool,
    /// The error behind what was wrong at the last location.
    pub(super) source: Option<BoxError>,
}

impl DiscoveryError {
    /// The next location is asked.
    pub(super) fn asks(&mut self, location: ShownUrl) {
        self.asked = Some(location);
    }

    /// The location that was asked has no metadata.
    pub(super) fn failed(&mut self, problem: &str) {
        self.end(&format!(" {problem}"));
    }

    /// The location that was asked has metadata that must not be used.
    pub(super) fn rejected(&mut self, why: &str) {
        self.end(&format!(": {why}"));
        self.is_rejection = true;
    }

    /// The location that was asked did not answer in time.
    pub(super) fn timed_out(mut self, limit: Duration) -> Self {
        self.failed(&format!("does not answer in time: the limit is {limit:?}"));
        self
    }

    fn end(&mut self, problem: &str) {
        let location = self.asked.take();
        let location = location.as_ref().map_or("", ShownUrl::as_str);
        self.tried.push(format!("{location}{problem}"));
    }

    /// Whether there was metadata that must not be used: about another issuer, or with a key URL that must not be
    /// asked.
    pub(super) fn is_rejection(&self) -> bool {
        self.is_rejection
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tried.is_empty() {
            true => f.write_str("there is no place to look for metadata"),
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

/// Why the key URL of the metadata brought no keys.
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
