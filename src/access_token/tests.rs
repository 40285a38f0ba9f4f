use super::*;
use serde_json::{Value, json};

fn builder() -> AccessTokenBuilder {
    AccessToken::builder("secret-token".parse().unwrap())
}

#[test]
fn debug_shows_neither_the_token_nor_its_private_claims() {
    let token = builder()
        .subject("alice")
        .claim("email", "a@example.com")
        .build();
    let shown = format!("{token:?} {:?} {:?}", token.to_builder(), token.token());
    assert!(shown.contains("alice"));
    assert!(
        !shown.contains("secret-token") && !shown.contains("example.com"),
        "{shown}"
    );
}

#[test]
fn setters_and_claims_agree() {
    let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let token = builder()
        .subject("alice")
        .client_id("cli")
        .issuer("https://issuer")
        .audiences(["a", "b"])
        .scopes(["read"])
        .issued_at(at)
        .expires_at(at)
        .jwt_id("id-1")
        .claim("nested", json!({"roles": ["x"]}))
        .build();
    let expected = json!({
        "sub": "alice", "client_id": "cli", "iss": "https://issuer", "aud": ["a", "b"],
        "scope": "read", "iat": 1_700_000_000, "exp": 1_700_000_000, "jti": "id-1",
        "nested": {"roles": ["x"]},
    });
    assert_eq!(token.claims::<Value>().unwrap(), expected);
    assert_eq!(
        token.claim::<Vec<String>>("/nested/roles"),
        Some(vec!["x".into()])
    );
    assert_eq!(token.claim::<u64>("sub"), None);
    assert_eq!(token.expires_at(), Some(at));
    assert_eq!(token.audiences(), ["a", "b"]);
}

#[test]
fn enrichment_keeps_what_it_does_not_touch() {
    let token = builder().subject("alice").claim("plan", "gold").build();
    let richer = token.to_builder().scopes(["read"]).build();
    assert_eq!(richer.subject(), Some("alice"));
    assert_eq!(richer.claim::<String>("plan").as_deref(), Some("gold"));
    assert!(richer.has_scope("read") && !token.has_scope("read"));
    assert_eq!(richer.principal(), token.principal());
}

#[test]
fn a_token_stops_being_current_when_it_expires() {
    let clock = Clock::manual(UNIX_EPOCH);
    let token = builder()
        .clock(clock.clone())
        .expires_at(UNIX_EPOCH + Duration::from_secs(10))
        .build();
    assert!(token.is_current());
    clock.advance(Duration::from_secs(9));
    assert!(token.is_current());
    clock.advance(Duration::from_secs(1));
    assert!(!token.is_current());
    assert!(builder().build().is_current());
}

#[test]
fn a_principal_cannot_be_shifted_between_its_parts() {
    let one = builder().subject("ab").client_id("c").build();
    let other = builder().subject("a").client_id("bc").build();
    let (one, other) = (one.principal().unwrap(), other.principal().unwrap());
    assert_ne!(one, other);
    assert_ne!(one.to_bytes(), other.to_bytes());
    assert_eq!(builder().issuer("https://issuer").build().principal(), None);
    let named = builder()
        .verifier("keys")
        .subject("ab")
        .client_id("c")
        .build();
    assert_ne!(named.principal().unwrap().to_bytes(), one.to_bytes());
}
