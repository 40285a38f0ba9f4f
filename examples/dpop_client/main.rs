//! A client whose token is bound to its key by DPoP (RFC 9449). curl cannot sign the proofs that such a token needs.
//!
//! It calls one tool of an MCP server three times, and prints each answer: without a token, which yields the
//! challenges; with the token and a proof; and once more, with the nonce that the server has sent, if it sends nonces.
//!
//! ```text
//! DPOP=optional DPOP_NONCE=1 cargo run --example mcp_server
//! ```
//!
//! prints a key, a token and the command for this client:
//!
//! ```text
//! KEY=… TOKEN=… cargo run --example dpop_client -- URL [TOOL [ARGUMENTS]]
//! ```
//!
//! | variable | meaning |
//! |---|---|
//! | `KEY` | the client's private key for ES256, as PEM text (PKCS#8) |
//! | `TOKEN` | an access token that is bound to the key |
//!
//! `TOOL` is `whoami` by default, and `ARGUMENTS`, which is a JSON object, `{}`. Never put a private key of production
//! into a variable. Real clients keep it where it cannot be read, such as in WebCrypto.

mod client;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use serde_json::Value;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::testing::{DpopKey, SigningKey};

use self::client::{Answer, Client};

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
    let mut arguments = env::args().skip(1);
    let url = arguments
        .next()
        .ok_or("usage: KEY=… TOKEN=… dpop_client URL [TOOL [ARGUMENTS]]")?;
    let tool = arguments.next().unwrap_or_else(|| "whoami".into());
    let parameters: Value = serde_json::from_str(arguments.next().as_deref().unwrap_or("{}"))
        .map_err(|error| format!("ARGUMENTS is not JSON: {error}"))?;
    let [key, token] = ["KEY", "TOKEN"].map(|name| {
        let value = env::var(name);
        value.map_err(|_| format!("set {name}; the example mcp_server prints one"))
    });
    let key = DpopKey::from_signing_key(SigningKey::from_private_key_pem(Algorithm::ES256, key?));
    println!("the key has the thumbprint {}", key.thumbprint());

    let mut client = Client::new(url, key, token?);
    println!("\n# without a token");
    print(&client.call_without_token(&tool, &parameters).await?);
    for title in ["with the token and a proof", "again"] {
        println!("\n# {title}");
        for answer in client.call(&tool, &parameters).await? {
            print(&answer);
        }
    }
    Ok(())
}

fn print(answer: &Answer) {
    println!("{}", answer.status);
    for name in ["www-authenticate", "dpop-nonce"] {
        for value in answer.headers.get_all(name) {
            println!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    println!("{}", answer.body.trim_end());
}
