use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use tower_layer::Layer;

use super::service::SessionBinding;

/// Ties each MCP session, and each event, to whoever it is for.
///
/// A server takes an `Mcp-Session-Id` from everybody who knows it, and replays events to whoever names one.
/// Behind this layer the IDs that clients get are signed for their
/// [principal](crate::AccessToken::principal) (issuer, subject and client, not the token, so that a
/// refreshed token keeps its session), and the server behind sees its own IDs again. Nothing is stored. It
/// stands behind a [`BearerAuthLayer`](crate::BearerAuthLayer), around the MCP service; see
/// [`mcp`](crate::mcp).
///
/// | the request | status |
/// |---|---|
/// | names a session that is somebody else's, was made up, or was signed with another secret | 404, after which clients start a new one |
/// | asks for the events (`GET`) after a `Last-Event-ID` that is not one of the caller's | 405 |
/// | has two `Mcp-Session-Id` or `Last-Event-ID` headers | 400 |
/// | would open a session, with a token that names neither a subject nor a client | 403 |
/// | would open or use a session, without a token behind an [optional](crate::BearerAuthLayer::optional) layer | 401 |
///
/// Only the server's response shows that a request opened a session. Where its opener cannot own it (403, 401), the
/// layer ends it before the refusal goes out: the service behind gets a `DELETE` for it, with the headers and
/// extensions of the request that opened it and without a body. The client waits for that for one second at most;
/// a server that takes longer, or takes no `DELETE`, keeps the session until it is idle. That needs tokio's timer.
///
/// IDs of tasks, and sessions of the old HTTP+SSE transport, which stand in URLs, are not bound.
#[derive(Clone)]
pub struct SessionBindingLayer {
    key: Arc<hmac::Key>,
}

/// As long as the hash: a shorter one would be the weakest part (RFC 2104 §3).
const MIN_SECRET_BYTES: usize = 32;

impl SessionBindingLayer {
    /// A layer with a secret of its own, which no other process has: sessions end with it.
    ///
    /// # Panics
    ///
    /// When the system has no random numbers.
    pub fn new() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self {
            key: Arc::new(key.expect("the system has random numbers")),
        }
    }

    /// Signs with this secret, for several processes that share their sessions.
    ///
    /// # Panics
    ///
    /// When it is shorter than 32 bytes.
    #[must_use]
    #[track_caller]
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        let secret = secret.as_ref();
        assert!(
            secret.len() >= MIN_SECRET_BYTES,
            "a secret of {} bytes is too short for sessions: use {MIN_SECRET_BYTES} random ones or more",
            secret.len()
        );
        self.key = Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret));
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
        SessionBinding::new(inner, Arc::clone(&self.key))
    }
}

impl fmt::Debug for SessionBindingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBindingLayer")
            .finish_non_exhaustive()
    }
}
