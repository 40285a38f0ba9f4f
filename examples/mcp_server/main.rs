//! An MCP server behind bearer tokens: `cargo run --example mcp_server`.
//!
//! It needs no identity provider: it makes a signing key when it starts and prints two tokens and
//! the curl lines to try them with. With real tokens, and an issuer that has metadata:
//!
//! ```text
//! ISSUER=https://issuer.example.com AUDIENCE=http://127.0.0.1:3000/mcp \
//! cargo run --example mcp_server
//! ```
//!
//! The issuer need not be up: the server starts, and answers 503 until it has keys.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BIND` | address and port to listen on; port 0 is any free one | `127.0.0.1:3000` |
//! | `ISSUER`, `AUDIENCE` | what tokens must say | the example's own |
//! | `JWKS_URL` | where the issuer's keys are | found by discovery |
//! | `PUBLIC_KEY_PEM` | or the issuer's key or certificate: the text, or a file with it | |
//! | `ALGORITHM` | with that, what the issuer signs with | RS256, ES256, ES384, ES512 or EdDSA, by the key |
//! | `RUST_LOG` | what to log | `info,tower_bearer_auth=debug` |

mod app;

use std::env;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, JwtVerifier, VerifyingKey};
use tracing_subscriber::EnvFilter;

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://notes.example.com/mcp";

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
    let address = listener.local_addr()?;

    let verifier = match verifier_from_environment()? {
        Some(verifier) => {
            println!("listening on http://{address}");
            verifier
        }
        None => {
            // Made anew at each start: a key in a source file ends up in production one day.
            let key = SigningKey::generate(Algorithm::ES256);
            println!("listening on http://{address}");
            print_introduction(address, &key);
            JwtVerifier::builder()
                .key(key.verifying_key())
                .issuer(ISSUER)
                .audience(AUDIENCE)
                .build()?
        }
    };
    axum::serve(listener, app::app(verifier))
        .with_graceful_shutdown(async {
            // Without a handler for it, the signal ends the process anyway.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

/// The verifier for real tokens, when the environment asks for it.
fn verifier_from_environment() -> Result<Option<JwtVerifier>, Box<dyn Error>> {
    let [issuer, audience, url, pem] =
        ["ISSUER", "AUDIENCE", "JWKS_URL", "PUBLIC_KEY_PEM"].map(|name| env::var(name).ok());
    let (issuer, audience) = match (issuer, audience) {
        (Some(issuer), Some(audience)) => (issuer, audience),
        (None, None) if url.is_none() && pem.is_none() => return Ok(None),
        _ => return Err("real tokens need both ISSUER and AUDIENCE".into()),
    };
    let builder = JwtVerifier::builder().audience(audience);
    let builder = match (url, pem) {
        (None, None) => builder.discover(issuer),
        (Some(url), None) => builder.issuer(issuer).jwks_url(url),
        (None, Some(pem)) => builder.issuer(issuer).key(verifying_key(&text_of(pem)?)?),
        (Some(_), Some(_)) => return Err("JWKS_URL and PUBLIC_KEY_PEM exclude each other".into()),
    };
    Ok(Some(builder.build()?))
}

/// A PEM text, or the one in a file of this name.
fn text_of(pem: String) -> Result<String, String> {
    match pem.contains("-----BEGIN") {
        true => Ok(pem),
        false => fs::read_to_string(&pem)
            .map_err(|error| format!("cannot read PUBLIC_KEY_PEM from {pem}: {error}")),
    }
}

/// The key for the algorithm that `ALGORITHM` names, or for the usual one of its kind.
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
    ];
    usual
        .into_iter()
        .find_map(|algorithm| VerifyingKey::from_public_key_pem(algorithm, pem).ok())
        .ok_or_else(|| format!("PUBLIC_KEY_PEM is not a public key for any of {usual:?}").into())
}

fn print_introduction(address: SocketAddr, key: &SigningKey) {
    let token = |subject: &str, scopes: &[&str]| {
        key.token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject(subject)
            .scopes(scopes.iter().copied())
            .expires_in(Duration::from_secs(3600))
            .build()
    };
    let reader = token("a reader", &["read"]);
    let admin = token("an admin", &["read", "admin"]);
    // The form of 2026-07-28, which needs no session.
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"curl","version":"8"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let post = format!(
        "curl -i http://{address}/mcp -H 'content-type: application/json' \
         -H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2026-07-28' \
         -H 'mcp-method: tools/call' -H 'mcp-name: whoami' -d '{call}'"
    );
    println!(
        "
two tokens, good for an hour:
READER={reader}
ADMIN={admin}

401, no token:
{post}

200, a tool called with the reader's token:
{post} -H 'authorization: Bearer {reader}'

403, a reader where an admin is needed:
curl -i http://{address}/admin -H 'authorization: Bearer {reader}'

200, the admin:
curl -i http://{address}/admin -H 'authorization: Bearer {admin}'
"
    );
}
