use std::fmt;
use std::sync::Arc;

use http::Response;
use tower_layer::Layer;

use super::service::BearerAuth;
use super::settings::Settings;
use crate::challenge_config::ChallengeConfig;
use crate::credentials::{TokenSource, TokenSources};
use crate::metadata::ProtectedResource;
use crate::possession::{Checks, RequestCheck};
use crate::reject::{RefusalMap, Refused, ReplyBody, is_quotable};
use crate::revocation::Revocations;
use crate::scopes::{ScopeHierarchy, Scopes};
use crate::verify::Verifier;

/// Verifies the bearer token of each request. The inner service gets requests with a good token; the layer refuses the
/// others.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_bearer_auth::{AccessToken, BearerAuthLayer, StaticToken, StaticTokenVerifier};
///
/// let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let app: Router = Router::new()
///     .route("/", get(|token: AccessToken| async move { format!("{:?}", token.client_id()) }))
///     .layer(BearerAuthLayer::new(verifier).realm("notes").max_token_length(4 * 1024));
/// # let _ = app;
/// ```
///
/// By default, the layer
///
/// - requires a token, but no scope;
/// - takes the token from the `Authorization` header, and removes it;
/// - refuses tokens of more than 16 KiB;
/// - reads at most 64 KiB of the body of a refused request.
///
/// Use one layer per request, and [`RequireScopesLayer`](crate::RequireScopesLayer) for routes that need scopes of their
/// own. See the [module](crate::auth) for what happens to a request.
#[derive(Clone)]
pub struct BearerAuthLayer<V> {
    verifier: V,
    settings: Settings,
    resource: Option<ProtectedResource>,
}

impl<V: Verifier> BearerAuthLayer<V> {
    /// Creates a layer with the default configuration, which verifies tokens with `verifier`.
    pub fn new(verifier: V) -> Self {
        Self {
            verifier,
            settings: Settings::default(),
            resource: None,
        }
    }
}

impl<V> BearerAuthLayer<V> {
    /// Sets the realm, which names the protection space in challenges (RFC 9110 §11.5). Default: none.
    ///
    /// # Panics
    ///
    /// If the realm has a character other than visible ASCII and space, or has `"` or `\`. Existing clients would
    /// misread the challenge.
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

    /// Requires all of these scopes of every request, and names them in challenges. Default: none. Later calls add to
    /// earlier ones.
    ///
    /// ```
    /// # use tower_bearer_auth::{BearerAuthLayer, StaticTokenVerifier};
    /// # let verifier = StaticTokenVerifier::new(Vec::<(&str, _)>::new());
    /// let layer = BearerAuthLayer::new(verifier).required_scopes(["notes:read", "notes:write"]);
    /// # let _ = layer;
    /// ```
    ///
    /// # Panics
    ///
    /// If a name is not a scope (RFC 6749 §3.3), such as `read write`, which is two.
    #[must_use]
    #[track_caller]
    pub fn required_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let scopes = Scopes::configured(scopes);
        let challenge_config = self.challenge_config();
        challenge_config.scopes = challenge_config.scopes.union(&scopes);
        self
    }

    /// Sets which scopes imply which others, for this layer and every guard behind it. Default: none do.
    #[must_use]
    pub fn scope_hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.challenge_config().hierarchy = hierarchy;
        self
    }

    /// Passes requests without a bearer token to the inner service, without an [`AccessToken`](crate::AccessToken). A
    /// token that is present is verified, and refused if it is invalid. Default: a token is required.
    ///
    /// Behind this layer, a [`RequireScopesLayer`](crate::RequireScopesLayer) or an `AccessToken` extractor refuses a
    /// request without a token with 401.
    ///
    /// Credentials of another scheme, such as `Basic`, are removed too, unless
    /// [`forward_authorization`](Self::forward_authorization) keeps them.
    ///
    /// Do not put an optional layer inside another auth layer: it would pass all requests on as anonymous, and log an
    /// `ERROR`; see [Nested layers](crate::auth#nested-layers).
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.settings.optional = true;
        self
    }

    /// Sets where requests may have their token. Default: the `Authorization` header alone. A later call replaces an
    /// earlier one.
    ///
    /// ```
    /// use tower_bearer_auth::{BearerAuthLayer, TokenSource};
    /// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
    ///
    /// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
    /// let layer = BearerAuthLayer::new(verifier).token_sources([
    ///     TokenSource::authorization(),
    ///     TokenSource::cookie("__Host-token").origin("https://app.example.com"),
    ///     TokenSource::web_socket_protocol("bearer"),
    /// ]);
    /// # let _ = layer;
    /// ```
    ///
    /// Each source removes its credentials from the request, whatever the outcome. Without
    /// [`TokenSource::authorization`], the layer neither reads nor removes the `Authorization` header.
    ///
    /// A request with two tokens gets 400 (RFC 6750 §2), even if one of them is malformed. So the order of the sources
    /// does not matter. [`max_token_length`](Self::max_token_length) applies to every source. A layer that
    /// [requires](crate::possession::Dpop::required) DPoP accepts only tokens in the `Authorization` header.
    ///
    /// # Panics
    ///
    /// If there is no source, or if two take the token from the same place.
    #[must_use]
    #[track_caller]
    pub fn token_sources(mut self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        let mut sources = TokenSources::new(sources);
        if let Some(resource) = &self.resource {
            sources.set_resource(resource.identifier());
        }
        self.settings.sources = Some(Arc::new(sources));
        self
    }

    /// Sets the maximum length of a token, in bytes. A longer token is refused before it is read. Default: 16 384
    /// (16 KiB).
    #[must_use]
    pub fn max_token_length(mut self, bytes: usize) -> Self {
        self.settings.max_token_length = bytes;
        self
    }

    /// Keeps the `Authorization` header for the inner service, marked as sensitive. By default, the layer removes it.
    ///
    /// Do not send the token to another server, which would make this server a confused deputy. MCP forbids it. To read
    /// the token of a request, use [`AccessToken::token`](crate::AccessToken::token) instead.
    #[must_use]
    pub fn forward_authorization(mut self) -> Self {
        self.settings.forward_authorization = true;
        self
    }

    /// Sets how many bytes of the body of a refused request are read at most, so that its HTTP/1 connection stays
    /// usable for the client's next request. Default: 65 536 (64 KiB). 0 reads nothing.
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

    /// Ends an event stream (`text/event-stream`) or a gRPC response (`application/grpc`, also with a suffix such as
    /// `+proto`) when its token is no longer valid: when it expires, with the leeway of its verifier, and within a
    /// second after it was revoked or its key was withdrawn. By default, the layer never ends a response.
    ///
    /// The client then sends a new request with a new token. If the server can resume its streams, the client loses no
    /// event. A gRPC response ends with the status `UNAUTHENTICATED` in its trailers, which the client distinguishes
    /// from a broken connection. A gRPC call with a single reply that outlives its token gets its reply. For gRPC-Web, see
    /// [the guide](crate::guides::refusals#grpc). For WebSockets and other connections, use
    /// [`AccessToken::until_invalid`](crate::AccessToken::until_invalid).
    ///
    /// It needs a tokio runtime with its timer.
    #[must_use]
    pub fn close_streams_at_expiry(mut self) -> Self {
        self.settings.close_streams_at_expiry = true;
        self
    }

    /// Accepts tokens in the scheme `DPoP`, and checks that their sender has the key that they are bound to (RFC 9449).
    /// Without it, a token that is bound to a public key is refused. A later call replaces an earlier one.
    ///
    /// A proof is for one URL, so the layer must know the URL of the server: set a
    /// [`resource`](Self::resource), or an [`origin`](crate::possession::Dpop::origin). See
    /// [`possession`](crate::possession).
    ///
    /// ```
    /// use tower_bearer_auth::possession::Dpop;
    /// use tower_bearer_auth::{BearerAuthLayer, ProtectedResource};
    /// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
    ///
    /// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
    /// let resource = ProtectedResource::new("https://api.example.com/notes")
    ///     .authorization_servers(["https://issuer.example.com"]);
    /// let layer = BearerAuthLayer::new(verifier).resource(&resource).dpop(Dpop::new());
    /// // Its metadata says that the server accepts proofs, and of which algorithms.
    /// let metadata: axum::Router = layer.protected_resource().router();
    /// # let _ = metadata;
    /// ```
    ///
    /// # Panics
    ///
    /// [`layer`](Layer::layer) panics if neither a resource nor an origin is set.
    #[cfg(feature = "dpop")]
    #[must_use]
    pub fn dpop(mut self, dpop: crate::possession::Dpop) -> Self {
        let mut check = crate::possession::DpopCheck::new(dpop);
        if let Some(resource) = &self.resource {
            check.set_resource(resource.identifier());
        }
        self.challenge_config().dpop = Some(check.challenge());
        self.checks().dpop = Some(check);
        self
    }

    /// Checks that the sender of a token that is bound to a certificate has authenticated itself with this certificate
    /// (RFC 8705). Without it, such a token is refused. Tokens that are not bound are accepted as before.
    ///
    /// The certificate is the extension [`ClientCertificate`](crate::possession::ClientCertificate) of the request. A
    /// TLS acceptor inserts it, or a [`ClientCertificateFromHeader`](crate::possession::ClientCertificateFromHeader)
    /// behind a proxy.
    #[must_use]
    pub fn client_certificates(mut self) -> Self {
        self.checks().client_certificates = true;
        self
    }

    /// Adds a check of the request, which runs after the token was verified. Default: none. Later calls add to earlier
    /// ones; the checks run in this order, and the first refusal decides. The use of a DPoP proof is recorded after
    /// them.
    ///
    /// For a condition on the token alone, use [`VerifierExt::check`](crate::VerifierExt::check), whose result can be
    /// cached.
    #[must_use]
    pub fn check_request(mut self, check: impl RequestCheck) -> Self {
        self.checks().add(check);
        self
    }

    /// Refuses tokens that were revoked, cached ones too. [Event streams](Self::close_streams_at_expiry) and
    /// [`until_invalid`](crate::AccessToken::until_invalid) end within a second. Default: none. A later call replaces
    /// an earlier one.
    ///
    /// ```
    /// use tower_bearer_auth::BearerAuthLayer;
    /// use tower_bearer_auth::revocation::Revocations;
    /// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
    ///
    /// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
    /// let revocations = Revocations::new();
    /// let layer = BearerAuthLayer::new(verifier).revocations(&revocations);
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn revocations(mut self, revocations: &Revocations) -> Self {
        self.challenge_config().revocations = Some(revocations.check());
        self
    }

    /// Maps each refusal to an answer of your own, such as problem details, a page or a gRPC status. Default: the
    /// answers that [`reject`](crate::reject) lists. A later call replaces an earlier one.
    ///
    /// `map` gets the reason of the refusal and the default answer. The layer sends what `map` returns, but puts back a
    /// challenge that is missing from a 401 or 403. The guards, extractors, handlers and tools behind the layer use
    /// this mapping too, except for a [guard](crate::RequireScopesLayer::map_refusal) with its own. If `map` panics,
    /// the client gets 500. See [answers of your own](crate::reject#answers-of-your-own), which lists ready-made
    /// mappings.
    ///
    /// ```
    /// use tower_bearer_auth::BearerAuthLayer;
    /// # use tower_bearer_auth::{StaticToken, StaticTokenVerifier};
    ///
    /// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
    /// let layer = BearerAuthLayer::new(verifier).map_refusal(|refused, response| {
    ///     let text = format!("{}: {}\n", refused.status(), refused.description());
    ///     let mut response = response.map(|_| text);
    ///     let plain = http::HeaderValue::from_static("text/plain");
    ///     response.headers_mut().insert(http::header::CONTENT_TYPE, plain);
    ///     response
    /// });
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn map_refusal<F, R>(mut self, map: F) -> Self
    where
        F: Fn(&Refused, Response<ReplyBody>) -> Response<R> + Send + Sync + 'static,
        R: Into<ReplyBody>,
    {
        self.challenge_config().refusal_map = Some(RefusalMap::new(map));
        self
    }

    pub(crate) fn challenge_config(&mut self) -> &mut ChallengeConfig {
        Arc::make_mut(&mut self.settings.challenge_config)
    }

    fn checks(&mut self) -> &mut Checks {
        Arc::make_mut(self.settings.checks.get_or_insert_default())
    }

    /// Sets the resource that the layer protects.
    pub(crate) fn set_resource(&mut self, resource: ProtectedResource) {
        #[cfg(feature = "dpop")]
        if self.settings.checks.is_some()
            && let Some(dpop) = &mut self.checks().dpop
        {
            dpop.set_resource(resource.identifier());
        }
        if let Some(sources) = &mut self.settings.sources {
            Arc::make_mut(sources).set_resource(resource.identifier());
        }
        self.resource = Some(resource);
    }

    /// The resource that the layer protects.
    pub(crate) fn configured_resource(&self) -> Option<&ProtectedResource> {
        self.resource.as_ref()
    }

    /// Whether clients may send the token in the `Authorization` header.
    pub(crate) fn reads_authorization(&self) -> bool {
        let sources = self.settings.sources.as_deref();
        sources.is_none_or(TokenSources::has_authorization)
    }

    /// The proofs of possession that the layer checks.
    pub(crate) fn checked_proofs(&self) -> Option<&Checks> {
        self.settings.checks.as_deref()
    }

    /// Whether it knows its URL, if it checks proofs, which are for one URL.
    pub(super) fn has_needed_origin(&self) -> bool {
        #[cfg(feature = "dpop")]
        if let Some(checks) = self.checked_proofs() {
            return checks.dpop.as_ref().is_none_or(|dpop| dpop.has_origin());
        }
        true
    }
}

pub(super) const NO_ORIGIN: &str = "a layer that checks DPoP proofs has to know its URL: set resource(..) on the layer, \
                                    or origin(..) on its Dpop";

impl<S, V: Clone> Layer<S> for BearerAuthLayer<V> {
    type Service = BearerAuth<S, V>;

    fn layer(&self, inner: S) -> Self::Service {
        assert!(self.has_needed_origin(), "{NO_ORIGIN}");
        BearerAuth::with_settings(inner, self.verifier.clone(), self.settings.clone())
    }
}

impl<V> fmt::Debug for BearerAuthLayer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuthLayer")
            .field("challenge_config", &self.settings.challenge_config)
            .field("optional", &self.settings.optional)
            .field("token_sources", &self.settings.sources)
            .finish_non_exhaustive()
    }
}
