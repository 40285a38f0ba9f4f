//! A server whose tokens are bound to a client certificate (RFC 8705), with axum and tokio-rustls:
//! `cargo run --example mtls_server`.
//!
//! It generates its own certificate, one for each of two clients, and tokens. It writes the certificates and their keys
//! into a new directory and prints curl commands that use them. It listens on 127.0.0.1:3000, or on the address in
//! `BIND`.

mod tls;

use std::env;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_bearer_auth::testing::{SigningKey, TestCertificate};
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, JwtVerifier, Verifier};

use crate::tls::{PeerCertificate, TlsListener};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Takes the place of the authorization server.
    let issuer = SigningKey::generate(Algorithm::ES256);
    let verifier = JwtVerifier::builder()
        .key(issuer.verifying_key())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()?;

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    let server = rcgen::generate_simple_self_signed([address.ip().to_string()])?;
    let config = tls::config(server.cert.der().clone(), server.signing_key.into())?;

    introduce(address, &server.cert.pem(), &issuer)?;
    let listener = TlsListener::new(listener, Arc::new(config))?;
    let app = app(verifier).into_make_service_with_connect_info::<PeerCertificate>();
    axum::serve(listener, app).await?;
    Ok(())
}

fn app(verifier: impl Verifier) -> Router {
    Router::new()
        .route("/", get(whoami))
        .layer(BearerAuthLayer::new(verifier).client_certificates())
        // Outside of the layer that needs the certificate.
        .layer(map_request(insert_certificate))
}

/// Makes the certificate of the connection an extension of the request, where the layer looks for it.
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
    format!("hello {}\n", token.subject().unwrap_or("stranger"))
}

/// Writes the files that the commands need, and prints the commands.
fn introduce(
    address: SocketAddr,
    server_certificate: &str,
    issuer: &SigningKey,
) -> Result<(), Box<dyn Error>> {
    let directory = env::temp_dir().join(format!("mtls_server-{}", process::id()));
    fs::create_dir(&directory)?;
    let server = write(&directory, "server.pem", server_certificate)?;
    let [alice, mallory] = ["alice", "mallory"].map(|name| (name, TestCertificate::generate(name)));
    let mut as_client = Vec::new();
    for (name, certificate) in [&alice, &mallory] {
        let key = write(
            &directory,
            &format!("{name}.key"),
            &certificate.private_key_pem(),
        )?;
        let certificate = write(&directory, &format!("{name}.pem"), &certificate.pem())?;
        as_client.push(format!(
            " --cert '{}' --key '{}'",
            certificate.display(),
            key.display()
        ));
    }

    let token = || {
        issuer
            .token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject("alice")
    };
    let bound = token()
        .bound_to_certificate(&alice.1.client_certificate())
        .build();
    let plain = token().build();
    println!(
        "listening on https://{address}, with its files in {}\n",
        directory.display()
    );
    let curl = format!("curl -i https://{address}/ --cacert '{}'", server.display());
    for (what, client, token) in [
        (
            "200, alice's token with her certificate:",
            &*as_client[0],
            &bound,
        ),
        (
            "401, her token with another certificate:",
            &as_client[1],
            &bound,
        ),
        ("401, her token without a certificate:", "", &bound),
        ("200, a token that is not bound needs none:", "", &plain),
    ] {
        println!("{what}\n{curl}{client} -H 'Authorization: Bearer {token}'\n");
    }
    Ok(())
}

fn write(directory: &Path, name: &str, text: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = directory.join(name);
    fs::write(&path, text)?;
    Ok(path)
}
