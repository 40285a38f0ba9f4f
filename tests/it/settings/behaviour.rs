//! Settings from a file do what the same calls of the builder do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tower::ServiceExt;
use tower_bearer_auth::settings::{
    IntrospectionSettings, JwtVerifierSettings, ProtectedResourceSettings,
};
use tower_bearer_auth::testing::{SigningKey, TestIssuer, TokenBuilder};
use tower_bearer_auth::{
    AccessToken, Algorithm, Clock, JwtVerifier, ProtectedResource, Verifier, VerifyError,
};

use super::{folder, toml};
use crate::support::{get, serve};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const SECRET: &[u8; 33] = b"a secret of thirty-two bytes, ok\n";
/// The time of the JWTs, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

async fn verify(
    verifier: impl Verifier<Error = VerifyError>,
    token: &str,
) -> Result<AccessToken, VerifyError> {
    verifier.oneshot(token.parse().unwrap()).await
}

/// A token with what the settings of the test require.
fn token(key: &SigningKey) -> TokenBuilder {
    key.token()
        .clock(Clock::manual(at(NOW)))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
        .token_type("our+jwt")
        .claim("azp", "web")
        .claim("client", "app")
        .claim("permissions", "read,write")
        .claim("roles", "admin")
}

#[tokio::test]
async fn a_jwt_verifier_from_a_file_accepts_what_the_same_calls_accept() {
    let rsa = SigningKey::generate(Algorithm::RS256);
    let listed = SigningKey::generate(Algorithm::ES256).with_key_id("listed");
    let not_accepted = SigningKey::generate(Algorithm::EdDSA).with_key_id("other");
    // Without the newline at the end of the file.
    let shared = SigningKey::from_secret(Algorithm::HS256, &SECRET[..32]);
    let jwks = SigningKey::jwk_set([&listed, &not_accepted]).to_string();
    let files = folder([
        ("rsa.pem", rsa.public_key_pem().as_bytes()),
        ("secret", SECRET),
        ("jwks.json", jwks.as_bytes()),
    ]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (pem, secret, set) = (path("rsa.pem"), path("secret"), path("jwks.json"));
    let text = format!(
        r#"
        name = "ours"
        public_keys = [{{ algorithm = "RS256", file = "{pem}" }}]
        secrets = [{{ algorithm = "HS256", file = "{secret}" }}]
        key_attempts = 2
        algorithms = ["RS256", "HS256", "ES256", "EdDSA"]
        issuer = ["{ISSUER}", "https://other.example.com"]
        audience = "{AUDIENCE}"
        leeway = 5
        required_claims = ["sub", "azp"]
        claim_in = {{ azp = ["web", "cli"], client = "app" }}
        also_token_types = ["our+jwt"]
        scope_claims = ["permissions", "roles"]
        merge_scope_claims = true
        scope_delimiters = " ,"
        scope_prefix = "api:"
        client_id_claims = "client"
        accept_numeric_subject = true
        accept_missing_expiry = true
        accept_hash_claims = false
        jwks_file = "{set}"
        "#
    );
    let settings: JwtVerifierSettings = toml(&text);
    let clock = Clock::manual(at(NOW));
    let from_file = settings.builder().unwrap();
    let from_file = from_file.clock(clock.clone()).build().unwrap();
    let by_calls = JwtVerifier::builder()
        .name("ours")
        .public_key_pem(Algorithm::RS256, rsa.public_key_pem())
        .secret(Algorithm::HS256, &SECRET[..32])
        .jwks_json(jwks)
        .key_attempts(2)
        .algorithms([
            Algorithm::RS256,
            Algorithm::HS256,
            Algorithm::ES256,
            Algorithm::EdDSA,
        ])
        .issuers([ISSUER, "https://other.example.com"])
        .audience(AUDIENCE)
        .leeway(Duration::from_secs(5))
        .required_claims(["sub", "azp"])
        .claim_in("azp", ["web", "cli"])
        .claim_in("client", ["app"])
        .also_token_types(["our+jwt"])
        .scope_claims(["permissions", "roles"])
        .merge_scope_claims()
        .scope_delimiters([' ', ','])
        .scope_prefix("api:")
        .client_id_claims(["client"])
        .accept_numeric_subject()
        .accept_missing_expiry()
        .clock(clock)
        .build()
        .unwrap();
    let tokens = [
        (token(&rsa), true),
        (token(&shared), true),
        (token(&listed), true),
        (token(&not_accepted), true),
        (token(&SigningKey::generate(Algorithm::RS256)), false),
        (token(&rsa).issuer("https://other.example.com"), true),
        (token(&rsa).issuer("https://third.example.com"), false),
        (token(&rsa).audience("other"), false),
        (token(&rsa).claim("azp", "cli"), true),
        (token(&rsa).claim("azp", "other"), false),
        (token(&rsa).claim("client", "other"), false),
        (token(&rsa).without_claim("sub"), false),
        (token(&rsa).claim("sub", 7), true),
        (token(&rsa).without_claim("exp"), true),
        (token(&rsa).token_type("JWT"), true),
        (token(&rsa).token_type("other"), false),
        (token(&rsa).claim("at_hash", "x"), false),
        // By the default leeway of a minute it would be valid.
        (token(&rsa).expires_at(at(NOW - 30)), false),
    ];
    for (position, (token, is_accepted)) in tokens.into_iter().enumerate() {
        let token = token.build();
        let found = verify(from_file.clone(), &token).await;
        let expected = verify(by_calls.clone(), &token).await;
        assert_eq!(found.is_ok(), is_accepted, "{position}: {found:?}");
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                assert!(found.scopes().contains("api:write") && found.scopes().contains("admin"));
                assert_eq!(found.scopes(), expected.scopes());
                assert_eq!(found.client_id(), Some("app"));
                assert_eq!(found.principal(), expected.principal());
            }
            (found, expected) => {
                let reasons = [found, expected].map(|result| result.unwrap_err().to_string());
                assert_eq!(reasons[0], reasons[1], "{position}");
            }
        }
    }
}

#[tokio::test]
async fn each_source_of_fetched_keys_verifies_tokens() {
    let issuer = TestIssuer::start().await;
    let (name, jwks) = (issuer.issuer(), issuer.jwks_url());
    let token = issuer.token().audience(AUDIENCE).subject("alice").build();
    for source in [
        format!("discover = '{name}'"),
        format!("issuer = '{name}'\n jwks_url = '{jwks}'"),
        format!("issuer = '{name}'\n discover_from = '{name}/.well-known/openid-configuration'"),
    ] {
        let settings: JwtVerifierSettings = toml(&format!("audience = '{AUDIENCE}'\n{source}"));
        let token = verify(settings.build().unwrap(), &token).await.unwrap();
        assert_eq!(token.subject(), Some("alice"), "{source}");
    }
}

#[tokio::test]
async fn an_introspection_verifier_from_a_file_authenticates_in_every_way() {
    let issuer = TestIssuer::start().await;
    let files = folder([
        (
            "secret",
            format!("{}\r\n", TestIssuer::CLIENT_SECRET).as_bytes(),
        ),
        (
            "token",
            format!("{}\n", TestIssuer::ACCESS_TOKEN).as_bytes(),
        ),
    ]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let client = format!(
        "client_id = '{}'\n client_secret_file = '{}'",
        TestIssuer::CLIENT_ID,
        path("secret")
    );
    let rest = format!(
        r#"
        endpoint = "{}"
        name = "opaque"
        issuer = "{}"
        audience = ["{AUDIENCE}"]
        required_claims = "sub"
        claim_in = {{ tenant = ["blue", "green"] }}
        leeway = 5
        inactive_statuses = [404]
        timeout = 10
        max_bytes = 4096
        max_concurrency = 2
        backoff_min = 1
        backoff_max = 2
        scope_claims = ["permissions"]
        scope_delimiters = ","
        client_id_claims = ["client"]
        accept_numeric_subject = true
        "#,
        issuer.introspection_url(),
        issuer.issuer(),
    );
    let members = json!({
        "sub": 7, "aud": AUDIENCE, "tenant": "blue", "permissions": "read,write", "client": "app",
    });
    let good = issuer.opaque_token(members.clone());
    let mut of_other_tenant = members;
    of_other_tenant["tenant"] = json!("red");
    let of_other_tenant = issuer.opaque_token(of_other_tenant);
    for credentials in [
        client.clone(),
        format!("{client}\n client_authentication = 'basic'"),
        format!("{client}\n client_authentication = 'post'"),
        format!("bearer_token_file = '{}'", path("token")),
    ] {
        let settings: IntrospectionSettings = toml(&format!("{credentials}\n{rest}"));
        let verifier = settings.build().unwrap();
        let token = verify(verifier.clone(), &good).await.unwrap();
        assert_eq!(token.subject(), Some("7"));
        assert_eq!(token.client_id(), Some("app"));
        assert!(token.scopes().contains("write"));
        let refused = verify(verifier, &of_other_tenant).await;
        assert!(refused.is_err(), "{credentials}");
    }
}

#[tokio::test]
async fn a_resource_from_a_file_serves_the_document_of_the_same_calls() {
    let settings: ProtectedResourceSettings = toml(
        r#"
        resource = "http://api.example.com/notes"
        authorization_servers = ["https://issuer.example.com", "https://login.example.com"]
        scopes = "read"
        also_at_root = true
        metadata_url = "http://api.example.com/tools/.well-known/oauth-protected-resource"
        member = { resource_name = "Notes", "resource_name#fr" = "Carnet", levels = [1, 2] }
        allow_http = true
        "#,
    );
    let from_file = settings.resource().unwrap();
    let by_calls = ProtectedResource::new("http://api.example.com/notes")
        .authorization_servers(["https://issuer.example.com", "https://login.example.com"])
        .scopes(["read"])
        .also_at_root()
        .metadata_url("http://api.example.com/tools/.well-known/oauth-protected-resource")
        .member("resource_name", "Notes")
        .member("resource_name#fr", "Carnet")
        .member("levels", vec![1, 2])
        .allow_http();
    assert_eq!(from_file.well_known_paths(), by_calls.well_known_paths());
    let [from_file, by_calls] = [
        serve(from_file.router()).await,
        serve(by_calls.router()).await,
    ];
    let path = "/.well-known/oauth-protected-resource";
    let found = get(from_file, path, &[]).await;
    assert_eq!(found.status, 200);
    assert_eq!(found.json(), get(by_calls, path, &[]).await.json());
    assert_eq!(found.json()["resource_name#fr"], "Carnet");
}
