//! Hostile JSON Web Tokens. Signed ones contain only what a client can have an issuer sign.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::Empty;
use serde_json::json;
use tower_bearer_auth::{BearerAuthLayer, ByIssuer, JwtVerifier, ScopeHierarchy, Verifier};
use tower_layer::Layer;

use super::super::scenarios::Call;
use super::super::{AUDIENCE, ISSUER, Nothing, answer, request};
use super::Pair;

/// The maximum length of a token.
pub(super) const TOKEN: usize = 16 << 10;

const fn token(name: &'static str, hostile: fn(usize) -> Call) -> Pair {
    Pair {
        name,
        base: "a token of groups",
        size: TOKEN,
        harmless: |size| signed(r#"{"alg":"HS256"}"#, &claims(&ordinary_claims(size)), 200),
        hostile,
    }
}

pub(crate) const TOKENS: &[Pair] = &[
    token("a header of many members", |size| {
        let members: String = (0..256).map(|n| format!(r#","name-{n:030}":1"#)).collect();
        let header = padded(r#"{"alg":"HS256""#, &members, "}", size * 3 / 4 - 100);
        signed(&header, "{}", 401)
    }),
    token("a header of short names", |size| {
        let members: String = (0..256).map(|n| format!(r#","{n}":1"#)).collect();
        let header = padded(r#"{"alg":"HS256""#, &members, "}", size * 3 / 4 - 100);
        signed(&header, "{}", 401)
    }),
    token("a header of escapes", |size| {
        let member = r#""\u0061":1,"#;
        let members = member.repeat(size * 3 / 4 / member.len() - 20);
        signed(
            &format!(r#"{{"alg":"HS256","x":{{{members}"a":1}}}}"#),
            "{}",
            401,
        )
    }),
    token("a long kid", |size| {
        let header = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(size / 2));
        signed(&header, &claims(""), 401)
    }),
    token("many claims", |size| {
        let members: String = (0..230).map(|n| format!(r#","name-{n:030}":1"#)).collect();
        let members = padded("", &members, "", size * 3 / 4 - 600);
        signed(r#"{"alg":"HS256"}"#, &claims(&members), 200)
    }),
    token("claims nested deeply", |size| {
        let value = format!("{}{}", "[".repeat(30), "]".repeat(30));
        let values = vec![value; size * 3 / 4 / 61 - 20].join(",");
        signed(
            r#"{"alg":"HS256"}"#,
            &claims(&format!(r#","x":[{values}]"#)),
            200,
        )
    }),
    token("claims of escaped names", |size| {
        let member = r#""\u0061":1,"#;
        let members = member.repeat(size * 3 / 4 / member.len() - 80);
        signed(
            r#"{"alg":"HS256"}"#,
            &claims(&format!(r#","x":{{{members}"a":1}}"#)),
            200,
        )
    }),
    token("a payload that is no JSON", |size| {
        signed(r#"{"alg":"HS256"}"#, &"{".repeat(size * 3 / 4 - 60), 401)
    }),
    token("a huge aud", |size| {
        let list = r#""","#.repeat(size / 4 - 300);
        let aud = format!(r#"{{"iss":"{ISSUER}","exp":9999999999,"aud":[{list}"{AUDIENCE}"]}}"#);
        signed(r#"{"alg":"HS256"}"#, &aud, 200)
    }),
    token("a huge aud that does not fit", |size| {
        let list = r#""","#.repeat(size / 4 - 300);
        let aud = format!(r#"{{"iss":"{ISSUER}","exp":9999999999,"aud":[{list}"x"]}}"#);
        signed(r#"{"alg":"HS256"}"#, &aud, 401)
    }),
    token("a huge aud of escapes", |size| {
        let list = r#""\u0061","#.repeat(size / 12 - 100);
        let aud = format!(r#"{{"iss":"{ISSUER}","exp":9999999999,"aud":[{list}"{AUDIENCE}"]}}"#);
        signed(r#"{"alg":"HS256"}"#, &aud, 200)
    }),
    token("many scopes", |size| {
        let count = size * 3 / 4 / 4 - 150;
        let scopes: Vec<String> = (0..count).map(|n| format!("{n:x}")).collect();
        let claim = format!(r#","scope":"{}""#, scopes.join(" "));
        signed(r#"{"alg":"HS256"}"#, &claims(&claim), 200)
    }),
    token("many scopes in a list", |size| {
        let count = size * 3 / 4 / 6 - 150;
        let scopes: Vec<String> = (0..count).map(|n| format!("\"{n:x}\"")).collect();
        let claim = format!(r#","scp":[{}]"#, scopes.join(","));
        signed(r#"{"alg":"HS256"}"#, &claims(&claim), 200)
    }),
    token("a scope list of spaces", |size| {
        let claim = format!(r#","scope":"{}x""#, " ".repeat(size * 3 / 4 - 500));
        signed(r#"{"alg":"HS256"}"#, &claims(&claim), 200)
    }),
    Pair {
        name: "an origin of many members",
        base: "an origin of many members",
        size: TOKEN,
        harmless: |size| unsigned(&claims(&ordinary_claims(size))),
        hostile: |size| {
            let members: String = (0..230).map(|n| format!(r#","name-{n:030}":1"#)).collect();
            unsigned(&claims(&padded("", &members, "", size * 3 / 4 - 600)))
        },
    },
];

const SECRET: &[u8] = b"a secret of thirty-two bytes: 01";

fn ours() -> JwtVerifier {
    let jwk =
        json!({ "kty": "oct", "alg": "HS256", "kid": "a", "k": URL_SAFE_NO_PAD.encode(SECRET) });
    JwtVerifier::builder()
        .jwks_json(json!({ "keys": [jwk] }).to_string())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

/// Valid claims with these additional members.
fn claims(more: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":9999999999,"sub":"alice"{more}}}"#)
}

/// A list of groups in the form that issuers use.
fn ordinary_claims(size: usize) -> String {
    let group = r#""8b1a9953-c461-4d1b-b0e5-1e4bb52d1f33","#;
    let groups = group.repeat((size * 3 / 4 - 400) / group.len());
    format!(r#","groups":[{}]"#, groups.trim_end_matches(','))
}

fn padded(start: &str, members: &str, end: &str, size: usize) -> String {
    let room = size.saturating_sub(start.len() + members.len() + end.len() + 20);
    format!(r#"{start}{members},"pad":"{}"{end}"#, "p".repeat(room))
}

fn jws(header: &str, payload: &str) -> String {
    let input = [header, payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let code = URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes()));
    format!("{input}.{code}")
}

fn through(verifier: impl Verifier, token: &str, status: Option<u16>) -> Call {
    let header = HeaderValue::from_maybe_shared(Bytes::from_owner(format!("Bearer {token}")));
    let header = header.unwrap();
    let hierarchy = ScopeHierarchy::new().implies("admin", ["read", "write"]);
    let layer = BearerAuthLayer::new(verifier).scope_hierarchy(hierarchy);
    let mut service = layer.layer(Nothing);
    Box::new(move || {
        let answered = answer(&mut service, request(&header, Empty::<Bytes>::new()))
            .status()
            .as_u16();
        assert!(status.is_none_or(|status| status == answered), "{answered}");
    })
}

/// Verifies a token with a valid signature.
fn signed(header: &str, payload: &str, status: u16) -> Call {
    let token = jws(header, payload);
    assert!(token.len() <= TOKEN, "{}", token.len());
    through(ours(), &token, Some(status))
}

/// Verifies a token with an invalid signature, with a verifier that reads the issuer first.
fn unsigned(payload: &str) -> Call {
    let mut token = jws(r#"{"alg":"HS256"}"#, payload);
    token.truncate(token.len() - 43);
    token.push_str(&"A".repeat(43));
    through(ByIssuer::new().issuer(ISSUER, ours()), &token, Some(401))
}

pub(super) fn bearer(token: &str) -> Call {
    through(ours(), token, Some(401))
}
