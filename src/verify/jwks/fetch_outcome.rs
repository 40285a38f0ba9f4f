//! The outcomes of fetches, as they are logged.

use super::left_out::LeftOutKeys;
use crate::telemetry::KEYS;

/// The outcome of a fetch for the key set, whose previous fetch may have failed.
pub(super) enum FetchOutcome {
    Renewed {
        /// The document has not changed.
        unchanged: bool,
        keys: usize,
        was_failing: bool,
        /// The keys that are left out, if they differ from those of the last document.
        left_out: Option<Box<LeftOutKeys>>,
    },
    Failed {
        problem: String,
        was_failing: bool,
    },
    Interrupted,
    /// Another fetch was started after this one was lost. The result is dropped.
    Superseded,
}

impl FetchOutcome {
    /// The value of `outcome` in the span and the metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Renewed {
                unchanged: false, ..
            } => "fetched",
            Self::Renewed {
                unchanged: true, ..
            } => "unchanged",
            Self::Failed { .. } => "failed",
            Self::Interrupted => "interrupted",
            Self::Superseded => "superseded",
        }
    }

    /// Logs the outcome: an outage at `WARN` once, and keys that are left out when they change. Call it without a lock, since
    /// a subscriber may read the status of the key set.
    pub(super) fn log(&self, source: &str) {
        match self {
            Self::Renewed {
                keys,
                was_failing: true,
                ..
            } => {
                tracing::info!(target: KEYS, source, keys, "keys refreshed, the source works again");
            }
            Self::Renewed {
                keys,
                was_failing: false,
                ..
            } => {
                tracing::info!(target: KEYS, source, keys, "keys refreshed");
            }
            Self::Failed {
                problem,
                was_failing: false,
            } => {
                tracing::warn!(target: KEYS, source, error = problem, "keys cannot be fetched");
            }
            Self::Failed {
                problem,
                was_failing: true,
            } => {
                tracing::debug!(target: KEYS, source, error = problem, "keys still cannot be fetched");
            }
            Self::Interrupted | Self::Superseded => {}
        }
        if let Self::Renewed {
            left_out: Some(left_out),
            ..
        } = self
        {
            log_left_out(source, left_out);
        }
    }
}

fn log_left_out(source: &str, left_out: &LeftOutKeys) {
    let (faulty, for_others) = (&left_out.faulty, &left_out.for_others);
    if faulty.count() > 0 {
        let (count, which) = (faulty.count(), faulty);
        tracing::warn!(target: KEYS, source, count, %which, "keys of the document are left out");
    }
    if for_others.count() > 0 {
        let (count, which) = (for_others.count(), for_others);
        tracing::debug!(target: KEYS, source, count, %which, "keys for other purposes are left out");
    }
}
