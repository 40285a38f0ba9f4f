//! A listener for axum that terminates TLS and knows the certificate of each client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};
use tokio_rustls::server::TlsStream;
use tower_bearer_auth::possession::ClientCertificate;

/// A configuration that requests a client certificate, and accepts every certificate and none.
pub(crate) fn config(
    certificate: CertificateDer<'static>,
    private_key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = AnyClientCertificate(Arc::clone(&provider));
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![certificate], private_key)
}

/// Accepts every certificate whose private key the client has.
///
/// The token names the certificate, so it does not matter who issued it (RFC 8705 §6.2). If your clients have
/// certificates of a CA, use `WebPkiClientVerifier` instead.
#[derive(Debug)]
struct AnyClientCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClientCertificate {
    /// Clients without a certificate get a response: 401, or 200 for a token that is not bound.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    // The signatures of the handshake prove that the client has the private key. Without these checks, a client could
    // present the certificate of another.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

type Connection = (TlsStream<TcpStream>, SocketAddr);

/// Connections whose handshake is complete.
///
/// Handshakes run in tasks of their own, so that a client that does not finish its handshake delays no other.
pub(crate) struct TlsListener {
    connections: mpsc::Receiver<Connection>,
    address: SocketAddr,
}

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

impl TlsListener {
    pub(crate) fn new(listener: TcpListener, config: Arc<ServerConfig>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, connections) = mpsc::channel(1);
        tokio::spawn(accept(listener, config.into(), sender));
        Ok(Self {
            connections,
            address,
        })
    }
}

/// Accepts connections until the listener is dropped.
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, sender: mpsc::Sender<Connection>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Such as too many open files.
            sleep(Duration::from_secs(1)).await;
            continue;
        };
        let handshake = acceptor.accept(stream);
        let sender = sender.clone();
        tokio::spawn(async move {
            match timeout(HANDSHAKE_TIMEOUT, handshake).await {
                // An error means that the server is shutting down.
                Ok(Ok(stream)) => drop(sender.send((stream, peer)).await),
                Ok(Err(error)) => eprintln!("handshake with {peer}: {error}"),
                Err(_) => eprintln!("handshake with {peer}: timeout"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Connection {
        let connection = self.connections.recv().await;
        connection.expect("the task that accepts ends after its listener")
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// The certificate of a connection's client, if it has presented one.
#[derive(Debug, Clone)]
pub(crate) struct PeerCertificate(pub(crate) Option<ClientCertificate>);

impl Connected<IncomingStream<'_, TlsListener>> for PeerCertificate {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (_, connection) = stream.io().get_ref();
        let chain = connection.peer_certificates().unwrap_or_default();
        // The first one is the client's, the others are its issuers.
        Self(chain.first().map(|leaf| ClientCertificate::from_der(leaf)))
    }
}
