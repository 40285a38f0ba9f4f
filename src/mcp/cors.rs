//! Cross-origin resource sharing, for MCP clients in browsers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use pin_project_lite::pin_project;
use tower_http::cors;
use tower_layer::Layer;
use tower_service::Service;

/// A CORS layer for an MCP server that browsers may call: allows what an MCP client sends and needs to read.
///
/// | | |
/// |---|---|
/// | origins | any: browsers do not attach a bearer token by themselves. Restrict them with [`allow_origins`](CorsLayer::allow_origins) if the server is on the user's own machine, if a proxy adds the token from a cookie, or if callers without a token may call tools of an internal server |
/// | methods | `GET`, `POST`, `DELETE` |
/// | request headers | all that the preflight requests: a wildcard would not cover `Authorization`, and a list cannot name `Mcp-Param-*` |
/// | exposed headers | `WWW-Authenticate`, `Mcp-Session-Id`, `Mcp-Protocol-Version`, `Retry-After`, `DPoP-Nonce` |
/// | preflights | answered, and cacheable for one hour |
///
/// Add it outside the auth layer, because browsers send preflights without a token:
///
/// ```
/// # use axum::{Router, routing::post};
/// # use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};
/// use http::HeaderValue;
/// use tower_bearer_auth::mcp;
///
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let app: Router = Router::new()
///     .route("/mcp", post(|| async { "hello" }))
///     .layer(BearerAuthLayer::new(verifier))
///     .layer(mcp::cors().allow_origins([HeaderValue::from_static("https://app.example.com")]));
/// # let _ = app;
/// ```
pub fn cors() -> CorsLayer {
    CorsLayer {
        origins: cors::AllowOrigin::any(),
        methods: vec![Method::GET, Method::POST, Method::DELETE],
        exposed: vec![
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-protocol-version"),
            header::RETRY_AFTER,
            HeaderName::from_static("dpop-nonce"),
        ],
        max_age: Duration::from_secs(60 * 60),
    }
}

/// Lets pages of other origins call an MCP server. [`cors()`] creates it and says what it allows.
///
/// It never allows credentials, which a page of another origin needs to send a
/// [cookie](crate::TokenSource::cookie). For an API without MCP, or for cookies, use the `CorsLayer` of the crate
/// tower-http.
#[derive(Debug, Clone)]
pub struct CorsLayer {
    origins: cors::AllowOrigin,
    methods: Vec<Method>,
    exposed: Vec<HeaderName>,
    max_age: Duration,
}

impl CorsLayer {
    /// Allows only these origins, such as `https://app.example.com`, instead of any. Replaces earlier origins.
    ///
    /// The comparison is exact: an origin has a scheme, a host, a port unless it is the default one, and no path.
    ///
    /// # Panics
    ///
    /// If one of them is `*`. Without this setting, every origin is allowed.
    #[must_use]
    #[track_caller]
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = HeaderValue>) -> Self {
        let origins: Vec<_> = origins.into_iter().collect();
        assert!(
            origins.iter().all(|origin| origin != "*"),
            "`*` is not an origin: leave out allow_origins(..) to allow all of them"
        );
        self.origins = cors::AllowOrigin::list(origins);
        self
    }

    /// Allows only the origins for which `is_allowed` returns true, instead of any. Replaces earlier origins.
    ///
    /// The function gets the `Origin` header and the head of the request:
    ///
    /// ```
    /// use tower_bearer_auth::mcp;
    ///
    /// let cors = mcp::cors()
    ///     .allow_origins_if(|origin, _| origin.as_bytes().starts_with(b"http://localhost:"));
    /// # let _ = cors;
    /// ```
    #[must_use]
    pub fn allow_origins_if<F>(mut self, is_allowed: F) -> Self
    where
        F: Fn(&HeaderValue, &Parts) -> bool + Send + Sync + 'static,
    {
        self.origins = cors::AllowOrigin::predicate(is_allowed);
        self
    }

    /// Allows these methods besides `GET`, `POST` and `DELETE`, for other routes behind the layer.
    #[must_use]
    pub fn allow_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.extend(methods);
        self
    }

    /// Lets pages read these response headers besides those of MCP.
    #[must_use]
    pub fn expose_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.exposed.extend(names);
        self
    }

    /// Sets how long browsers may cache the answer to a preflight. Default: one hour. Browsers have lower limits of
    /// their own.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        let layer = cors::CorsLayer::new()
            .allow_origin(self.origins.clone())
            .allow_methods(self.methods.clone())
            .allow_headers(cors::AllowHeaders::mirror_request())
            .expose_headers(self.exposed.clone())
            .max_age(self.max_age);
        Cors(layer.layer(inner))
    }
}

/// The service that a [`CorsLayer`] builds.
#[derive(Debug, Clone)]
pub struct Cors<S>(cors::Cors<S>);

impl<S> Cors<S> {
    /// Wraps `inner` with the defaults of [`cors()`].
    pub fn new(inner: S) -> Self {
        cors().layer(inner)
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    /// The inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Cors<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        ResponseFuture {
            response: self.0.call(request),
        }
    }
}

pin_project! {
    /// The future of [`Cors`].
    pub struct ResponseFuture<F> {
        #[pin]
        response: cors::ResponseFuture<F>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().response.poll(cx)
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
