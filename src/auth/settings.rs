//! The configuration of a layer, as its services share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};

use crate::challenge_config::ChallengeConfig;
use crate::credentials::{Carrier, Credentials, Scheme, TokenSources, take_credentials};
use crate::possession::Checks;
use crate::telemetry::{self, Decision};

/// The configuration of a layer. It is cheap to clone.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) challenge_config: Arc<ChallengeConfig>,
    /// Absent if the layer checks nothing but the token.
    pub(super) checks: Option<Arc<Checks>>,
    /// Absent without `token_sources(..)`: the layer then reads the `Authorization` header alone.
    pub(super) sources: Option<Arc<TokenSources>>,
    pub(super) max_token_length: usize,
    pub(super) optional: bool,
    pub(super) forward_authorization: bool,
    pub(super) close_streams_at_expiry: bool,
    /// Whether the `ERROR` about nested layers was emitted.
    pub(super) is_nesting_logged: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            challenge_config: Arc::default(),
            checks: None,
            sources: None,
            max_token_length: 16 * 1024,
            optional: false,
            forward_authorization: false,
            close_streams_at_expiry: false,
            is_nesting_logged: Arc::default(),
        }
    }
}

impl Settings {
    /// Takes the credentials out of the request.
    #[inline]
    pub(super) fn credentials<B>(&self, request: &mut Request<B>) -> (Credentials, Carrier) {
        let accepts_dpop = self.challenge_config.dpop.is_some();
        match &self.sources {
            None => (
                self.authorization(request.headers_mut(), accepts_dpop),
                Carrier::Authorization,
            ),
            Some(sources) => {
                sources.take(request, self.max_token_length, accepts_dpop, |headers| {
                    self.authorization(headers, true)
                })
            }
        }
    }

    /// Takes the `Authorization` header out of the headers, or copies it if it is forwarded.
    fn authorization(&self, headers: &mut HeaderMap, accepts_dpop: bool) -> Credentials {
        let forwarded = match self.forward_authorization {
            true => headers.get(AUTHORIZATION).cloned(),
            false => None,
        };
        let credentials = take_credentials(headers, self.max_token_length, accepts_dpop);
        if let Some(mut header) = forwarded {
            header.set_sensitive(true);
            headers.insert(AUTHORIZATION, header);
        }
        credentials
    }

    /// Whether a request may send its token in this scheme.
    #[inline]
    pub(super) fn accepts(&self, scheme: Scheme) -> bool {
        match (&self.challenge_config.dpop, scheme) {
            (Some(dpop), Scheme::Bearer) => !dpop.is_required,
            (None, _) | (_, Scheme::Dpop) => true,
        }
    }

    /// Logs, once per layer, that an outer layer has verified the token and removed what this layer reads.
    pub(super) fn log_nesting(&self) {
        if self.is_nesting_logged.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::error!(
            target: telemetry::SETUP,
            by = Decision::LAYER,
            optional = self.optional,
            "a BearerAuthLayer is inside another one, which has verified the token and taken it out of the request: drop \
             one of the two, or set forward_authorization() on the outer one, which keeps the Authorization header"
        );
    }
}
