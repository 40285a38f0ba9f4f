use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::service::BearerAuth;
use super::settings::Settings;
use crate::challenge_config::ChallengeConfig;
use crate::reject::is_quotable;
use crate::scopes::{ScopeHierarchy, Scopes};
use crate::verify::Verifier;

/// Lets requests with a good bearer token through and answers the others.
///
/// See the [module](crate::auth) for examples. The defaults: a token is required, no scope is, the
/// header is stripped, tokens are at most 16 KiB long, and at most 64 KiB of a refused request's body are read.
#[derive(Clone)]
pub struct BearerAuthLayer<V> {
    verifier: V,
    settings: Settings,
}

impl<V: Verifier> BearerAuthLayer<V> {
    /// A layer that asks `verifier` about each request's token.
    pub fn new(verifier: V) -> Self {
        Self {
            verifier,
            settings: Settings::default(),
        }
    }
}

impl<V> BearerAuthLayer<V> {
    /// Names the challenge_config space in challenges (RFC 9110 §11.5). Default: none.
    ///
    /// # Panics
    ///
    /// When the realm has a character other than visible ASCII and space, or `"` or `\`: clients in
    /// the field would misread the challenge.
    #[must_use]
    #[track_caller]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        let realm = realm.into();
        assert!(
            is_quotable(&realm),
            "{realm:?} cannot be a realm: use visible ASCII and spaces, without quotes and backslashes"
        );
        self.challenge_config().realm = Some(realm.into());
        self
    }

    /// Requires all of these scopes of every request, and names them in challenges. Default: none. A
    /// later call replaces an earlier one.
    ///
    /// # Panics
    ///
    /// When a name is not a scope (RFC 6749 §3.3).
    #[must_use]
    #[track_caller]
    pub fn required_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.challenge_config().scopes = Scopes::configured(scopes);
        self
    }

    /// Sets which scopes imply which others, for this layer and every guard behind it.
    #[must_use]
    pub fn scope_hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.challenge_config().hierarchy = hierarchy;
        self
    }

    /// Passes requests without a bearer token on, without an
    /// [`AccessToken`](crate::AccessToken). A token that is there is still checked, and refused when
    /// it is bad.
    ///
    /// Another scheme's credentials are stripped as well, unless
    /// [`forward_authorization`](Self::forward_authorization) keeps them.
    ///
    /// Do not put an optional layer inside another auth layer: it would pass requests on as anonymous, and log an `ERROR`;
    /// see [Nested layers](crate::auth#nested-layers).
    ///
    /// A [`RequireScopesLayer`](crate::RequireScopesLayer) or an `AccessToken` extractor further in
    /// answers 401 to a request without a token.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.settings.optional = true;
        self
    }

    /// The longest token to look at, in bytes; a longer one is refused unread. Default: 16 384.
    #[must_use]
    pub fn max_token_length(mut self, bytes: usize) -> Self {
        self.settings.max_token_length = bytes;
        self
    }

    /// Keeps the `Authorization` header for the inner service, marked as sensitive. By default it is
    /// removed.
    ///
    /// A server that sends the token on to another one makes itself a confused deputy; MCP forbids
    /// it. The token of a verified request is also at [`AccessToken::token`](crate::AccessToken::token).
    #[must_use]
    pub fn forward_authorization(mut self) -> Self {
        self.settings.forward_authorization = true;
        self
    }

    /// The maximum number of bytes that are read from the body of a refused request, so that its HTTP/1 connection stays
    /// usable for the client's next request; 0 reads nothing. Default: 65 536 (64 KiB).
    ///
    /// A longer body, or one that takes more than a second, ends the connection, with `Connection: close` in the answer;
    /// see [`reject`](crate::reject#the-connection). On HTTP/2 and HTTP/3 no body is read. The guards behind this layer
    /// use the same limit.
    ///
    /// Reading a body needs a tokio runtime with its timer. Set 0 if there is none.
    #[must_use]
    pub fn max_drained_bytes(mut self, bytes: usize) -> Self {
        self.challenge_config().max_drained_bytes = bytes;
        self
    }

    /// Ends an event stream (`text/event-stream`) when its token no longer counts: at its expiry plus the
    /// verifier's leeway, and with the next event after its key was withdrawn. By default a stream that
    /// was allowed goes on for as long as both sides like.
    ///
    /// The client has to come back with a new token. Where a server can resume a stream, nothing is lost.
    ///
    /// It needs a tokio runtime with its timer.
    #[must_use]
    pub fn close_streams_at_expiry(mut self) -> Self {
        self.settings.close_streams_at_expiry = true;
        self
    }

    pub(crate) fn challenge_config(&mut self) -> &mut ChallengeConfig {
        Arc::make_mut(&mut self.settings.challenge_config)
    }
}

impl<S, V: Clone> Layer<S> for BearerAuthLayer<V> {
    type Service = BearerAuth<S, V>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerAuth::new(inner, self.verifier.clone(), self.settings.clone())
    }
}

impl<V> fmt::Debug for BearerAuthLayer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuthLayer")
            .field("challenge_config", &self.settings.challenge_config)
            .field("optional", &self.settings.optional)
            .finish_non_exhaustive()
    }
}
