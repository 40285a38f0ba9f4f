//! Payloads with a valid signature: a token is accepted exactly if the documented rules allow it, and its accessors
//! then return its claims.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};
use tower_bearer_auth::{AccessToken, Clock, JwtVerifier, JwtVerifierBuilder};

use crate::claim_rules::{self, Odd};
use crate::json::Json;
use crate::keys::{AUDIENCE, HMAC, ISSUER, NOW, SECRET};
use crate::signed::{self, verify};

pub const REACHES: &[&str] = &["refused", "accepted", "accepted by the strict one too"];

/// A verifier with the default settings.
static USUAL: LazyLock<JwtVerifier> = LazyLock::new(|| builder().build().expect("complete"));

/// A verifier with additional requirements, some for nested claims.
static STRICT: LazyLock<JwtVerifier> = LazyLock::new(|| {
    let strict = builder()
        .rfc9068()
        .leeway(Duration::ZERO)
        .required_claims([ROLES])
        .claim_in("tenant", ["blue", "green"])
        .scope_claims([ROLES]);
    strict.build().expect("complete")
});

/// A verifier that accepts unusual tokens.
static LENIENT: LazyLock<JwtVerifier> = LazyLock::new(|| {
    let lenient = builder().accept_numeric_subject().accept_hash_claims();
    lenient.build().expect("complete")
});

const ROLES: &str = "/realm_access/roles";

fn builder() -> JwtVerifierBuilder {
    JwtVerifier::builder()
        .secret(tower_bearer_auth::Algorithm::HS256, SECRET)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW)))
}

/// The input is the payload.
pub fn run(payload: &[u8]) -> &'static str {
    let token = signed::token(br#"{"alg":"HS256","typ":"at+jwt"}"#, payload, &HMAC);
    assert_lenient(&token, payload);
    let accepted = verify(&USUAL, &token);
    let text = std::str::from_utf8(payload).map_err(|_| "no text");
    let plain = text.and_then(|text| claim_rules::read(text, NOW, 60).map(|json| (text, json)));
    let claims = match (&accepted, plain) {
        (Ok(token), Ok((text, claims))) => {
            claim_rules::assert_agreement(token, &claims, text);
            assert_lookups(token, &claims, text);
            claims
        }
        (Err(_), Err(_)) => {
            assert!(verify(&STRICT, &token).is_err(), "it requires more");
            return "refused";
        }
        (Ok(_), Err(why)) => panic!("accepted, and should not be: {why}"),
        (Err(reason), Ok(_)) => panic!("refused, and should not be: {reason:?}"),
    };
    match verify(&STRICT, &token) {
        Ok(strict) => {
            assert_strict(&strict, &claims);
            "accepted by the strict one too"
        }
        Err(_) => "accepted",
    }
}

/// Asserts that each claim is found with its value.
fn assert_lookups(token: &AccessToken, claims: &Json, text: &str) {
    let all: Map<String, Value> = serde_json::from_str(text).expect("an object");
    assert_eq!(token.claims::<Map<String, Value>>().ok(), Some(all));
    for (name, value) in claims.as_members().expect("an object") {
        let (pointer, value) = (name.replace('~', "~0").replace('/', "~1"), value.to_value());
        // A name that starts with a slash is a pointer, so the claim is not found by its name.
        if !name.starts_with('/') {
            assert_eq!(token.claim::<Value>(name).as_ref(), Some(&value), "{name}");
            assert_eq!(token.claim::<String>(name).as_deref(), value.as_str());
        }
        assert_eq!(token.claim(&format!("/{pointer}")), Some(value), "{name}");
    }
    assert_eq!(token.claim::<Value>("no such claim, surely"), None);
}

/// Asserts that the lenient verifier accepts unusual tokens, and keeps the digits of a numeric subject.
fn assert_lenient(token: &str, payload: &[u8]) {
    let accepted = verify(&LENIENT, token);
    let text = std::str::from_utf8(payload).map_err(|_| "no text");
    let plain = text.and_then(|text| claim_rules::read_with(text, NOW, 60, Odd::Accepted));
    let claims = match (&accepted, plain) {
        (Ok(_), Ok(claims)) | (Err(_), Ok(claims)) => claims,
        (Err(_), Err(_)) => return,
        (Ok(_), Err(why)) => panic!("accepted, and should not be: {why}"),
    };
    let subject = accepted.as_ref().ok().map(AccessToken::subject);
    match claim_rules::value(&claims, "sub") {
        None => assert_eq!(subject, Some(None)),
        Some(Json::Number(number)) => match (number.as_u64(), subject) {
            (Some(integer), _) => assert_eq!(subject, Some(Some(&*integer.to_string()))),
            (None, None) => assert!(number.is_i64() || number.is_f64()),
            // The number does not fit into 64 bits.
            (None, Some(digits)) => {
                let digits = digits.expect("there is one");
                assert!(digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()));
                assert_eq!(digits.parse().ok(), number.as_f64());
            }
        },
        Some(other) => assert_eq!(subject, Some(other.as_text())),
    }
}

fn assert_strict(token: &AccessToken, claims: &Json) {
    let text = token.raw_claims();
    claim_rules::read(text, NOW, 0).expect("acceptable without leeway");
    for name in ["sub", "client_id", "iat", "jti"] {
        assert!(
            claim_rules::value(claims, name).is_some(),
            "{name} is required"
        );
    }
    let tenants = claims.member("tenant").and_then(claim_rules::texts);
    let is_ours = |tenant: &&str| ["blue", "green"].contains(tenant);
    assert!(tenants.expect("texts").iter().any(is_ours));

    let roles = claims
        .member("realm_access")
        .and_then(|access| access.member("roles"));
    let roles = claim_rules::texts(roles.expect("required")).expect("texts");
    for scope in token.scopes().iter() {
        let is_there = roles
            .iter()
            .any(|role| role.split(' ').any(|name| name == scope));
        assert!(is_there, "a scope from nowhere: {scope}");
    }
}
