//! The metadata of several resources on one server.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::resource::ProtectedResource;
use super::service::{MetadataFuture, MetadataService};
use crate::possession::RequestHead;
use crate::reject::{ReplyBody, ResponseBody, ResponseFuture};

/// The metadata of several resources on one server, such as those of tenants; see
/// [`LayerByRequest`](crate::auth::LayerByRequest).
///
/// Resources can have the same well-known path, such as `https://blue.example.com/mcp` and
/// `https://red.example.com/mcp`. The document is then that of the resource whose host and port the client requests, in
/// `Host` or the URI. If a proxy changes these, use resources with different paths, or a
/// [`metadata_url`](ProtectedResource::metadata_url) with a path for each.
///
/// ```
/// use tower_bearer_auth::ProtectedResource;
/// use tower_bearer_auth::metadata::ProtectedResources;
///
/// let resources = ["blue", "red"].map(|tenant| {
///     ProtectedResource::new(format!("https://{tenant}.example.com/mcp"))
///         .authorization_servers([format!("https://issuer.example.com/{tenant}")])
/// });
/// let resources = ProtectedResources::new(resources);
/// # #[cfg(feature = "axum")]
/// let metadata: axum::Router = resources.router();
/// ```
#[derive(Clone)]
pub struct ProtectedResources {
    resources: Arc<[Served]>,
}

struct Served {
    /// The server of the resource, and that of the URL of the metadata if it is another one.
    origins: Vec<ServerOrigin>,
    paths: Vec<String>,
    service: MetadataService,
}

impl ProtectedResources {
    /// Creates the metadata of these resources.
    ///
    /// # Panics
    ///
    /// If a resource is [invalid](ProtectedResource::check), or if two have the same authority and a common well-known
    /// path.
    #[track_caller]
    pub fn new(resources: impl IntoIterator<Item = ProtectedResource>) -> Self {
        let mut all: Vec<Served> = Vec::new();
        for resource in resources {
            let served = Served::of(&resource);
            for other in &all {
                let common = served.paths.iter().find(|path| other.paths.contains(path));
                let is_same = served.origins.iter().any(|it| other.origins.contains(it));
                if let Some(path) = common
                    && is_same
                {
                    panic!("two resources of one server have their metadata at {path}");
                }
            }
            all.push(served);
        }
        Self {
            resources: all.into(),
        }
    }

    /// An axum router with the well-known routes of all resources. Merge it after the auth layer, and so outside of it.
    /// If several resources have the same path, a request for the authority of none of them gets 404.
    ///
    /// # Panics
    ///
    /// axum panics for a path with a segment that starts with `:` or `*`.
    #[cfg(feature = "axum")]
    #[track_caller]
    pub fn router<S>(&self) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let paths: std::collections::BTreeSet<_> =
            self.resources.iter().flat_map(|it| &it.paths).collect();
        paths.into_iter().fold(axum::Router::new(), |router, path| {
            router.route_service(path, self.service())
        })
    }

    /// A layer that answers requests for the well-known paths and passes on all others. Use it in any tower server,
    /// outside of the auth layer.
    pub fn layer(&self) -> MetadataByRequestLayer {
        MetadataByRequestLayer {
            resources: self.clone(),
        }
    }

    /// A service that answers requests for the well-known paths, and all others with 404.
    pub fn service(&self) -> MetadataByRequest {
        MetadataByRequest {
            resources: self.clone(),
        }
    }

    /// The resource whose document this request is for.
    fn find<B>(&self, request: &Request<B>) -> Option<&MetadataService> {
        let path = request.uri().path();
        let at_path = |served: &&Served| served.paths.iter().any(|known| known == path);
        let mut candidates = self.resources.iter().filter(at_path);
        let first = candidates.next()?;
        if candidates.next().is_none() {
            return Some(&first.service);
        }
        let authority = RequestHead::of(request).authority()?;
        let mut candidates = self.resources.iter().filter(at_path);
        let found =
            candidates.find(|served| served.origins.iter().any(|it| it.is_at(&authority)))?;
        Some(&found.service)
    }
}

/// The scheme, host and port of a URL.
#[derive(PartialEq, Eq)]
struct ServerOrigin {
    is_https: bool,
    host: String,
    port: u16,
}

impl Served {
    #[track_caller]
    fn of(resource: &ProtectedResource) -> Self {
        let checked = resource.checked();
        let mut origins = vec![ServerOrigin::of(resource.identifier())];
        let advertised = ServerOrigin::of(&checked.metadata_url);
        if !origins.contains(&advertised) {
            origins.push(advertised);
        }
        Self {
            origins,
            paths: checked.paths,
            service: resource.service(),
        }
    }
}

impl ServerOrigin {
    /// That of a URL that is checked.
    fn of(url: &str) -> Self {
        let url: Uri = url.parse().expect("it is checked");
        let is_https = url.scheme() != Some(&Scheme::HTTP);
        Self {
            is_https,
            host: url.host().expect("it is checked").to_ascii_lowercase(),
            port: url.port_u16().unwrap_or(default_port(is_https)),
        }
    }

    fn is_at(&self, authority: &Authority) -> bool {
        let port = authority.port_u16().unwrap_or(default_port(self.is_https));
        self.host.eq_ignore_ascii_case(authority.host()) && self.port == port
    }
}

fn default_port(is_https: bool) -> u16 {
    match is_https {
        true => 443,
        false => 80,
    }
}

impl fmt::Debug for ProtectedResources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.resources.iter().map(|served| &served.service);
        f.debug_list().entries(services).finish()
    }
}

/// Answers requests for the well-known paths of several resources; see [`ProtectedResources::service`].
#[derive(Debug, Clone)]
pub struct MetadataByRequest {
    resources: ProtectedResources,
}

impl<B: Body> Service<Request<B>> for MetadataByRequest {
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = MetadataFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.resources.find(&request) {
            Some(service) => service.respond(request),
            None => MetadataFuture::new(Box::new(not_found()), request),
        }
    }
}

fn not_found() -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers the well-known paths of several resources and passes everything else on; see [`ProtectedResources::layer`].
#[derive(Debug, Clone)]
pub struct MetadataByRequestLayer {
    resources: ProtectedResources,
}

impl<S> Layer<S> for MetadataByRequestLayer {
    type Service = MetadataByRequestMiddleware<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MetadataByRequestMiddleware {
            inner,
            resources: self.resources.clone(),
        }
    }
}

/// The service that a [`MetadataByRequestLayer`] builds.
#[derive(Debug, Clone)]
pub struct MetadataByRequestMiddleware<S> {
    inner: S,
    resources: ProtectedResources,
}

impl<S, B, ResB> Service<Request<B>> for MetadataByRequestMiddleware<S>
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
        match self.resources.find(&request) {
            Some(service) => service.intercept(request),
            None => ResponseFuture::pass(self.inner.call(request)),
        }
    }
}
