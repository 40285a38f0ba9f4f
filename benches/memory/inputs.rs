//! The tokens that are remembered. They are signed once, outside of valgrind, since signatures take a while in it.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, JwtVerifier};

use crate::support::{AUDIENCE, ISSUER};

/// The most tokens that a unit needs.
pub(crate) const TOKENS: usize = 5_600;

/// The keys of the issuer, then one token per line.
fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("memory-tokens")
}

/// Signs the tokens, with the claims of the RS256 token in `benches/support/samples.json` and a subject, client and ID
/// of their own.
pub(crate) fn write() {
    let key = SigningKey::generate(Algorithm::RS256).with_key_id("bench-RS256");
    let mut lines = vec![SigningKey::jwk_set([&key]).to_string()];
    lines.extend((0..TOKENS).map(|number| token(&key, number)));
    fs::write(file(), lines.join("\n")).unwrap();
}

fn token(key: &SigningKey, number: usize) -> String {
    let client = format!("s6BhdRkqt3mXwZ8yVbN{:05}", number % 100);
    let claims = json!({
        "aud": AUDIENCE,
        "auth_time": 1_779_999_900,
        "azp": client,
        "client_id": client,
        "exp": 253_370_764_800_u64,
        "gty": "authorization_code",
        "https://api.example.com/roles": ["editor", "billing"],
        "iat": 1_780_000_000,
        "iss": ISSUER,
        "jti": format!("0b7f6d0e-3c1a-4f5b-9d2e-{number:012x}"),
        "scope": "openid profile notes:read notes:write mcp:use",
        "sub": format!("auth0|64f0c2a5e8b7d900{number:08x}"),
    });
    let token = key
        .token()
        .token_type("at+jwt")
        .raw_claims(claims.to_string());
    let token = token.build();
    assert_eq!(token.len(), 1_003);
    token
}

/// The verifier for the tokens, and this many of them.
pub(crate) fn read(count: usize) -> (JwtVerifier, Vec<String>) {
    let text = fs::read_to_string(file()).unwrap();
    let mut lines = text.lines();
    let verifier = JwtVerifier::builder()
        .jwks_json(lines.next().unwrap())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let tokens: Vec<String> = lines.take(count).map(str::to_owned).collect();
    assert_eq!(tokens.len(), count);
    (verifier, tokens)
}
