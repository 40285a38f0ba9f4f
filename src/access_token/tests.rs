use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::clock::Clock;
use crate::scopes::Scopes;
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
    assert!(token.audiences().eq(["a", "b"]));
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

/// An array nested to this many levels.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn enrichment_keeps_claims_that_cannot_be_read_again() {
    // serde_json writes this depth but does not read it.
    let token = builder()
        .subject("alice")
        .claim("plan", "gold")
        .claim("deep", nested(200))
        .build();
    assert!(token.claims::<Value>().is_err());
    assert_eq!(token.to_builder().build().raw_claims(), token.raw_claims());
    let richer = token.to_builder().scopes(["read"]).claim("plan", 1).build();
    assert_eq!(richer.subject(), Some("alice"));
    assert_eq!(richer.claim::<String>("sub").as_deref(), Some("alice"));
    assert_eq!(richer.claim::<u8>("plan"), Some(1));
    assert_eq!(richer.claim::<String>("scope").as_deref(), Some("read"));
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    assert!(richer.raw_claims().contains(&deep));
}

#[test]
fn enrichment_keeps_the_text_of_claims_to_the_byte() {
    let payload = " {\"sub\" : \"\\u0061lice\", \"n\":1.50e+2,\"scope\":\"a\", \"big\":12345678901234567890123,\n\
                   \"x\":{ \"scope\":\"inner\", \"y\":[1, 2]},\"\\u0065xp\":7,\"q\":\"\\\",}{\" } ";
    let verified = Verified {
        subject: Some("alice".to_owned().into()),
        claims: payload.to_owned(),
        ..Verified::default()
    };
    let token = AccessToken::new("secret-token".parse().unwrap(), Arc::new(verified));
    assert_eq!(token.to_builder().build().raw_claims(), payload);

    let at = UNIX_EPOCH + Duration::from_secs(9);
    let richer = token.to_builder().scopes(["b"]).expires_at(at).build();
    assert_eq!(
        richer.raw_claims(),
        "{\"sub\" : \"\\u0061lice\",\"n\":1.50e+2,\"big\":12345678901234567890123,\
         \"x\":{ \"scope\":\"inner\", \"y\":[1, 2]},\"q\":\"\\\",}{\",\"exp\":9,\"scope\":\"b\"}"
    );
    assert_eq!(richer.subject(), Some("alice"));
    // A second change of the same member replaces the first one.
    let again = richer.to_builder().claim("exp", 8).build();
    assert_eq!(again.claim::<u8>("exp"), Some(8));
    assert_eq!(again.raw_claims().matches("exp").count(), 1);
}

#[test]
fn a_name_of_a_claim_may_be_any_text() {
    for name in ["", "a b", "\"", "\\", "\n", "é", "\u{1f600}", "a\":1,\"b"] {
        let token = builder().claim(name, "old").build();
        let token = token.to_builder().claim(name, "new").build();
        assert_eq!(token.claims::<Value>().unwrap(), json!({ name: "new" }));
    }
}

#[test]
fn scopes_that_are_none_are_a_mistake_at_the_callers_line() {
    for (bad, shown) in [
        ("read write", "\"read write\""),
        ("", "\"\""),
        ("a\"b", "a"),
        ("é", "é"),
    ] {
        let panic = std::panic::catch_unwind(|| builder().scopes(["read", bad])).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(
            message.contains(shown) && message.contains("is not a scope"),
            "{message}"
        );
    }
}

#[test]
fn scopes_of_another_service_are_taken_as_far_as_they_are_scopes() {
    let token = builder()
        .granted_scopes(["read", "Super Admin", "", "é", "write", "read"])
        .build();
    assert_eq!(token.scopes().as_str(), "read write");
    assert_eq!(
        token.claim::<String>("scope").as_deref(),
        Some("read write")
    );
    let none = builder().granted_scopes("".split(',')).build();
    assert!(none.scopes().is_empty());
}

#[test]
fn a_set_of_scopes_is_taken_as_it_is() {
    let token = builder().scope_set(Scopes::parse("b a b").unwrap()).build();
    assert_eq!(token.scopes().as_str(), "b a");
    assert_eq!(token.claim::<String>("scope").as_deref(), Some("b a"));
}

#[test]
fn raw_claims_are_kept_to_the_byte_and_setters_win_in_any_order() {
    let raw = " {\"n\" : 1.50e+2, \"sub\":\"bob\" ,\"deep\":{\"sub\":[ 1 ]}} ";
    let token = builder().raw_claims(raw).unwrap().build();
    assert_eq!(token.raw_claims(), raw);
    // Claims do not set the values of accessors. Only setters do.
    assert_eq!(token.subject(), None);
    let before = builder().subject("alice").raw_claims(raw).unwrap().build();
    let after = builder().raw_claims(raw).unwrap().subject("alice").build();
    for token in [before, after] {
        assert_eq!(token.subject(), Some("alice"));
        assert_eq!(
            token.raw_claims(),
            "{\"n\" : 1.50e+2,\"deep\":{\"sub\":[ 1 ]},\"sub\":\"alice\"}"
        );
    }
    // `raw_claims` replaces the claims of the earlier token, and keeps its subject.
    let first = builder().subject("alice").claim("plan", "gold").build();
    let second = first.to_builder().raw_claims("{}").unwrap().build();
    assert_eq!(second.subject(), Some("alice"));
    assert_eq!(second.raw_claims(), "{}");
}

#[test]
fn raw_claims_that_parsers_read_differently_are_an_error() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    for bad in [
        "",
        "[]",
        "null",
        "{",
        "{} x",
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":1e400}"#,
        r#"{"$serde_json::private::Number":"1"}"#,
        deep.as_str(),
    ] {
        let error = builder().raw_claims(bad).unwrap_err();
        let shown = error.to_string();
        assert!(
            shown.starts_with("the text is not a claims set: "),
            "{shown}"
        );
    }
}

#[test]
fn a_map_of_claims_sets_each() {
    let Value::Object(map) = json!({"plan": "gold", "roles": ["x"]}) else {
        unreachable!()
    };
    let token = builder().subject("alice").claims(map).build();
    assert_eq!(
        token.claims::<Value>().unwrap(),
        json!({"sub": "alice", "plan": "gold", "roles": ["x"]})
    );
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
    let tolerant = token.to_builder().leeway(Duration::from_secs(5)).build();
    assert!(tolerant.is_current());
    clock.advance(Duration::from_secs(5));
    assert!(!tolerant.is_current());
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
