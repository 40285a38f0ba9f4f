//! A server that checks DPoP proofs and client certificates of JWTs and of opaque tokens. See ../README.md.
//!
//! It prints its address and serves until it is killed. Its configuration is in environment variables. With the argument
//! `certificates` it prints certificates with their private keys and ends.

#[path = "../../../examples/mtls_server/tls.rs"]
mod tls;

use std::env;
use std::error::Error;
use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, Request};
use axum::http::StatusCode;
use axum::middleware::map_request;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower_bearer_auth::possession::{ClientCertificateFromHeader, Dpop, RequestHead};
use tower_bearer_auth::testing::{DpopKey, SigningKey, TestCertificate};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, IntrospectionVerifier, JwtVerifier, ProtectedResource,
    VerifierExt,
};
use tracing_subscriber::EnvFilter;

use crate::tls::{PeerCertificate, TlsListener};

/// The proxy's end of its connections to this server. The clients have 127.0.0.1.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// The issuer of the tokens that are bound to ML-DSA keys: this server itself.
const OWN_ISSUER: &str = "https://own.example.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if env::args().nth(1).as_deref() == Some("certificates") {
        println!("{}", certificates()?);
        return Ok(());
    }
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    match env::var("PUBLIC_URL") {
        Ok(public_url) => {
            let certificates = ClientCertificateFromHeader::escaped_pem("x-ssl-cert").trusted(
                |head: RequestHead<'_>| {
                    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
                    peer.is_some_and(|ConnectInfo(peer)| peer.ip() == PROXY)
                },
            );
            let app = app(&public_url)?.layer(certificates);
            println!("listening on http://{address}");
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, app).await?;
        }
        Err(_) => {
            let certificate =
                CertificateDer::from_pem_slice(env::var("SERVER_CERTIFICATE")?.as_bytes())?;
            let key = PrivateKeyDer::from_pem_slice(env::var("SERVER_KEY")?.as_bytes())?;
            let config = tls::config(certificate, key)?;
            let app = app(&format!("https://{address}"))?.layer(map_request(insert_certificate));
            println!("listening on https://{address}");
            let app = app.into_make_service_with_connect_info::<PeerCertificate>();
            axum::serve(TlsListener::new(listener, Arc::new(config))?, app).await?;
        }
    }
    Ok(())
}

/// `/notes` requires a token, which may be bound to a key.
fn app(url: &str) -> Result<Router, Box<dyn Error>> {
    let issuer = env::var("ISSUER")?;
    let resource = ProtectedResource::new(format!("{url}/notes")).authorization_servers([&issuer]);
    let own_key = SigningKey::generate(Algorithm::ES256);
    let jwts = JwtVerifier::builder()
        .discover(issuer)
        .audience(&resource)
        .build()?;
    let own = JwtVerifier::builder()
        .key(own_key.verifying_key())
        .issuer(OWN_ISSUER)
        .audience(&resource)
        .build()?;
    let opaque = IntrospectionVerifier::builder(env::var("INTROSPECTION_URL")?)
        .client_secret_basic(env::var("CLIENT_ID")?, env::var("CLIENT_SECRET")?)
        .audience(&resource)
        .build()?;
    let auth = BearerAuthLayer::new(jwts.or_else(own).or_else(opaque))
        .resource(&resource)
        .dpop(Dpop::new())
        .client_certificates();
    let metadata = auth.protected_resource().router();

    let own_token = own_key
        .token()
        .issuer(OWN_ISSUER)
        .audience(resource.identifier())
        .client_id("own")
        .scopes(["notes:read"]);
    let resource = resource.identifier().to_owned();
    let make_proof = move |Path(algorithm): Path<String>| {
        let answer = algorithm.parse().map(|algorithm| {
            let key = DpopKey::generate(algorithm);
            let token = own_token.clone().bound_to(&key).build();
            let proof = key.proof("GET", &resource, &token).build();
            Json(json!({ "token": token, "proof": proof }))
        });
        ready(answer.map_err(|_| StatusCode::NOT_FOUND))
    };
    Ok(Router::new()
        .route("/notes", get(whoami))
        .layer(auth)
        .merge(metadata)
        // A token and a proof of an algorithm that the provider and Node do not have.
        .route("/proof/{algorithm}", get(make_proof)))
}

/// Makes the certificate of the connection an extension of the request.
async fn insert_certificate(
    ConnectInfo(PeerCertificate(certificate)): ConnectInfo<PeerCertificate>,
    mut request: Request,
) -> Request {
    if let Some(certificate) = certificate {
        request.extensions_mut().insert(certificate);
    }
    request
}

async fn whoami(token: AccessToken) -> String {
    let client = token.client_id().unwrap_or("unknown");
    format!("{client} with the scopes: {}", token.scopes())
}

/// A certificate for the servers at 127.0.0.1, and one for each of two clients.
fn certificates() -> Result<Value, Box<dyn Error>> {
    let server = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let client = |name| {
        let client = TestCertificate::generate(name);
        json!({ "cert": client.pem(), "key": client.private_key_pem() })
    };
    Ok(json!({
        "server": { "cert": server.cert.pem(), "key": server.signing_key.serialize_pem() },
        "alice": client("alice"),
        "mallory": client("mallory"),
    }))
}
