use crate::telemetry::KEYS;

/// How a fetch ended, for the key set as a whole: whose last fetch may have failed, too.
pub(super) enum Ending {
    Renewed {
        /// The keys that were there serve on.
        unchanged: bool,
        keys: usize,
        was_failing: bool,
    },
    Failed {
        problem: String,
        was_failing: bool,
    },
    Interrupted,
    /// Another one was begun in its place, and counts.
    Superseded,
}

impl Ending {
    /// The outcome that stands in the span and the metrics.
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

    /// Tells whoever wants to know; of an outage once, not once per try. Under no lock: a subscriber may ask the
    /// key set how it is doing.
    pub(super) fn tell(&self, source: &str) {
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
    }
}
