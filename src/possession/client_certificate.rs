//! The certificate of the client, as the TLS acceptor or a proxy reports it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::sha256::{Sha256Digest, sha256};
use crate::verify::keys::certificate;

/// The certificate with which the client of this connection has authenticated itself (RFC 8705): an extension of the
/// request. It contains only the thumbprint.
///
/// This crate does not terminate TLS, so the server inserts it into the extensions of each request of the connection,
/// in front of the [`BearerAuthLayer`](crate::BearerAuthLayer). If a proxy terminates TLS, use
/// [`ClientCertificateFromHeader`](super::ClientCertificateFromHeader) instead.
///
/// - **hyper**: after the handshake, wrap the service of the connection, as below.
/// - **axum 0.8**: `axum::serve` with an `axum::serve::Listener` whose `Io` is the TLS stream. Serve the app with
///   `into_make_service_with_connect_info::<C>()`, where `C: Connected<IncomingStream<'_, L>>` takes the certificate
///   from `stream.io()`, and copy it from `ConnectInfo<C>` to the request in a middleware. The example `mtls_server`
///   does so.
/// - **axum-server**: a custom `axum_server::accept::Accept` around `RustlsAcceptor`, which wraps the service after the
///   handshake, as with hyper.
///
/// The TLS server must request a certificate and verify the signature of the handshake, which proves that the client
/// has the key. The chain need not be verified, because the token names the certificate (RFC 8705 §6.2).
///
/// ```
/// use axum::{Extension, Router};
/// use hyper_util::rt::TokioIo;
/// use hyper_util::service::TowerToHyperService;
/// use tokio::net::TcpStream;
/// use tokio_rustls::TlsAcceptor;
/// use tower::ServiceBuilder;
/// use tower_bearer_auth::possession::ClientCertificate;
///
/// async fn serve_connection(
///     stream: TcpStream,
///     acceptor: TlsAcceptor,
///     app: Router,
/// ) -> Result<(), Box<dyn std::error::Error>> {
///     let stream = acceptor.accept(stream).await?;
///     let chain = stream.get_ref().1.peer_certificates();
///     // The first one is the client's, the others are its issuers.
///     let certificate = chain
///         .and_then(|chain| chain.first())
///         .map(|certificate| ClientCertificate::from_der(certificate));
///     // Each request of the connection gets the extension, if there is a certificate.
///     let service = ServiceBuilder::new()
///         .option_layer(certificate.map(Extension))
///         .service(app);
///     let service = TowerToHyperService::new(service);
///     let connection = hyper::server::conn::http1::Builder::new();
///     connection.serve_connection(TokioIo::new(stream), service).await?;
///     Ok(())
/// }
/// ```
///
/// Without axum, a `tower::util::MapRequestLayer` that calls `request.extensions_mut().insert(certificate.clone())`
/// does the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    thumbprint: Box<str>,
}

impl ClientCertificate {
    /// The certificate with this encoding in DER, such as a `CertificateDer` of rustls. The encoding is not checked.
    pub fn from_der(der: &[u8]) -> Self {
        Self::from_digest(&sha256(der))
    }

    /// The certificate whose encoding has this SHA-256 digest.
    pub(super) fn from_digest(digest: &Sha256Digest) -> Self {
        Self {
            thumbprint: URL_SAFE_NO_PAD.encode(digest).into(),
        }
    }

    /// The certificate with this encoding. `None` if it is not that of an X.509 certificate.
    pub(super) fn from_certificate(der: &[u8]) -> Option<Self> {
        certificate::public_key_info(der).ok()?;
        Some(Self::from_der(der))
    }

    /// The SHA-256 thumbprint in base64url without padding, as in `x5t#S256` (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}
