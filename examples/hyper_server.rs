//! A hyper server that requires bearer tokens, without axum: `cargo run --example hyper_server`.
//!
//! It listens on 127.0.0.1:3000, or on the address in `BIND`.

use std::convert::Infallible;
use std::env;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use tower_bearer_auth::{AccessToken, BearerAuthLayer, StaticToken, StaticTokenVerifier};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = StaticTokenVerifier::new([
        ("reader-token", StaticToken::new("reader").scopes(["read"])),
        ("guest-token", StaticToken::new("guest")),
    ]);
    let service = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(verifier).required_scopes(["read"]))
        .service(service_fn(hello));

    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("401: curl -i http://{address}/");
    println!("200: curl -i http://{address}/ -H 'authorization: Bearer reader-token'");
    println!("403: curl -i http://{address}/ -H 'authorization: Bearer guest-token'");

    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
    }
}

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let token = request.extensions().get::<AccessToken>();
    let client = token.and_then(AccessToken::client_id).unwrap_or("unknown");
    Ok(Response::new(Full::from(format!("hello, {client}\n"))))
}
