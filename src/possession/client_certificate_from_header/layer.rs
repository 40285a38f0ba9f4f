use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderName;

use super::header::Header;
use crate::possession::request_head::RequestHead;
use crate::telemetry::SETUP;

/// Reads the client certificate from a header that a proxy sets, and inserts it as a
/// [`ClientCertificate`](crate::possession::ClientCertificate).
///
/// Use it if a proxy terminates TLS. If the server terminates TLS itself, insert the
/// [`ClientCertificate`](crate::possession::ClientCertificate) of the connection instead. Put this layer outside of the
/// [`BearerAuthLayer`](crate::BearerAuthLayer), and apply only one to a request:
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr, SocketAddr};
///
/// use axum::{Router, extract::ConnectInfo, routing::get};
/// use tower_bearer_auth::possession::{ClientCertificateFromHeader, RequestHead};
///
/// const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
///
/// let certificates =
///     ClientCertificateFromHeader::client_cert().trusted(|head: RequestHead<'_>| {
///         let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
///         peer.is_some_and(|ConnectInfo(peer)| peer.ip() == PROXY)
///     });
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     // Here the BearerAuthLayer.
///     .layer(certificates);
/// // Serve it with `into_make_service_with_connect_info::<SocketAddr>()`.
/// # let _ = app;
/// ```
///
/// A client can send any header. So the layer reads the header only in requests for which the function of
/// [`trusted`](Self::trusted) returns `true`. The proxy must remove the header from its clients' requests before
/// it sets its own:
///
/// | the request | the header | the extension |
/// |---|---|---|
/// | comes from a trusted proxy, with the header | removed | that of the header; none if the header is refused |
/// | comes from a trusted proxy, without the header or with an empty one | – | none: a certificate of the connection is the proxy's own |
/// | comes from elsewhere, or [`trusted`](Self::trusted) was not called | removed, not read | that of the connection, if there is one |
///
/// A header is refused if it is repeated, names more than one certificate or more than one hop, is longer than 64 KiB,
/// or is malformed in any other way. The request then goes on without a certificate, so that a
/// [`BearerAuthLayer`](crate::BearerAuthLayer) answers 401 to a token that is bound to one. The reason is in the log at
/// `DEBUG`, with the target `tower_bearer_auth::possession`.
///
/// The certificate's dates, names and chain are not checked. The thumbprint in the token decides (RFC 8705 §6.2).
#[derive(Clone)]
pub struct ClientCertificateFromHeader {
    header: Header,
    trusted: Option<Arc<Trusted>>,
    has_warned: Arc<AtomicBool>,
}

type Trusted = dyn Fn(RequestHead<'_>) -> bool + Send + Sync;

impl ClientCertificateFromHeader {
    /// Reads `Client-Cert` (RFC 9440): the certificate in DER, as base64 between colons.
    ///
    /// The layer removes `Client-Cert-Chain` too, and does not read it.
    pub fn client_cert() -> Self {
        Self::new(Header::client_cert())
    }

    /// Reads `X-Forwarded-Client-Cert`, as Envoy and Istio set it.
    ///
    /// The header must have one element, that of the proxy in front of the server: configure the proxy with
    /// `forward_client_cert_details: SANITIZE_SET`. `Hash` suffices. If the header has `Cert`, that is read too, and if
    /// it has both, they must agree.
    pub fn envoy_xfcc() -> Self {
        Self::new(Header::envoy_xfcc())
    }

    /// Reads a header that has the certificate in percent-encoded PEM, such as that of nginx
    /// (`proxy_set_header x-ssl-cert $ssl_client_escaped_cert;`) or `X-Amzn-Mtls-Clientcert-Leaf` of AWS load
    /// balancers.
    ///
    /// The PEM must have one `CERTIFICATE` block and nothing else except white space. A plus sign is part of the base64
    /// text, not a space.
    ///
    /// # Panics
    ///
    /// If `name` is not a valid header name (RFC 9110 §5.1).
    #[track_caller]
    pub fn escaped_pem(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => Self::new(Header::escaped_pem(name)),
            Err(_) => panic!("{name:?} cannot be the name of a header"),
        }
    }

    fn new(header: Header) -> Self {
        Self {
            header,
            trusted: None,
            has_warned: Arc::default(),
        }
    }

    /// Sets which requests come from the proxy, such as those from its address or those with its certificate. Default:
    /// none, so the layer removes the header from each request and reads none.
    ///
    /// The function runs for each request, and sees the header before it is removed. Decide from something that a
    /// client cannot set, such as the address of the connection. A later call replaces an earlier one.
    #[must_use]
    pub fn trusted(
        mut self,
        trusted: impl Fn(RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.trusted = Some(Arc::new(trusted));
        self
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn trusts(&self, head: RequestHead<'_>) -> bool {
        self.trusted.as_ref().is_some_and(|trusted| trusted(head))
    }

    /// Warns once that headers arrive and [`trusted`](Self::trusted) is missing.
    pub(super) fn warn_if_nothing_is_trusted(&self) {
        if self.trusted.is_none() && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: SETUP,
                header = self.header.name(),
                "client certificates in a header are removed, because no proxy is trusted; \
                 ClientCertificateFromHeader::trusted sets which one is"
            );
        }
    }
}

impl fmt::Debug for ClientCertificateFromHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificateFromHeader")
            .field("header", &self.header)
            .field("trusts", &self.trusted.is_some())
            .finish_non_exhaustive()
    }
}
