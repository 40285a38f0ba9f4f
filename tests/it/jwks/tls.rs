//! The URLs that an https document may point to, and private CAs.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::CertifiedKey;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use super::{AUDIENCE, cause, manual_clock, unavailable, verify};
use tower_bearer_auth::jwks::{Discovery, HttpKeySource, KeySource};
use tower_bearer_auth::testing::{Fault, TestIssuer};
use tower_bearer_auth::{AccessToken, Jwks, JwtVerifier, VerifyError};

/// The host name of an issuer that appears to be on another machine.
const NAME: &str = "issuer.test";

/// A name of the same issuer without TLS.
const PLAIN_NAME: &str = "plain.issuer.test";

/// An issuer behind TLS, with a certificate for [`NAME`] and for the names of this machine.
struct Secured {
    issuer: TestIssuer,
    address: SocketAddr,
    client: reqwest::Client,
}

impl Secured {
    async fn start() -> Self {
        let issuer = TestIssuer::start().await;
        let names = [NAME, "localhost", "127.0.0.1"].map(str::to_owned);
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], signing_key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::new(config).into(), issuer.address()));

        let certificate = reqwest::Certificate::from_der(cert.der()).unwrap();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([certificate])
            .resolve(NAME, address)
            .resolve(PLAIN_NAME, issuer.address())
            .build()
            .unwrap();
        issuer.rename(format!("https://{NAME}:{}", address.port()));
        Self {
            issuer,
            address,
            client,
        }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    /// Sets the `jwks_uri` of the issuer's metadata.
    fn keys_at(&self, url: impl Into<String>) {
        let metadata = json!({"issuer": self.issuer.issuer(), "jwks_uri": url.into()});
        self.issuer.metadata(Some(metadata));
    }

    fn discovery(&self) -> Discovery {
        let source = Discovery::builder(self.issuer.issuer()).client(self.client.clone());
        source.build().unwrap()
    }

    async fn verify(&self, source: impl KeySource) -> Result<AccessToken, VerifyError> {
        let verifier = JwtVerifier::builder()
            .jwks(Jwks::builder(source).clock(manual_clock()).build().unwrap())
            .issuer(self.issuer.issuer())
            .audience(AUDIENCE)
            .clock(manual_clock())
            .build()
            .unwrap();
        let token = self.issuer.token().audience(AUDIENCE).clock(manual_clock());
        verify(&verifier, &token.build()).await
    }

    async fn failure(&self, source: impl KeySource) -> String {
        let result = self.verify(source).await;
        let cause = cause(result.as_ref().unwrap_err());
        unavailable(result);
        cause
    }
}

/// Terminates TLS, and forwards each connection to `to`.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut secure = acceptor.accept(stream).await?;
            let mut plain = TcpStream::connect(to).await?;
            tokio::io::copy_bidirectional(&mut secure, &mut plain).await
        });
    }
}

#[tokio::test]
async fn a_private_ca_is_trusted_through_a_custom_http_client() {
    let secured = Secured::start().await;
    secured.keys_at(secured.url(NAME) + "/jwks");
    secured.verify(secured.discovery()).await.unwrap();
    let source = HttpKeySource::builder(secured.url("localhost") + "/jwks");
    let source = source.client(secured.client.clone()).build().unwrap();
    secured.verify(source).await.unwrap();

    // Without that client, the CA is not trusted.
    let source = HttpKeySource::builder(secured.url("localhost") + "/jwks");
    let cause = secured.failure(source.build().unwrap()).await;
    assert!(cause.to_lowercase().contains("certificate"), "{cause}");
    assert_eq!(secured.issuer.jwks_requests(), 2);
}

#[tokio::test]
async fn an_https_document_must_not_point_to_http() {
    let secured = Secured::start().await;
    let port = secured.issuer.address().port();
    for host in [NAME, "127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/jwks");
        secured.keys_at(format!("{url}?api_key=s3cret"));
        let cause = secured.failure(secured.discovery()).await;
        let expected = format!("jwks_uri {url} is not https (allow_http() of");
        assert!(cause.contains(&expected), "{host}: {cause}");
        assert!(!cause.contains("s3cret"), "{host}: {cause}");
    }
    // The same applies to a document from this machine.
    secured.issuer.rename(secured.url("localhost"));
    secured.keys_at(secured.issuer.jwks_url());
    let source = Discovery::builder(secured.issuer.issuer()).client(secured.client.clone());
    let cause = secured.failure(source.build().unwrap()).await;
    assert!(cause.contains("is not https"), "{cause}");
    assert_eq!(secured.issuer.jwks_requests(), 0);
}

#[tokio::test]
async fn an_https_document_may_point_to_http_when_allowed() {
    let secured = Secured::start().await;
    let port = secured.issuer.address().port();
    let allowed = || {
        let source = Discovery::builder(secured.issuer.issuer()).client(secured.client.clone());
        source.allow_http().build().unwrap()
    };
    secured.keys_at(format!("http://{PLAIN_NAME}:{port}/jwks"));
    secured.verify(allowed()).await.unwrap();
    assert_eq!(secured.issuer.jwks_requests(), 1);
    // A URL of this machine, or with another scheme, is still refused.
    for (url, word) in [
        (
            format!("http://127.0.0.1:{port}/jwks"),
            "points to this machine",
        ),
        (
            format!("http://localhost:{port}/jwks"),
            "points to this machine",
        ),
        (format!("ftp://{PLAIN_NAME}/jwks"), "is not https"),
    ] {
        secured.keys_at(&url);
        let cause = secured.failure(allowed()).await;
        assert!(cause.contains(word), "{url}: {cause}");
        assert!(!cause.contains("allow_http"), "{url}: {cause}");
    }
    assert_eq!(secured.issuer.jwks_requests(), 1);
}

#[tokio::test]
async fn an_https_document_of_another_host_must_not_point_to_this_machine() {
    let secured = Secured::start().await;
    for host in ["localhost", "127.0.0.1", "x.localhost", "[::1]"] {
        secured.keys_at(secured.url(host) + "/jwks");
        let cause = secured.failure(secured.discovery()).await;
        assert!(cause.contains("points to this machine"), "{host}: {cause}");
    }
    assert_eq!(secured.issuer.jwks_requests(), 0);

    // A document from this machine may point to this machine.
    secured.issuer.rename(secured.url("localhost"));
    secured.keys_at(secured.url("127.0.0.1") + "/jwks");
    secured.verify(secured.discovery()).await.unwrap();
}

#[tokio::test]
async fn a_redirect_from_https_is_not_followed() {
    let secured = Secured::start().await;
    let plain = TestIssuer::start().await;
    let redirect = Fault::Redirect(plain.jwks_url());
    secured.issuer.jwks_fault(Some(redirect));
    secured.keys_at(secured.url(NAME) + "/jwks");
    let cause = secured.failure(secured.discovery()).await;
    assert!(cause.contains("302"), "{cause}");
    assert_eq!(plain.jwks_requests(), 0);
}
