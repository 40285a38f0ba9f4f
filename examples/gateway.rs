//! A server in front of several others, for bearers of several kinds of tokens:
//! `cargo run --example gateway`.
//!
//! | token | verified by |
//! |---|---|
//! | an API key | a table |
//! | a JWT of either of two issuers | that issuer's keys |
//! | anything else | asking the first issuer (RFC 7662), which is remembered for half a minute |
//!
//! The issuers are test issuers in this process, so it needs no others. It listens on 127.0.0.1:3000, or
//! where `BIND` says.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_bearer_auth::testing::TestIssuer;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ByIssuer, CacheLayer, ConfigError, IntrospectionVerifier,
    JwtVerifier, RequireScopesLayer, StaticToken, StaticTokenVerifier, Verifier, VerifierExt,
};

const AUDIENCE: &str = "https://gateway.example.com";
const API_KEY: &str = "key-of-the-reports";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(bind).await?;
    let url = format!("http://{}", listener.local_addr()?);

    let staff = TestIssuer::start().await;
    let partners = TestIssuer::start().await;
    introduce(&url, &staff, &partners);
    axum::serve(listener, app(verifier(&staff, &partners)?)).await?;
    Ok(())
}

/// One verifier for all of them. Each says which tokens are none of its kind, and the next is asked about
/// those alone: a known API key is never sent to an issuer.
fn verifier(staff: &TestIssuer, partners: &TestIssuer) -> Result<impl Verifier, ConfigError> {
    let reports = StaticToken::new("reports").scopes(["read"]);
    let api_keys = StaticTokenVerifier::new([(API_KEY, reports)]);

    let jwts_of = |issuer: &TestIssuer| {
        JwtVerifier::builder()
            .discover(issuer.issuer())
            .audience(AUDIENCE)
            .build()
    };
    let jwts = ByIssuer::new()
        .issuer(staff.issuer(), jwts_of(staff)?)
        .issuer(partners.issuer(), jwts_of(partners)?);

    let introspection = IntrospectionVerifier::builder(staff.introspection_url())
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .build()?;
    let opaque = ServiceBuilder::new()
        .layer(CacheLayer::new(10_000).max_age(Duration::from_secs(30)))
        .timeout(Duration::from_secs(2))
        .service(introspection);

    Ok(api_keys.or_else(jwts).or_else(opaque))
}

fn app(verifier: impl Verifier) -> Router {
    Router::new()
        .route("/admin", get(whoami))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .route("/", get(whoami))
        .layer(BearerAuthLayer::new(verifier).required_scopes(["read"]))
}

async fn whoami(token: AccessToken) -> String {
    let caller = token.subject().or(token.client_id());
    let issuer = token.issuer().unwrap_or("the table");
    format!("{}, says {issuer}\n", caller.unwrap_or("somebody"))
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
    println!("listening on {url}\n");
    println!("200, an API key:");
    get("/", API_KEY);
    println!("200, a JWT of the staff's issuer:");
    get("/", &jwt(staff, "alice", &["read", "admin"]));
    println!("200, a JWT of the partners' issuer:");
    get("/", &jwt(partners, "bob", &["read"]));
    println!("200, an opaque token:");
    get("/", &opaque("read"));
    println!("403, one that may not do that:");
    get("/admin", &opaque("read"));
    println!("401, a JWT of nobody's issuer; and 401, a token that nobody knows:");
    let stranger = staff.key().token().issuer("https://stranger.example");
    get("/", &stranger.audience(AUDIENCE).build());
    get("/", "nobody-knows-me");
}
