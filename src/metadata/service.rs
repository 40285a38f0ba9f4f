use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::resource::{Checked, ProtectedResource};
use crate::identity;
use crate::metadata_reach::MetadataReach;
use crate::reject::{Draining, Reply, ReplyBody, ResponseBody, ResponseFuture};
use crate::shown_url::ShownUrl;
use crate::telemetry;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// # Serving the document
///
/// Each of these panics, at the caller's line, when the resource is [invalid](Self::check).
impl ProtectedResource {
    /// An axum router with the well-known routes. Merge it after the auth layer, and so outside of it.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use tower_bearer_auth::{ProtectedResource, BearerAuthLayer, StaticTokenVerifier};
    /// # let auth = BearerAuthLayer::new(StaticTokenVerifier::new(Vec::<(&str, _)>::new()));
    /// let notes = ProtectedResource::new("https://api.example.com/notes")
    ///     .authorization_servers(["https://issuer.example.com"]);
    /// let app: Router = Router::new()
    ///     .route("/notes", get(|| async { "notes" }))
    ///     .layer(auth.resource(&notes))
    ///     .merge(notes.router());
    /// # let _ = app;
    /// ```
    ///
    /// # Panics
    ///
    /// When the resource is [invalid](Self::check). axum panics when two resources with the same path are merged, and for a
    /// path with a segment that starts with `:` or `*`.
    #[cfg(feature = "axum")]
    #[track_caller]
    pub fn router<S>(&self) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let service = self.service();
        self.well_known_paths()
            .iter()
            .fold(axum::Router::new(), |router, path| {
                router.route_service(path, service.clone())
            })
    }

    /// A layer that answers requests for the well-known paths and passes on all others. Use it in any tower server, outside
    /// of the auth layer. Resources that differ only in their query get the same paths.
    ///
    /// # Panics
    ///
    /// When the resource is [invalid](Self::check).
    #[track_caller]
    pub fn layer(&self) -> MetadataLayer {
        MetadataLayer {
            service: self.service(),
        }
    }

    /// A service that answers every request with the document. Route requests for the
    /// [well-known paths](Self::well_known_paths) to it.
    ///
    /// # Panics
    ///
    /// When the resource is [invalid](Self::check).
    #[track_caller]
    pub fn service(&self) -> MetadataService {
        let Checked {
            metadata_url,
            paths,
        } = self.checked();
        self.warn();
        MetadataService {
            document: self.document.to_json().into(),
            place: Arc::new(Place {
                metadata_url,
                paths,
                reach: Arc::clone(&self.reach),
            }),
        }
    }

    /// The paths at which the document is served: that of the [advertised URL](Self::advertised_metadata_url), the further
    /// ones of [`metadata_url`](Self::metadata_url), and that of the root with [`also_at_root`](Self::also_at_root).
    ///
    /// # Panics
    ///
    /// When the resource is [invalid](Self::check).
    #[track_caller]
    pub fn well_known_paths(&self) -> Vec<String> {
        self.checked().paths
    }

    /// Warns of a configuration that is valid and most likely a mistake.
    fn warn(&self) {
        let resource = ShownUrl::of(self.identifier());
        let resource = resource.as_str();
        let scopes = &self.document.scopes_supported;
        if scopes.iter().any(|scope| scope == "offline_access") {
            tracing::warn!(
                target: telemetry::SETUP,
                resource,
                "offline_access is not a scope of a resource; clients request it from the authorization server"
            );
        }
        if self.document.authorization_servers.is_empty() {
            tracing::warn!(
                target: telemetry::SETUP,
                resource,
                "the metadata names no authorization server, so clients cannot find out where to get a token"
            );
        }
    }
}

/// Answers every request with the metadata of one resource; see [`ProtectedResource::service`].
#[derive(Clone)]
pub struct MetadataService {
    document: Bytes,
    place: Arc<Place>,
}

/// The locations of the document.
struct Place {
    metadata_url: String,
    paths: Vec<String>,
    reach: Arc<MetadataReach>,
}

impl fmt::Debug for MetadataService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataService")
            .field("metadata_url", &ShownUrl::of(&self.place.metadata_url))
            .finish_non_exhaustive()
    }
}

impl MetadataService {
    /// Records whether the document is served where clients look for it.
    fn notice<B>(&self, request: &Request<B>) {
        let (place, path) = (&*self.place, request.uri().path());
        let extensions = request.extensions();
        place
            .reach
            .requested(&place.metadata_url, &place.paths, path, extensions);
    }

    /// Answers this request.
    pub(super) fn respond<B: Body>(&self, request: Request<B>) -> MetadataFuture<B> {
        self.notice(&request);
        MetadataFuture::new(Box::new(self.answer(request.method())), request)
    }

    /// Answers this request in the place of an inner service.
    pub(super) fn intercept<F, B: Body>(&self, request: Request<B>) -> ResponseFuture<F, B> {
        self.notice(&request);
        let answer = Box::new(self.answer(request.method()));
        let limit = identity::max_drained_bytes(request.extensions());
        ResponseFuture::answer(answer, request, limit)
    }

    /// The answer: the document, or the allowed methods. It allows every origin.
    fn answer(&self, method: &Method) -> Response<ReplyBody> {
        let mut response = Response::new(ReplyBody::default());
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if *method == Method::OPTIONS {
            // MCP clients send the header `MCP-Protocol-Version`, for which browsers send a preflight request.
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            headers.insert(ALLOW, METHODS);
            *response.status_mut() = StatusCode::NO_CONTENT;
            return response;
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            headers.insert(ALLOW, METHODS);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        );
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.document.len()));
        if *method == Method::GET {
            *response.body_mut() = ReplyBody::new(self.document.clone());
        }
        response
    }
}

impl<B: Body> Service<Request<B>> for MetadataService {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = MetadataFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.respond(request)
    }
}

pin_project! {
    /// The future of [`MetadataService`]; `B` is the body of the request.
    pub struct MetadataFuture<B> {
        #[pin]
        answer: Draining<B>,
    }
}

impl<B: Body> MetadataFuture<B> {
    pub(super) fn new(answer: Reply, request: Request<B>) -> Self {
        let limit = identity::max_drained_bytes(request.extensions());
        Self {
            answer: Draining::rest_of(answer, request, limit),
        }
    }
}

impl<B: Body> Future for MetadataFuture<B> {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx).map(Ok)
    }
}

impl<B> fmt::Debug for MetadataFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataFuture").finish_non_exhaustive()
    }
}

/// Answers the well-known paths of one resource and passes everything else on; see
/// [`ProtectedResource::layer`].
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer_auth::{BearerAuthLayer, ProtectedResource, StaticToken, StaticTokenVerifier};
///
/// let resource = ProtectedResource::new("https://api.example.com/mcp")
///     .authorization_servers(["https://issuer.example.com"]);
/// # let verifier = StaticTokenVerifier::new([("dev-token", StaticToken::new("dev"))]);
/// let layers = ServiceBuilder::new()
///     .layer(resource.layer())
///     .layer(BearerAuthLayer::new(verifier).resource(&resource));
/// # let _ = layers;
/// ```
#[derive(Debug, Clone)]
pub struct MetadataLayer {
    service: MetadataService,
}

impl<S> Layer<S> for MetadataLayer {
    type Service = MetadataMiddleware<S>;

    fn layer(&self, inner: S) -> MetadataMiddleware<S> {
        MetadataMiddleware {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that a [`MetadataLayer`] makes.
#[derive(Debug, Clone)]
pub struct MetadataMiddleware<S> {
    inner: S,
    layer: MetadataLayer,
}

impl<S> MetadataMiddleware<S> {
    /// Serves the document of `resource` in front of `inner`.
    ///
    /// # Panics
    ///
    /// If [something is wrong](ProtectedResource::check) with the resource.
    #[track_caller]
    pub fn new(inner: S, resource: &ProtectedResource) -> Self {
        let layer = resource.layer();
        Self { inner, layer }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, ResB> Service<Request<B>> for MetadataMiddleware<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    B: Body,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        let service = &self.layer.service;
        match service.place.paths.iter().any(|known| known == path) {
            true => service.intercept(request),
            false => ResponseFuture::pass(self.inner.call(request)),
        }
    }
}
