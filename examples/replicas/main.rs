//! A gateway of which several replicas run: `cargo run --all-features --example replicas`.
//!
//! The replicas share revocations and used proofs: a token that was revoked at one is refused at all, and a DPoP proof
//! is accepted once. `examples/replicas/demo` starts Redis and three replicas, and shows both.
//!
//! ```text
//! ISSUER=https://issuer.example.com RESOURCE=https://gateway.example.com \
//! REDIS_URL=redis://localhost DPOP=optional cargo run --all-features --example replicas
//! ```
//!
//! | route | for | answer |
//! |---|---|---|
//! | `GET /whoami` | any good token | the caller |
//! | `POST /admin/revocations` | the scope `admin` | 204 once the revocation is stored, 503 if it cannot be stored, 400, 415 or 422 for another body |
//! | `POST /backchannel-logout` | the issuer: OpenID Connect Back-Channel Logout 1.0 | 200, 400 or 503 |
//! | `POST /security-events` | the issuer: security events (RFC 8935) | 202, 400 or 503 |
//! | `GET /ready` | the load balancer | 200, or 503 with the reason |
//!
//! The body of a revocation is JSON, with dates in seconds since 1970: `{"issuer", "jti", "expires_at"}` for a token,
//! `{"issuer", "subject", "issued_before"}` or `{"issuer", "client", "issued_before"}`, or `{"issuer", "session"}`.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BIND` | address and port to listen on; port 0 selects a free one | `127.0.0.1:3000` |
//! | `RESOURCE` | the URL that clients call, which is the required audience | the URL of `BIND` |
//! | `ISSUER` | the issuer of tokens | a test issuer, whose tokens are printed; each start has another one, which accepts none of the earlier tokens |
//! | `JWKS_URL` | the URL of the issuer's JWK Set | found by discovery |
//! | `CLIENT_ID` | the client that users log in with: the audience of logout tokens and security events | `RESOURCE` |
//! | `INTROSPECTION_URL`, `INTROSPECTION_CLIENT_ID`, `INTROSPECTION_CLIENT_SECRET` | where tokens that are no JWTs are introspected, cached for 10 seconds | such tokens are refused |
//! | `DPOP` | `optional`: accepts tokens that are bound to a key by DPoP, with a proof; `required`: accepts no others | refuses bound tokens |
//! | `REDIS_URL` | the Redis that the replicas share | |
//! | `STORE` | instead of `REDIS_URL`, for one process: the file in which it keeps revocations and proofs | memory |
//! | `TOLERATE_OUTAGE` | for how many seconds requests are answered while the store is out of reach | 60 |
//! | `RUST_LOG` | what to log | `info` |

mod admin;
mod app;
mod demo;
mod settings;
mod store;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tower_bearer_auth::testing::TestIssuer;
use tracing_subscriber::EnvFilter;

use self::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("caused by: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    if env::args().nth(1).as_deref() == Some("demo") {
        return demo::run().await;
    }

    // A value that is no UTF-8 must not count as absent: without `REDIS_URL`, the replica would keep all to itself.
    let variable = |name: &str| {
        let value = env::var_os(name)?.to_string_lossy().into_owned();
        Some(value).filter(|value| !value.is_empty())
    };
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
    let app = app::app(&settings).await?;
    if let Some(issuer) = &test_issuer {
        print_commands(issuer, &url, &settings.resource);
    }
    println!("listening on {url}");
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            // If no handler can be installed, the signal terminates the process by default.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

/// Prints tokens of the test issuer, and commands that use them.
fn print_commands(issuer: &TestIssuer, url: &str, resource: &str) {
    let token = |subject| issuer.token().audience(resource).subject(subject);
    println!("export ALICE={}", token("alice").jwt_id("t1").build());
    println!("export ADMIN={}", token("root").scopes(["admin"]).build());
    println!("curl -i {url}/whoami -H \"authorization: Bearer $ALICE\"");
    let revocation = format!(
        r#"{{"issuer":"{}","subject":"alice","issued_before":'$(date +%s)'}}"#,
        issuer.issuer()
    );
    println!(
        "curl -i {url}/admin/revocations -H \"authorization: Bearer $ADMIN\" --json '{revocation}'\n"
    );
}
