//! The MCP server of the example `mcp_server` on hyper, without axum: `cargo run --example mcp_hyper`.
//!
//! It listens on 127.0.0.1:3000, or on the address in `BIND`, and accepts the tokens of a static table.

#[path = "../mcp_server/notes.rs"]
mod notes;

use std::env;
use std::error::Error;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_bearer_auth::mcp::{self, SessionBindingLayer, ToolScopesLayer};
use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let url = format!("http://{}", listener.local_addr()?);
    introduce(&url);

    // The authorization server in the metadata does not issue these tokens: a table is for development only.
    let resource = notes::resource(format!("{url}/mcp"), "https://issuer.example.com");
    let verifier = StaticTokenVerifier::new([
        (
            "reader-token",
            StaticToken::new("reader").scopes(["notes:read"]),
        ),
        (
            "writer-token",
            StaticToken::new("writer").scopes(["notes:read", "notes:write"]),
        ),
    ]);
    let rules = notes::rules()?;
    let notes = notes::Notes::new();
    // The first layer is the outermost. All requests go to one service, so there is no router.
    let service = ServiceBuilder::new()
        .layer(mcp::cors())
        .layer(resource.layer())
        .layer(
            BearerAuthLayer::new(verifier)
                .resource(&resource)
                .required_scopes(["notes:read"]),
        )
        .layer(SessionBindingLayer::new())
        .layer(ToolScopesLayer::new(rules))
        .service(StreamableHttpService::new(
            move || Ok(notes.clone()),
            Arc::new(LocalSessionManager::default()),
            StreamableHttpServerConfig::default(),
        ));

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

fn introduce(url: &str) {
    println!("listening on {url}\n");
    let call = |tool: &str, arguments: &str| {
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"curl","version":"8"},"io.modelcontextprotocol/clientCapabilities":{}}"#;
        format!(
            "curl -i {url}/mcp -H 'content-type: application/json' \
             -H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2026-07-28' \
             -H 'mcp-method: tools/call' -H 'mcp-name: {tool}' \
             -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments},\"_meta\":{meta}}}}}'"
        )
    };
    let whoami = call("whoami", "{}");
    let delete = call("delete_note", r#"{"id":2}"#);
    println!("401: {whoami}\n");
    println!("200: {whoami} -H 'authorization: Bearer reader-token'\n");
    println!("403: {delete} -H 'authorization: Bearer reader-token'\n");
    println!("200: {delete} -H 'authorization: Bearer writer-token'\n");
    println!("200: curl -i {url}/.well-known/oauth-protected-resource/mcp");
}
