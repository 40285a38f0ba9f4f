//! What the layer leaves in the extensions of a request, for guards, extractors and handlers.

use std::sync::Arc;

use http::Extensions;

use crate::access_token::AccessToken;
use crate::challenge_config::ChallengeConfig;
use crate::refusal_slot::RefusalSlot;
#[cfg(feature = "mcp")]
use crate::reject::RefusalMap;
#[cfg(feature = "mcp")]
use crate::telemetry::Bearer;

/// The identity of the caller, as the layer left it in the extensions.
pub(crate) enum Identity<'a> {
    /// The layer verified a token.
    Known(&'a AccessToken),
    /// An optional layer passed the request on without a token.
    Anonymous(&'a Anonymous),
    /// There is no layer in front.
    NoLayer,
}

impl<'a> Identity<'a> {
    pub(crate) fn of(extensions: &'a Extensions) -> Self {
        if let Some(token) = extensions.get::<AccessToken>() {
            return Self::Known(token);
        }
        match extensions.get::<Anonymous>() {
            Some(marker) => Self::Anonymous(marker),
            None => Self::NoLayer,
        }
    }

    /// The bearer that a decision is about.
    #[cfg(feature = "mcp")]
    pub(crate) fn bearer(&self) -> Bearer<'a> {
        match *self {
            Self::Known(token) => Bearer::Verified(token),
            Self::Anonymous(_) | Self::NoLayer => Bearer::Unknown,
        }
    }

    /// The mapping of refusals: `own` of a component, or else that of the layer in front.
    #[cfg(feature = "mcp")]
    pub(crate) fn refusal_map(&self, own: Option<&'a RefusalMap>) -> Option<&'a RefusalMap> {
        let of_layer = || match *self {
            Self::Known(token) => token.challenge_config(),
            Self::Anonymous(anonymous) => Some(&*anonymous.challenge_config),
            Self::NoLayer => None,
        };
        own.or_else(|| of_layer()?.refusal_map.as_ref())
    }
}

/// Marks a request that passed an optional layer without a token. It distinguishes such a request from one without a
/// layer in front.
#[derive(Debug, Clone)]
pub(crate) struct Anonymous {
    pub(crate) challenge_config: Arc<ChallengeConfig>,
    /// Where a tool requests that the layer refuses the request.
    #[cfg_attr(
        not(feature = "rmcp"),
        allow(dead_code, reason = "only tools request a refusal")
    )]
    pub(crate) refusal_slot: RefusalSlot,
}

/// The maximum number of bytes to read from a refused request's body, as the layer in front configured it.
pub(crate) fn max_drained_bytes(extensions: &Extensions) -> usize {
    match Identity::of(extensions) {
        Identity::Known(token) => token.shared_challenge_config().max_drained_bytes,
        Identity::Anonymous(anonymous) => anonymous.challenge_config.max_drained_bytes,
        Identity::NoLayer => ChallengeConfig::default().max_drained_bytes,
    }
}

/// Removes a token that the layer did not verify from the extensions. Returns whether an outer layer had verified it.
pub(crate) fn forget(extensions: &mut Extensions) -> bool {
    extensions.remove::<Anonymous>();
    let token = extensions.remove::<AccessToken>();
    token.is_some_and(|token| token.is_protected())
}

/// Marks a request that goes on without a token.
pub(crate) fn mark_anonymous(extensions: &mut Extensions, anonymous: Anonymous) {
    extensions.insert(anonymous);
}
