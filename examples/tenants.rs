//! A server with a layer per tenant, chosen by the host of the request: `cargo run --example tenants`.
//!
//! Each tenant has an issuer of its own, a resource of its own with metadata, and a realm of its own in its challenges. A
//! token of one tenant is refused at the other.
//!
//! By default it runs two test issuers in its own process and prints curl commands to try. To use your own issuers,
//! which must have metadata:
//!
//! ```text
//! TENANTS="blue.example.com=https://blue.issuer.example.com red.example.com=https://red.issuer.example.com" \
//! cargo run --example tenants
//! ```
//!
//! A proxy in front must keep the `Host` field, or write the tenant's host into it. Tokens need the audience
//! `https://HOST`.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BIND` | address and port to listen on; port 0 selects a free one | `127.0.0.1:3000` |
//! | `TENANTS` | hosts, each with its issuer | two hosts with test issuers |

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_bearer_auth::auth::LayerByRequest;
use tower_bearer_auth::metadata::ProtectedResources;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ConfigError, JwtVerifier, ProtectedResource,
};

/// The layers by host, with its port if that is not the default one.
pub(crate) type Tenants = HashMap<String, BearerAuthLayer<JwtVerifier>>;

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
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&bind)
        .await
        .map_err(|error| format!("cannot listen on {bind}: {error}"))?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");

    // The test issuers stop when they are dropped, so they must live as long as the server.
    let (tenants, _issuers) = match env::var("TENANTS") {
        Ok(text) => (configured(&text)?, None),
        Err(_) => {
            let issuers = [TestIssuer::start().await, TestIssuer::start().await];
            let port = address.port();
            let hosts = ["blue", "red"].map(|name| format!("{name}.localhost:{port}"));
            let mut tenants = Tenants::new();
            for (host, issuer) in hosts.iter().zip(&issuers) {
                tenants.insert(host.clone(), tenant("http", host, &issuer.issuer())?);
            }
            introduce(&format!("http://{address}"), &hosts, &issuers);
            (tenants, Some(issuers))
        }
    };
    axum::serve(listener, app(tenants)).await?;
    Ok(())
}

/// Hosts and issuers, such as `blue.example.com=https://blue.issuer.example.com`, with white space between them.
fn configured(text: &str) -> Result<Tenants, Box<dyn Error>> {
    let mut tenants = Tenants::new();
    for entry in text.split_whitespace() {
        let (host, issuer) = entry
            .split_once('=')
            .ok_or_else(|| format!("not HOST=ISSUER in TENANTS: {entry}"))?;
        let host = host.to_ascii_lowercase();
        let layer = tenant("https", &host, issuer)?;
        if tenants.insert(host, layer).is_some() {
            return Err(format!("a host twice in TENANTS: {entry}").into());
        }
    }
    match tenants.is_empty() {
        true => Err("there is no tenant in TENANTS".into()),
        false => Ok(tenants),
    }
}

/// The layer of one tenant. It is built once: its keys, and what else it remembers, are shared by its clones.
pub(crate) fn tenant(
    scheme: &str,
    host: &str,
    issuer: &str,
) -> Result<BearerAuthLayer<JwtVerifier>, ConfigError> {
    let mut resource =
        ProtectedResource::new(format!("{scheme}://{host}")).authorization_servers([issuer]);
    if scheme == "http" {
        resource = resource.allow_http();
    }
    let verifier = JwtVerifier::builder()
        .discover(issuer)
        .audience(&resource)
        .build()?;
    Ok(BearerAuthLayer::new(verifier)
        .realm(host)
        .resource(&resource))
}

pub(crate) fn app(tenants: Tenants) -> Router {
    let resources = tenants.values().map(BearerAuthLayer::protected_resource);
    let metadata = ProtectedResources::new(resources).router();
    let layers = LayerByRequest::new(move |head| {
        let host = head.authority()?.as_str().to_ascii_lowercase();
        tenants.get(&host).cloned()
    });
    Router::new()
        .route("/", get(whoami))
        .layer(layers)
        .merge(metadata)
}

async fn whoami(token: AccessToken) -> String {
    let subject = token.subject().unwrap_or("unknown");
    let issuer = token.issuer().unwrap_or("unknown");
    format!("{subject}, from {issuer}\n")
}

fn introduce(url: &str, [blue, red]: &[String; 2], issuers: &[TestIssuer; 2]) {
    let token = |host: &str, issuer: &TestIssuer| {
        let token = issuer.token().audience(format!("http://{host}"));
        token.subject("alice").build()
    };
    let get = |host: &str, token: &str| {
        println!("curl -i {url} -H 'host: {host}' -H 'authorization: Bearer {token}'\n");
    };
    let [of_blue, of_red] = [token(blue, &issuers[0]), token(red, &issuers[1])];
    println!("200, each token at its tenant:");
    get(blue, &of_blue);
    get(red, &of_red);
    println!("401, a token at the other tenant:");
    get(red, &of_blue);
    println!("404, no such tenant:");
    get("green.localhost", &of_blue);
    println!("the metadata of each:");
    for host in [blue, red] {
        println!("curl {url}/.well-known/oauth-protected-resource -H 'host: {host}'\n");
    }
}
