//! A gateway that accepts several kinds of tokens: `cargo run --example gateway`.
//!
//! | token | verified by |
//! |---|---|
//! | an API key | a table |
//! | a JWT of either of two issuers | that issuer's keys |
//! | anything else | introspection at the first issuer (RFC 7662), cached for 30 seconds |
//!
//! By default it runs two test issuers in its own process and prints curl commands to try. To use your own issuer,
//! which must have metadata:
//!
//! ```text
//! ISSUER=https://issuer.example.com AUDIENCE=https://gateway.example.com \
//! INTROSPECTION_URL=https://issuer.example.com/introspect \
//! INTROSPECTION_CLIENT_ID=gateway INTROSPECTION_CLIENT_SECRET=… \
//! cargo run --example gateway
//! ```
//!
//! Tokens need the scope `read` for `/`, and also `admin` for `/admin`. The server starts even if the issuer is
//! unreachable, and answers 503 until it has keys.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `BIND` | address and port to listen on; port 0 selects a free one | `127.0.0.1:3000` |
//! | `ISSUER` | the issuer of tokens | two test issuers |
//! | `AUDIENCE` | the audience that tokens must have | none; required with `ISSUER` |
//! | `INTROSPECTION_URL` | the introspection endpoint for tokens that are not JWTs | none: such tokens are refused |
//! | `INTROSPECTION_CLIENT_ID`, `INTROSPECTION_CLIENT_SECRET` | the credentials for introspection, by HTTP Basic | |
//! | `INTROSPECTION_TOKEN` | the bearer token for introspection, instead of these credentials | |
//! | `API_KEY` | an API key, with the scope `read` | with `ISSUER`: none |
//! | `RUST_LOG` | what to log | `info,tower_bearer_auth=debug` |

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, ByIssuer, CacheLayer, ConfigError, ErasedVerifier,
    IntrospectionVerifier, JwtVerifier, RequireScopesLayer, StaticToken, StaticTokenVerifier,
    Verifier, VerifierExt,
};
use tracing_subscriber::EnvFilter;

const AUDIENCE: &str = "https://gateway.example.com";
const API_KEY: &str = "key-of-the-reports";

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

    let configured = Trusted::from_variables(variable)?;
    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(&bind)
        .await
        .map_err(|error| format!("cannot listen on {bind}: {error}"))?;
    let url = format!("http://{}", listener.local_addr()?);

    println!("listening on {url}\n");
    // The test issuers stop when they are dropped, so they must live as long as the server.
    let (trusted, _issuers) = match configured {
        Some(trusted) => (trusted, None),
        None => {
            let (staff, partners) = (TestIssuer::start().await, TestIssuer::start().await);
            introduce(&url, &staff, &partners);
            let trusted = Trusted::test_issuers(&staff, &partners);
            (trusted, Some((staff, partners)))
        }
    };
    axum::serve(listener, app(trusted.verifier()?)).await?;
    Ok(())
}

/// An environment variable. An empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The sources of tokens that the gateway accepts.
pub(crate) struct Trusted {
    audience: String,
    api_key: Option<String>,
    issuers: Vec<String>,
    introspection: Option<IntrospectionVerifierBuilder>,
}

impl Trusted {
    fn test_issuers(staff: &TestIssuer, partners: &TestIssuer) -> Self {
        let introspection = IntrospectionVerifier::builder(staff.introspection_url())
            .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET);
        Self {
            audience: AUDIENCE.into(),
            api_key: Some(API_KEY.into()),
            issuers: vec![staff.issuer(), partners.issuer()],
            introspection: Some(introspection),
        }
    }

    /// The sources from environment variables, or `None` without an issuer.
    pub(crate) fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let endpoint = variable("INTROSPECTION_URL");
        let credentials = [
            "INTROSPECTION_CLIENT_ID",
            "INTROSPECTION_CLIENT_SECRET",
            "INTROSPECTION_TOKEN",
        ];
        let credentials = credentials.map(&variable);
        let Some(issuer) = variable("ISSUER") else {
            let others = endpoint.or(variable("AUDIENCE")).or(variable("API_KEY"));
            return match others.or(credentials.into_iter().flatten().next()) {
                None => Ok(None),
                Some(_) => Err("there is no ISSUER, which the other variables need".into()),
            };
        };
        let audience = variable("AUDIENCE").ok_or("ISSUER needs an AUDIENCE")?;
        let api_key = variable("API_KEY");
        if api_key
            .as_ref()
            .is_some_and(|key| key.parse::<BearerToken>().is_err())
        {
            return Err("API_KEY cannot be sent as a bearer token".into());
        }
        let builder = endpoint.map(IntrospectionVerifier::builder);
        let introspection = match (builder, credentials) {
            (None, [None, None, None]) => None,
            (None, _) => {
                return Err(
                    "there is no INTROSPECTION_URL, which the introspection credentials need"
                        .into(),
                );
            }
            (Some(builder), [Some(id), Some(secret), None]) => {
                Some(builder.client_secret_basic(id, secret))
            }
            (Some(builder), [None, None, Some(token)]) => Some(builder.bearer_token(token)),
            (Some(_), _) => {
                return Err(
                    "INTROSPECTION_URL needs INTROSPECTION_CLIENT_ID and INTROSPECTION_CLIENT_SECRET, or \
                     INTROSPECTION_TOKEN"
                        .into(),
                );
            }
        };
        Ok(Some(Self {
            audience,
            api_key,
            issuers: vec![issuer],
            introspection,
        }))
    }

    /// One verifier for all sources. Each falls back to the next for tokens that it does not recognize, so a known
    /// API key is never sent to an issuer.
    pub(crate) fn verifier(self) -> Result<ErasedVerifier, ConfigError> {
        let reports = || StaticToken::new("reports").scopes(["read"]);
        let api_keys = self.api_key.into_iter().map(|key| (key, reports()));
        let api_keys = StaticTokenVerifier::new(api_keys);

        let mut jwts = ByIssuer::new();
        for issuer in self.issuers {
            let of_issuer = JwtVerifier::builder()
                .discover(&issuer)
                .audience(self.audience.as_str())
                .build()?;
            jwts = jwts.issuer(issuer, of_issuer);
        }
        let verifier = api_keys.or_else(jwts);

        let Some(introspection) = self.introspection else {
            return Ok(verifier.erased());
        };
        let opaque = ServiceBuilder::new()
            .layer(CacheLayer::new(10_000).max_age(Duration::from_secs(30)))
            .service(
                introspection
                    .audience(self.audience)
                    // A tower timeout would drop the request before the backoff records the failure.
                    .timeout(Duration::from_secs(2))
                    .build()?,
            );
        Ok(verifier.or_else(opaque).erased())
    }
}

pub(crate) fn app(verifier: impl Verifier) -> Router {
    Router::new()
        .route("/admin", get(whoami))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .route("/", get(whoami))
        .layer(BearerAuthLayer::new(verifier).required_scopes(["read"]))
}

async fn whoami(token: AccessToken) -> String {
    let caller = token.subject().or(token.client_id());
    let caller = caller.unwrap_or("unknown");
    match token.issuer() {
        Some(issuer) => format!("{caller}, from {issuer}\n"),
        None => format!("{caller}, by API key\n"),
    }
}

fn introduce(url: &str, staff: &TestIssuer, partners: &TestIssuer) {
    let jwt = |issuer: &TestIssuer, subject: &str, scopes: &[&str]| {
        let token = issuer.token().audience(AUDIENCE).subject(subject);
        token.scopes(scopes.iter().copied()).build()
    };
    let opaque =
        |scope: &str| staff.opaque_token(json!({"sub": "olga", "aud": AUDIENCE, "scope": scope}));
    let get = |path: &str, token: &str| {
        println!("curl -i {url}{path} -H 'authorization: Bearer {token}'\n");
    };
    println!("200, an API key:");
    get("/", API_KEY);
    println!("200, a JWT of the issuer for staff:");
    get("/", &jwt(staff, "alice", &["read", "admin"]));
    println!("200, a JWT of the issuer for partners:");
    get("/", &jwt(partners, "bob", &["read"]));
    println!("200, an opaque token:");
    get("/", &opaque("read"));
    println!("403, an opaque token without the scope admin:");
    get("/admin", &opaque("read"));
    println!("401, a JWT of an unknown issuer, and 401, an unknown opaque token:");
    let unknown_issuer = staff.key().token().issuer("https://unknown.example");
    get("/", &unknown_issuer.audience(AUDIENCE).build());
    get("/", "unknown-token");
}
