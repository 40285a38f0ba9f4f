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
    let token = || {
        let token = issuer.token().subject("alice").audience("notes");
        token.scopes(["notes:write"])
    };

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    let minute = token().expires_in(Duration::from_secs(60));
    let calls = [
        (
            "A note of alice",
            token(),
            "notes",
            "Notes/Add",
            r#"-d '{"text":"hello"}' "#,
        ),
        ("Her notes", token(), "notes", "Notes/List", ""),
        (
            "Until UNAUTHENTICATED, after a minute",
            minute,
            "notes",
            "Notes/Watch",
            "",
        ),
        ("PERMISSION_DENIED", token(), "admin", "Admin/Clear", ""),
        (
            "With the scope",
            token().scopes(["notes:admin"]),
            "admin",
            "Admin/Clear",
            "",
        ),
    ];
    for (what, token, service, method, message) in calls {
        let token = token.build();
        println!(
            "{what}:\ngrpcurl -plaintext -import-path examples/grpc_server -proto {service}.proto {message}\\\n    \
             -H 'authorization: Bearer {token}' {address} {service}.v1.{method}\n"
        );
    }

    server::serve(listener, verifier, &Revocations::new()).await?;
    Ok(())
}
