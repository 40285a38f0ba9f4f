//! An MCP server that requires bearer tokens: `cargo run --example mcp_server`.
//!
//! It needs no identity provider: it starts a small authorization server, which logs every user in as `alice`, and
//! prints curl commands with tokens. An MCP client that supports OAuth needs only the URL of the server. To use your
//! own issuer, which must have metadata:
//!
//! ```text
//! ISSUER=https://issuer.example.com RESOURCE=https://notes.example.com/mcp \
//! cargo run --example mcp_server
//! ```
//!
//! With `DPOP=optional` or `DPOP=required` it also prints a token that is bound to a key, and the command that calls the
//! server with it.
//!
//! The server starts even if the issuer is unreachable, and answers 503 until it has keys.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BIND` | address and port to listen on; port 0 selects a free one | `127.0.0.1:3000` |
//! | `RESOURCE` | the URL that clients call, which is the required audience | `/mcp` at `BIND` |
//! | `ISSUER` | the issuer of tokens | the built-in authorization server |
//! | `JWKS_URL` | the URL of the issuer's JWK Set | found by discovery |
//! | `PUBLIC_KEY_PEM` | instead of `JWKS_URL`: the issuer's key or certificate as PEM text, or a path | |
//! | `ALGORITHM` | the signature algorithm for `PUBLIC_KEY_PEM` | by the key: RS256, ES256, ES384, ES512, EdDSA, ML-DSA-44, ML-DSA-65 or ML-DSA-87 |
//! | `DPOP` | `optional`: accepts tokens that are bound to a key by DPoP, with a proof; `required`: accepts no others | refuses bound tokens |
//! | `DPOP_NONCE` | `1`: requires a nonce of the server in each proof | no nonces |
//! | `RUST_LOG` | what to log | `info,tower_bearer_auth=debug` |

mod app;
// For development only: it logs every user in. The tests of the crate use it too.
#[allow(dead_code, reason = "the tests look at more of it")]
mod authorization_server;
mod introduction;
mod notes;
mod proofs;

use std::env;
use std::error::Error;
use std::fs;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tower_bearer_auth::{Algorithm, JwtVerifier, ProtectedResource, VerifyingKey};
use tracing_subscriber::EnvFilter;

use self::authorization_server::AuthorizationServer;
use self::proofs::Proofs;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,tower_bearer_auth=debug"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&bind)
        .await
        .map_err(|error| format!("cannot listen on {bind}: {error}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let identifier = env::var("RESOURCE").unwrap_or_else(|_| format!("{url}/mcp"));

    let proofs = Proofs::from_environment()?;

    println!("listening on {url}");
    let (resource, verifier) = match env::var("ISSUER") {
        Ok(issuer) => {
            let resource = notes::resource(identifier, &issuer);
            let verifier = verifier_from_environment(issuer, &resource)?;
            (resource, verifier)
        }
        Err(_) => {
            // It generates a key at each start, because a key in a source file may end up in production.
            let scopes = ["notes:read", "notes:write", "admin"];
            let server = AuthorizationServer::start_lenient(scopes).await;
            introduction::print(&url, &identifier, &server, proofs);
            let resource = notes::resource(identifier, server.issuer());
            let verifier = JwtVerifier::builder()
                .discover(server.issuer())
                .audience(&resource)
                .build()?;
            (resource, verifier)
        }
    };
    resource.check()?;
    axum::serve(listener, app::app(verifier, &resource, proofs.setting())?)
        .with_graceful_shutdown(async {
            // If no handler can be installed, the signal terminates the process by default.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

/// The verifier for the tokens of a real issuer.
fn verifier_from_environment(
    issuer: String,
    resource: &ProtectedResource,
) -> Result<JwtVerifier, Box<dyn Error>> {
    let [url, pem] = ["JWKS_URL", "PUBLIC_KEY_PEM"].map(|name| env::var(name).ok());
    let builder = JwtVerifier::builder().audience(resource);
    let builder = match (url, pem) {
        (None, None) => builder.discover(issuer),
        (Some(url), None) => builder.issuer(issuer).jwks_url(url),
        (None, Some(pem)) => builder.issuer(issuer).key(verifying_key(&text_of(pem)?)?),
        (Some(_), Some(_)) => return Err("JWKS_URL and PUBLIC_KEY_PEM exclude each other".into()),
    };
    Ok(builder.build()?)
}

/// A PEM text, or that of the file at this path.
fn text_of(pem: String) -> Result<String, String> {
    match pem.contains("-----BEGIN") {
        true => Ok(pem),
        false => fs::read_to_string(&pem)
            .map_err(|error| format!("cannot read PUBLIC_KEY_PEM from {pem}: {error}")),
    }
}

/// The key for the algorithm in `ALGORITHM`, or for the default of its kind.
fn verifying_key(pem: &str) -> Result<VerifyingKey, Box<dyn Error>> {
    if let Ok(name) = env::var("ALGORITHM") {
        return Ok(VerifyingKey::from_public_key_pem(name.parse()?, pem)?);
    }
    let usual = [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::ES512,
        Algorithm::EdDSA,
        Algorithm::MlDsa44,
        Algorithm::MlDsa65,
        Algorithm::MlDsa87,
    ];
    usual
        .into_iter()
        .find_map(|algorithm| VerifyingKey::from_public_key_pem(algorithm, pem).ok())
        .ok_or_else(|| {
            let names = usual.map(Algorithm::as_str).join(", ");
            format!("PUBLIC_KEY_PEM is not a public key for any of: {names}").into()
        })
}
