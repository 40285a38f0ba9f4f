//! Verifies API keys with a closure and `verify_fn`: `cargo run --example custom_verifier`.
//!
//! The table takes the place of a database. The tower layers around the closure handle a slow or unreachable database:
//! after the timeout, or above the concurrency limit, clients get 503 instead of 401. The server listens on
//! 127.0.0.1:3000, or on the address in `BIND`.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tower::ServiceBuilder;
use tower_bearer_auth::{AccessToken, BearerAuthLayer, InvalidReason, VerifyError, verify_fn};

struct Account {
    name: &'static str,
    open: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let accounts = Arc::new(RwLock::new(HashMap::from([
        (
            "key-1",
            Account {
                name: "reports",
                open: true,
            },
        ),
        (
            "key-2",
            Account {
                name: "imports",
                open: false,
            },
        ),
    ])));

    let look_up = verify_fn(move |token| {
        let accounts = Arc::clone(&accounts);
        async move {
            let accounts = accounts.read().await;
            match accounts.get(token.as_str()) {
                Some(account) if account.open => Ok(AccessToken::builder(token)
                    .verifier("api-keys")
                    .client_id(account.name)
                    .scopes(["read"])
                    .build()),
                Some(_) => Err(VerifyError::invalid("The account of this key was closed")),
                None => Err(VerifyError::invalid(InvalidReason::Unrecognized)),
            }
        }
    });
    let verifier = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(64)
        .timeout(Duration::from_secs(2))
        .service(look_up);
    let app = Router::new()
        .route("/", get(whoami))
        .layer(BearerAuthLayer::new(verifier));

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("200: curl -i http://{address}/ -H 'authorization: Bearer key-1'");
    println!("401: curl -i http://{address}/ -H 'authorization: Bearer key-2'");
    axum::serve(listener, app).await?;
    Ok(())
}

async fn whoami(token: AccessToken) -> String {
    format!("you are {}\n", token.client_id().unwrap_or("unknown"))
}
