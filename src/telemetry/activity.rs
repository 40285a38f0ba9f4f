use std::future::Future;

use tracing::field::Empty;
use tracing::span::Entered;
use tracing::{Instrument, Span, debug_span};

use super::measure::Stopwatch;
use crate::telemetry;

/// Something that takes its time: a span, and the histogram of how long.
#[derive(Debug)]
pub(crate) struct Activity {
    span: Span,
    histogram: &'static str,
    stopwatch: Stopwatch,
}

impl Activity {
    pub(super) const VERIFICATION: &'static str = "bearer_auth_verification_seconds";
    #[cfg(any(feature = "introspection", feature = "metrics"))]
    pub(super) const INTROSPECTION: &'static str = "bearer_auth_introspection_seconds";
    pub(super) const KEY_FETCH: &'static str = "bearer_auth_key_fetch_seconds";

    fn start(span: Span, histogram: &'static str) -> Self {
        Self {
            span,
            histogram,
            stopwatch: Stopwatch::start(),
        }
    }

    /// A verifier is asked about a token.
    pub(crate) fn verification() -> Self {
        let span = debug_span!(target: telemetry::VERIFICATION, "verify_token", outcome = Empty);
        Self::start(span, Self::VERIFICATION)
    }

    /// An introspection endpoint is asked about a token.
    #[cfg(feature = "introspection")]
    pub(crate) fn introspection(verifier: &str) -> Self {
        let span = debug_span!(target: telemetry::INTROSPECTION, "introspect_token", verifier, outcome = Empty);
        Self::start(span, Self::INTROSPECTION)
    }

    /// A key set is fetched, for all requests and none in particular.
    #[cfg(feature = "jwks")]
    pub(crate) fn key_fetch(source: &str) -> Self {
        let span = debug_span!(target: telemetry::KEYS, parent: None, "fetch_keys", source, outcome = Empty);
        span.follows_from(Span::current());
        Self::start(span, Self::KEY_FETCH)
    }

    /// To be held while it is worked at.
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.span.enter()
    }

    /// Works at it.
    pub(crate) fn of<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.instrument(self.span.clone())
    }

    pub(crate) fn end(&self, outcome: &'static str) {
        self.span.record("outcome", outcome);
        self.stopwatch.stop(self.histogram, outcome);
    }
}
