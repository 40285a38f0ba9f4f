//! Chooses the layer of a request.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::auth::layer::{BearerAuthLayer, NO_ORIGIN};
use crate::challenge_config::ChallengeConfig;
use crate::possession::RequestHead;
use crate::reject::{Refusal, RefusalMap};
use crate::telemetry;

/// Chooses the layer for a request. Clones share everything.
pub(super) struct Choice<V> {
    choose: Arc<Choose<V>>,
    /// For the refusal of a request for which there is no layer.
    challenge_config: Arc<ChallengeConfig>,
}

type Choose<V> = dyn Fn(RequestHead<'_>) -> Option<BearerAuthLayer<V>> + Send + Sync;

/// The name of the layer in its decisions.
pub(super) const COMPONENT: &str = "LayerByRequest";

impl<V> Choice<V> {
    pub(super) fn new<F>(choose: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<BearerAuthLayer<V>> + Send + Sync + 'static,
    {
        Self {
            choose: Arc::new(choose),
            challenge_config: Arc::default(),
        }
    }

    pub(super) fn map_refusal(&mut self, map: RefusalMap) {
        Arc::make_mut(&mut self.challenge_config).refusal_map = Some(map);
    }

    pub(super) fn challenge_config(&self) -> &Arc<ChallengeConfig> {
        &self.challenge_config
    }

    /// The layer for this request, or why there is none.
    pub(super) fn layer_for(
        &self,
        head: RequestHead<'_>,
    ) -> Result<BearerAuthLayer<V>, Refusal<'static>> {
        // After a panic, only the function itself uses state that it may have left inconsistent.
        let chosen = catch_unwind(AssertUnwindSafe(|| (self.choose)(head)));
        let problem = match chosen {
            Ok(Some(layer)) if layer.has_needed_origin() => return Ok(layer),
            Ok(None) => return Err(Refusal::UnknownTenant),
            Ok(Some(_)) => NO_ORIGIN,
            Err(_) => "the function that chooses the layer has panicked",
        };
        tracing::error!(target: telemetry::SETUP, by = COMPONENT, "{problem}");
        Err(Refusal::LayerChoiceFailed)
    }
}

impl<V> Clone for Choice<V> {
    fn clone(&self) -> Self {
        Self {
            choose: Arc::clone(&self.choose),
            challenge_config: Arc::clone(&self.challenge_config),
        }
    }
}

impl<V> fmt::Debug for Choice<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").finish_non_exhaustive()
    }
}
