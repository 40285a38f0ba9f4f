//! Tokens that are bound to a client certificate (RFC 8705), over TLS and behind a proxy.

#[path = "../../../../examples/mtls_server/tls.rs"]
mod tls;

mod behind_a_proxy;
mod connections;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::middleware::map_request;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tower_bearer_auth::testing::{SigningKey, TestCertificate};
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, VerifierExt};

use self::tls::{PeerCertificate, TlsListener};
use crate::support::{Answer, INSIDE, jwts, read};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const NOT_PROVEN: &str = "The access token is bound to a key and cannot be used as a bearer token";
const ANOTHER: &str = "The access token is bound to another key";

/// A server that terminates TLS.
struct Server {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    issuer: SigningKey,
}

impl Server {
    /// Starts a server whose handler requires a token. `protect` adds the layers.
    async fn start(protect: impl FnOnce(Router, &SigningKey) -> Router) -> Self {
        let issuer = SigningKey::generate(Algorithm::ES256);
        let app = Router::new().route("/", get(async |_: AccessToken| INSIDE));
        let app = protect(app, &issuer).layer(map_request(
            async |ConnectInfo(PeerCertificate(certificate)): ConnectInfo<PeerCertificate>,
                   mut request: axum::extract::Request| {
                if let Some(certificate) = certificate {
                    request.extensions_mut().insert(certificate);
                }
                request
            },
        ));
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = own.cert.der().clone();
        let config = tls::config(certificate.clone(), own.signing_key.into()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TlsListener::new(listener, Arc::new(config)).unwrap();
        let app = app.into_make_service_with_connect_info::<PeerCertificate>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            certificate,
            issuer,
        }
    }

    /// A token that is bound to this certificate, if there is one.
    fn token(&self, bound_to: Option<&TestCertificate>) -> String {
        let token = self.issuer.token().issuer(ISSUER).audience(AUDIENCE);
        match bound_to {
            Some(certificate) => token.bound_to_certificate(&certificate.client_certificate()),
            None => token,
        }
        .build()
    }

    /// A connection of a client with this certificate and private key.
    async fn connect(
        &self,
        version: &'static SupportedProtocolVersion,
        identity: Option<(&TestCertificate, &TestCertificate)>,
    ) -> Result<SendRequest<Full<Bytes>>, Box<dyn std::error::Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])?
            .with_root_certificates(roots);
        let config = match identity {
            Some((certificate, key)) => {
                config.with_client_cert_resolver(Arc::new(Identity::new(certificate, key)))
            }
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::from(self.address.ip());
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// The answer to a request of a client with this certificate.
    async fn get(
        &self,
        client: Option<&TestCertificate>,
        token: &str,
        headers: &[(&'static str, String)],
    ) -> Answer {
        let identity = client.map(|client| (client, client));
        let mut sender = self.connect(&TLS13, identity).await.unwrap();
        get_over(&mut sender, token, headers).await
    }
}

async fn get_over(
    sender: &mut SendRequest<Full<Bytes>>,
    token: &str,
    headers: &[(&'static str, String)],
) -> Answer {
    let mut request = Request::get("/")
        .header("host", "api.example.com")
        .header("authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::default()).unwrap();
    read(sender.send_request(request).await.unwrap()).await
}

/// Presents a certificate with any key, even with that of another certificate.
#[derive(Debug)]
struct Identity(Arc<CertifiedKey>);

impl Identity {
    fn new(certificate: &TestCertificate, key: &TestCertificate) -> Self {
        let certificate = CertificateDer::from(certificate.der().to_vec());
        let key = PrivatePkcs8KeyDer::from(key.private_key_der().to_vec());
        let key = aws_lc_rs::sign::any_ecdsa_type(&key.into()).unwrap();
        Self(Arc::new(CertifiedKey::new(vec![certificate], key)))
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certificates() -> [TestCertificate; 2] {
    ["alice", "mallory"].map(TestCertificate::generate)
}

/// With a cache, so that a token that was verified for one client is also tried by others.
fn checked(app: Router, issuer: &SigningKey) -> Router {
    let verifier = jwts(ISSUER, AUDIENCE, issuer).cached(100);
    app.layer(BearerAuthLayer::new(verifier).client_certificates())
}
