use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use http::Response;
use tower_layer::Layer;

use super::service::SessionBinding;
use super::settings::Settings;
use crate::reject::{RefusalMap, Refused, ReplyBody};

/// Binds each MCP session, and each event, to the principal that it was created for.
///
/// Without this layer, a server accepts an `Mcp-Session-Id` from every client that knows it, and replays events to any
/// client that sends the ID of one. This layer signs the IDs that clients get for their
/// [principal](crate::AccessToken::principal): issuer, subject and client, not the token, so that a
/// refreshed token keeps its session. The inner service sees its own IDs, and the layer stores nothing. Put it
/// behind a [`BearerAuthLayer`](crate::BearerAuthLayer), around the MCP service; see [`mcp`](crate::mcp).
///
/// ```
/// # use axum::{Router, routing::post};
/// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
/// use tower::ServiceBuilder;
/// use tower_bearer_auth::BearerAuthLayer;
/// use tower_bearer_auth::mcp::SessionBindingLayer;
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// # let mcp_service = post(|| async { "an MCP service" });
/// # let secret = [7; 32];
/// let layers = ServiceBuilder::new()
///     .layer(BearerAuthLayer::new(verifier))
///     // 32 random bytes or more, the same in all processes behind one load balancer.
///     .layer(SessionBindingLayer::new().secret(secret));
/// let app: Router = Router::new().route_service("/mcp", mcp_service).layer(layers);
/// # let _ = app;
/// ```
///
/// | the request | status |
/// |---|---|
/// | names a session that belongs to another principal, was made up, or was signed with another secret | 404, after which clients start a new session |
/// | resumes events (`GET`) with a `Last-Event-ID` that does not belong to the caller | 405 |
/// | has two `Mcp-Session-Id` or `Last-Event-ID` headers | 400 |
/// | would open a session, with a token that names neither a subject nor a client | 403 |
/// | would open or use a session, without a token behind an [optional](crate::BearerAuthLayer::optional) layer | 401 |
///
/// Only the server's response shows that a request opened a session. If the client cannot own it (403, 401), the
/// layer terminates it before it sends the refusal: the inner service gets a `DELETE` with the headers and
/// extensions of the request that opened the session, and without a body. The refusal waits for at most one second. A
/// server that takes longer, or does not support `DELETE`, keeps the session until its idle timeout. This needs
/// tokio's timer.
///
/// A session or event ID of more than 1 KiB cannot be used: a longer session ID is signed, and refused with 404 when the
/// client sends it; a longer event ID reaches the client unsigned, and resuming from it is refused with 405. Servers use
/// much shorter ones.
///
/// Task IDs are not bound, and neither are sessions of the old HTTP+SSE transport, whose IDs are part of URLs.
#[derive(Clone)]
pub struct SessionBindingLayer {
    settings: Arc<Settings>,
}

/// The output length of the hash: RFC 2104 §3 discourages shorter keys.
const MIN_SECRET_BYTES: usize = 32;

impl SessionBindingLayer {
    /// Creates a layer with a random secret. Sessions are valid only behind this layer and its clones, and not after a
    /// restart; see [`secret`](Self::secret).
    ///
    /// # Panics
    ///
    /// If the system's random number generator fails.
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings::random()),
        }
    }

    /// Signs with this secret, for processes that share their sessions.
    ///
    /// # Panics
    ///
    /// If the secret is shorter than 32 bytes.
    #[must_use]
    #[track_caller]
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        let secret = secret.as_ref();
        assert!(
            secret.len() >= MIN_SECRET_BYTES,
            "a secret of {} bytes is too short for sessions: use {MIN_SECRET_BYTES} random bytes or more",
            secret.len()
        );
        Arc::make_mut(&mut self.settings).key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        self
    }

    /// Maps each refusal of this layer to an answer of your own. Default: the
    /// [mapping](crate::BearerAuthLayer::map_refusal) of the auth layer in front. See [answers of your
    /// own](crate::reject#answers-of-your-own). A later call replaces an earlier one.
    #[must_use]
    pub fn map_refusal<F, R>(mut self, map: F) -> Self
    where
        F: Fn(&Refused, Response<ReplyBody>) -> Response<R> + Send + Sync + 'static,
        R: Into<ReplyBody>,
    {
        Arc::make_mut(&mut self.settings).refusal_map = Some(RefusalMap::new(map));
        self
    }
}

impl Default for SessionBindingLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for SessionBindingLayer {
    type Service = SessionBinding<S>;

    fn layer(&self, inner: S) -> SessionBinding<S> {
        SessionBinding::with_settings(inner, Arc::clone(&self.settings))
    }
}

impl fmt::Debug for SessionBindingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBindingLayer")
            .finish_non_exhaustive()
    }
}
