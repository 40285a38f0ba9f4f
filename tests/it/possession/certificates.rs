//! Tokens that are bound to a client certificate (RFC 8705), over TLS and behind a proxy.

#[path = "../../../examples/mtls_server/tls.rs"]
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::middleware::map_request;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tower_bearer_auth::possession::{ClientCertificate, ClientCertificateFromHeader, RequestHead};
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

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_needs_a_connection_with_this_certificate() {
    let server = Server::start(checked).await;
    let [alice, mallory] = certificates();
    let bound = server.token(Some(&alice));
    let plain = server.token(None);
    for version in [&TLS12, &TLS13] {
        for _ in 0..2 {
            for (client, refusal) in [
                (Some(&alice), None),
                (Some(&mallory), Some(ANOTHER)),
                (None, Some(NOT_PROVEN)),
            ] {
                let identity = client.map(|client| (client, client));
                let mut sender = server.connect(version, identity).await.unwrap();
                // Each request of the connection gets its certificate.
                for _ in 0..2 {
                    let answer = get_over(&mut sender, &bound, &[]).await;
                    match refusal {
                        None => answer.assert_passed(),
                        Some(description) => answer.assert_invalid_token(description),
                    }
                    get_over(&mut sender, &plain, &[]).await.assert_passed();
                }
            }
        }
    }
}

#[tokio::test]
async fn a_client_cannot_present_a_certificate_whose_key_it_does_not_have() {
    let server = Server::start(checked).await;
    let [alice, mallory] = certificates();
    let bound = server.token(Some(&alice));
    for version in [&TLS12, &TLS13] {
        let connected = server.connect(version, Some((&alice, &mallory))).await;
        // In TLS 1.3, the client's handshake ends before the server has verified the signature.
        if let Ok(mut sender) = connected {
            assert_eq!(*version, TLS13);
            let request = Request::get("/")
                .header("host", "api.example.com")
                .header("authorization", format!("Bearer {bound}"))
                .body(Full::default())
                .unwrap();
            sender.send_request(request).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn a_layer_that_does_not_check_certificates_refuses_the_token() {
    let server = Server::start(|app, issuer| {
        app.layer(BearerAuthLayer::new(jwts(ISSUER, AUDIENCE, issuer)))
    })
    .await;
    let [alice, _] = certificates();
    let bound = server.token(Some(&alice));
    for client in [Some(&alice), None] {
        let answer = server.get(client, &bound, &[]).await;
        answer.assert_invalid_token(NOT_PROVEN);
    }
    let plain = server.token(None);
    server.get(None, &plain, &[]).await.assert_passed();
}

/// A form of the header, its name, and how a proxy writes a certificate in it.
type Form = (
    fn() -> ClientCertificateFromHeader,
    &'static str,
    fn(&TestCertificate) -> String,
);

const FORMS: [Form; 4] = [
    (
        ClientCertificateFromHeader::client_cert,
        "client-cert",
        |certificate| format!(":{}:", STANDARD.encode(certificate.der())),
    ),
    (
        ClientCertificateFromHeader::envoy_xfcc,
        "x-forwarded-client-cert",
        |certificate| {
            let hash = hexadecimal_digest(certificate.der());
            format!("By=spiffe://proxy;Hash={hash};Subject=\"CN=\\\"alice\\\",O=a;b\"")
        },
    ),
    (
        ClientCertificateFromHeader::envoy_xfcc,
        "x-forwarded-client-cert",
        |certificate| format!("Cert=\"{}\"", escaped(certificate)),
    ),
    (
        || ClientCertificateFromHeader::escaped_pem("x-ssl-cert"),
        "x-ssl-cert",
        escaped,
    ),
];

fn hexadecimal_digest(octets: &[u8]) -> String {
    use ::aws_lc_rs::digest::{SHA256, digest};
    let digest = digest(&SHA256, octets);
    digest
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

fn escaped(certificate: &TestCertificate) -> String {
    let escape = |octet: u8| match octet {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    };
    certificate.pem().bytes().map(escape).collect()
}

/// A server that trusts the header from a proxy with this certificate. It refuses requests in which the header remains.
async fn behind(proxy: &TestCertificate, form: fn() -> ClientCertificateFromHeader) -> Server {
    let proxy = proxy.client_certificate();
    Server::start(move |app, issuer| {
        let certificates = form().trusted(move |head: RequestHead<'_>| {
            head.extensions.get::<ClientCertificate>() == Some(&proxy)
        });
        let app = app.layer(map_request(
            async |headers: HeaderMap, request: axum::extract::Request| {
                for (_, name, _) in FORMS {
                    let is_kept = headers.contains_key(name);
                    assert!(!is_kept, "{name}");
                }
                request
            },
        ));
        checked(app, issuer).layer(certificates)
    })
    .await
}

#[tokio::test]
async fn behind_a_proxy_the_certificate_is_that_of_the_header() {
    let [alice, mallory] = certificates();
    let proxy = TestCertificate::generate("proxy");
    for (form, name, write) in FORMS {
        let server = behind(&proxy, form).await;
        let bound = server.token(Some(&alice));
        let plain = server.token(None);
        let header = |certificate| (name, write(certificate));
        let empty = || (name, String::new());
        for (headers, refusal) in [
            (vec![header(&alice)], None),
            (vec![header(&mallory)], Some(ANOTHER)),
            (vec![], Some(NOT_PROVEN)),
            (vec![empty()], Some(NOT_PROVEN)),
            // The proxy kept what the client sent, and added its own.
            (vec![header(&alice), header(&mallory)], Some(NOT_PROVEN)),
            (vec![header(&mallory), header(&alice)], Some(NOT_PROVEN)),
            (vec![header(&alice), empty()], Some(NOT_PROVEN)),
            (
                vec![(name, format!("{},{}", write(&alice), write(&mallory)))],
                Some(NOT_PROVEN),
            ),
            (vec![(name, "none".into())], Some(NOT_PROVEN)),
        ] {
            let answer = server.get(Some(&proxy), &bound, &headers).await;
            match refusal {
                None => answer.assert_passed(),
                Some(description) => answer.assert_invalid_token(description),
            }
            // A header that is refused does not refuse a token that needs no certificate.
            let answer = server.get(Some(&proxy), &plain, &headers).await;
            answer.assert_passed();
        }
    }
}

#[tokio::test]
async fn the_certificate_of_the_proxy_is_never_that_of_a_client() {
    let [alice, _] = certificates();
    let proxy = TestCertificate::generate("proxy");
    for (form, name, write) in FORMS {
        let server = behind(&proxy, form).await;
        let bound = server.token(Some(&proxy));
        let answer = server.get(Some(&proxy), &bound, &[]).await;
        answer.assert_invalid_token(NOT_PROVEN);
        let answer = server
            .get(Some(&proxy), &bound, &[(name, "none".into())])
            .await;
        answer.assert_invalid_token(NOT_PROVEN);
        let answer = server
            .get(Some(&proxy), &bound, &[(name, write(&alice))])
            .await;
        answer.assert_invalid_token(ANOTHER);
    }
}

#[tokio::test]
async fn a_client_that_reaches_the_server_directly_cannot_send_the_header_itself() {
    let [alice, mallory] = certificates();
    let proxy = TestCertificate::generate("proxy");
    for (form, name, write) in FORMS {
        let server = behind(&proxy, form).await;
        let bound = server.token(Some(&alice));
        let forged = [(name, write(&alice))];
        let answer = server.get(Some(&mallory), &bound, &forged).await;
        answer.assert_invalid_token(ANOTHER);
        let answer = server.get(None, &bound, &forged).await;
        answer.assert_invalid_token(NOT_PROVEN);
        // The certificate of the connection still counts.
        let other = [(name, write(&mallory))];
        server
            .get(Some(&alice), &bound, &other)
            .await
            .assert_passed();
        server.get(Some(&alice), &bound, &[]).await.assert_passed();
    }
}

#[tokio::test]
async fn no_header_counts_if_no_proxy_is_trusted() {
    let [alice, _] = certificates();
    for (form, name, write) in FORMS {
        let server = Server::start(|app, issuer| checked(app, issuer).layer(form())).await;
        let bound = server.token(Some(&alice));
        let header = [(name, write(&alice))];
        let answer = server.get(None, &bound, &header).await;
        answer.assert_invalid_token(NOT_PROVEN);
        server
            .get(Some(&alice), &bound, &header)
            .await
            .assert_passed();
    }
}
