//! A server that verifies tokens for a proxy: `cargo run --example forward_auth`.
//!
//! The proxy asks it about each request, before it passes the request on to a server in any language: nginx with
//! `auth_request`, Traefik with ForwardAuth, Envoy with `ext_authz` over HTTP. The answer is 200 with the caller in
//! headers, or a refusal with the challenge. [docs/forward-auth.md](../../docs/forward-auth.md) has the configuration of
//! each proxy, and the answers.
//!
//! By default it starts a test issuer and prints curl commands, which ask as nginx does. To use your own issuer, which
//! must have metadata:
//!
//! ```text
//! ISSUER=https://issuer.example.com RESOURCE=https://api.example.com PROXY=nginx \
//! cargo run --example forward_auth
//! ```
//!
//! The server starts even if the issuer is unreachable, and answers 503 until it has keys.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BIND` | address and port to listen on; port 0 selects a free one | `127.0.0.1:3000` |
//! | `RESOURCE` | the URL that clients call, which is the required audience | the URL of `BIND` |
//! | `ISSUER` | the issuer of tokens | a test issuer, whose tokens are printed |
//! | `JWKS_URL` | the URL of the issuer's JWK Set | found by discovery |
//! | `DPOP` | `optional`: accepts tokens that are bound to a key by DPoP, with a proof; `required`: accepts no others | refuses bound tokens |
//! | `PROXY` | `nginx`, `traefik` or `envoy`: how the proxy asks | `nginx` |
//! | `CHECK_PATH` | the path that the proxy calls; for Envoy, its `path_prefix` | `/check` |
//! | `TRUSTED_PEERS` | the addresses of proxies, such as `10.0.0.7, 10.1.0.0/16` | loopback addresses |
//! | `METHOD_HEADER`, `URI_HEADER` | the headers in which nginx passes the original method and URI | `x-original-method`, `x-original-uri` |
//! | `SCOPES` | the scopes that paths need, such as `/notes=notes:read; /admin=notes:read admin` | no scopes |
//! | `ANONYMOUS` | the paths that need no token, such as `/health; /public` | none |
//! | `STATUSES` | the statuses that the proxy gets in place of others, such as `400=403, 503=403`; `keep`: none | `400=403, 503=403` for nginx, otherwise `keep` |
//! | `RUST_LOG` | what to log | `info,tower_bearer_auth=debug,forward_auth=debug` |
//!
//! `SCOPES` and `ANONYMOUS` are prefixes of whole segments: `/notes` is for `/notes` and `/notes/1`, and not for
//! `/notes2`. The longest prefix decides. A path without a prefix needs a token, with any scopes.

mod app;
mod identity;
mod peers;
mod proxy;
mod rules;
mod settings;

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tower_bearer_auth::testing::{DpopKey, TestIssuer};
use tracing_subscriber::EnvFilter;

use self::proxy::Proxy;
use self::settings::Settings;

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

async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,tower_bearer_auth=debug,forward_auth=debug"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    // Neither a value that is no UTF-8 nor an empty one may count as absent. Without `SCOPES` every token would pass, and
    // without `ISSUER` a test issuer would be trusted.
    let variable = |name: &str| Some(env::var_os(name)?.to_string_lossy().into_owned());
    let bind = variable("BIND").unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&bind)
        .await
        .map_err(|error| format!("cannot listen on {bind}: {error}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut settings = Settings::from_variables(&url, variable)?;
    // It stops when it is dropped.
    let test_issuer = match settings.issuer {
        Some(_) => None,
        None => Some(TestIssuer::start().await),
    };
    if let Some(issuer) = &test_issuer {
        settings.issuer = Some(issuer.issuer());
    }
    let app = app::app(&settings)?;
    println!("listening on {url}");
    if let Some(issuer) = &test_issuer {
        print_commands(issuer, &url, &settings);
    }
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            // If no handler can be installed, the signal terminates the process by default.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

/// Prints tokens of the test issuer, and commands that ask as the proxy does.
fn print_commands(issuer: &TestIssuer, url: &str, settings: &Settings) {
    let resource = &settings.resource;
    let token = || issuer.token().audience(resource).subject("alice");
    println!("\nexport ALICE={}", token().scopes(["notes:read"]).build());
    println!("export EXPIRED={}", token().expired().build());
    let ask = |path: &str, headers: &str| match &settings.proxy {
        Proxy::Nginx(headers_of) => println!(
            "curl -i {url}{} -H '{}: GET' -H '{}: {path}'{headers}",
            settings.check_path, headers_of.method, headers_of.uri
        ),
        Proxy::Traefik => println!(
            "curl -i {url}{} -H 'x-forwarded-method: GET' -H 'x-forwarded-proto: {}' \
             -H 'x-forwarded-host: {}' -H 'x-forwarded-uri: {path}'{headers}",
            settings.check_path,
            settings.origin.scheme(),
            settings.origin.authority(),
        ),
        Proxy::Envoy => println!(
            "curl -i {url}{}{path} -H 'host: {}'{headers}",
            settings.check_path,
            settings.origin.authority(),
        ),
    };
    println!("\n200, with the caller in headers:");
    ask("/notes", " -H \"authorization: Bearer $ALICE\"");
    println!("\n401, no token:");
    ask("/notes", "");
    println!("\n401, the token has expired:");
    ask("/notes", " -H \"authorization: Bearer $EXPIRED\"");
    if settings.dpop.is_some() {
        let key = DpopKey::new();
        let token = token().bound_to(&key).build();
        let proof = key
            .proof("GET", &format!("{}/notes", settings.origin), &token)
            .build();
        println!("\n200 within a minute, then 401, a token that is bound to a key:");
        let headers = format!(" -H 'authorization: DPoP {token}' -H 'dpop: {proof}'");
        ask("/notes", &headers);
    }
    println!("\nwhere clients get a token:");
    println!("curl -i {url}/.well-known/oauth-protected-resource\n");
}
