use std::future::Future;

use tracing::field::Empty;
use tracing::span::Entered;
use tracing::{Instrument, Span, debug_span};

use super::decision::is_recorded;
use super::measure::Stopwatch;
use super::names;

/// An operation with a duration: it has a span and a histogram. If it is dropped before its end, its outcome is
/// `interrupted`.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Absent if it is disabled. Boxed, since it is on the path of every token and usually absent.
    span: Option<Box<Span>>,
    stopwatch: Option<Stopwatch>,
}

impl Activity {
    fn start(histogram: &'static str, span: Span) -> Self {
        Self {
            span: (!span.is_disabled()).then(|| Box::new(span)),
            stopwatch: Some(Stopwatch::start(histogram)),
        }
    }

    /// A verifier verifies a token.
    pub(crate) fn verification() -> Self {
        // On the path of every token, where even a disabled span costs too much.
        let span = match is_recorded() {
            true => debug_span!(target: names::VERIFICATION, "verify_token", outcome = Empty),
            false => Span::none(),
        };
        Self::start(names::VERIFICATION_SECONDS, span)
    }

    /// An introspection request.
    #[cfg(feature = "introspection")]
    pub(crate) fn introspection(verifier: &str) -> Self {
        let span = debug_span!(
            target: names::INTROSPECTION,
            "introspect_token",
            verifier,
            outcome = Empty
        );
        Self::start(names::INTROSPECTION_SECONDS, span)
    }

    /// A fetch of a key set. It belongs to no single request.
    #[cfg(feature = "jwks")]
    pub(crate) fn key_fetch(source: &str) -> Self {
        let span = debug_span!(
            target: names::KEYS,
            parent: None,
            "fetch_keys",
            source,
            outcome = Empty
        );
        span.follows_from(Span::current());
        Self::start(names::KEY_FETCH_SECONDS, span)
    }

    /// Enters the span for synchronous work.
    pub(crate) fn enter(&self) -> Option<Entered<'_>> {
        self.span.as_deref().map(Span::enter)
    }

    /// Runs a future in the span.
    pub(crate) fn of<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let span = self.span.as_deref().cloned();
        work.instrument(span.unwrap_or_else(Span::none))
    }

    pub(crate) fn end(&mut self, outcome: &'static str) {
        if let Some(span) = self.span.take() {
            span.record("outcome", outcome);
        }
        if let Some(stopwatch) = self.stopwatch.take() {
            stopwatch.stop(outcome);
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.end("interrupted");
    }
}
