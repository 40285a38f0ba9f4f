//! A gRPC server that requires bearer tokens, with tonic: `cargo run --example grpc_server`.
//!
//! It listens on 127.0.0.1:3000, or on the address in `BIND`, and prints tokens of a test issuer and commands for
//! [grpcurl](https://github.com/fullstorydev/grpcurl).

mod generated;
mod notes;
mod server;

use std::env;
use std::error::Error;
use std::time::Duration;

use tokio::net::TcpListener;
use tower_bearer_auth::JwtVerifier;
use tower_bearer_auth::revocation::Revocations;
use tower_bearer_auth::testing::TestIssuer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::start().await;
    let verifier = JwtVerifier::builder()
        .key(issuer.key().verifying_key())
        .issuer(issuer.issuer())
        .audience("notes")
        .leeway(Duration::ZERO)
        .build()?;
    let token = || issuer.token().subject("alice").audience("notes");

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    let call = |token: &str, service: &str, method: &str| {
        format!(
            "grpcurl -plaintext -import-path examples/grpc_server -proto {service}.proto \\\n    \
             -H 'authorization: Bearer {token}' {address} {service}.v1.{method}"
        )
    };
    let short = token().expires_in(Duration::from_secs(60)).build();
    println!(
        "The notes of alice:\n{}\n",
        call(&token().build(), "notes", "Notes/List")
    );
    println!(
        "A stream that ends with UNAUTHENTICATED after a minute:\n{}\n",
        call(&short, "notes", "Notes/Watch")
    );
    println!(
        "PERMISSION_DENIED:\n{}\n",
        call(&token().build(), "admin", "Admin/Clear")
    );
    let admin = token().scopes(["notes:admin"]).build();
    println!(
        "With the scope:\n{}\n",
        call(&admin, "admin", "Admin/Clear")
    );

    server::serve(listener, verifier, &Revocations::new()).await?;
    Ok(())
}
