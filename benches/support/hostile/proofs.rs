//! Hostile DPoP proofs. Each comes with a good token, since a client without one reaches no proof.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::Empty;
use serde_json::json;
use tower_bearer_auth::possession::Dpop;
use tower_bearer_auth::testing::DpopKey;
use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};
use tower_layer::Layer;

use super::super::scenarios::Call;
use super::super::{Nothing, answer, request};
use super::Pair;

/// The maximum length of a proof.
const PROOF: usize = 16 << 10;

const URL: &str = "https://api.example.com/";
const TOKEN: &str = "token";

/// Another key than that of the token, so that no signature is checked.
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;

/// Compared with a proof of the same size whose signature is verified. So an attacker who sends made-up proofs costs the
/// server no more than a client that signs them.
const fn hostile(name: &'static str, hostile: fn(usize) -> Call) -> Pair {
    Pair {
        name,
        base: "a proof with a long jti",
        size: PROOF,
        harmless: |size| signed(|jti| jti, &"a".repeat(room(size))),
        hostile,
    }
}

pub(crate) const PROOFS: &[Pair] = &[
    hostile("a proof with many header members", |size| {
        let members: String = (0..250).map(|n| format!(r#","name-{n:030}":1"#)).collect();
        of_other_key(JWK, &padded(&members, room(size)))
    }),
    hostile("a proof with a header of escaped names", |size| {
        let members = r#""\u0061":1,"#.repeat(room(size) / 12);
        of_other_key(JWK, &format!(r#","x":{{{members}"a":1}}"#))
    }),
    hostile("a proof with a header nested deeply", |size| {
        let value = format!("{}{}", "[".repeat(28), "]".repeat(28));
        let values = vec![value; room(size) / 57].join(",");
        of_other_key(JWK, &format!(r#","x":[{values}]"#))
    }),
    hostile("a proof with a JWK of many members", |size| {
        let members: String = (0..250).map(|n| format!(r#","name-{n:030}":1"#)).collect();
        let members = padded(&members, room(size));
        of_other_key(&format!("{}{members}}}", JWK.trim_end_matches('}')), "")
    }),
    hostile("a proof with a JWK of escaped names", |size| {
        let members = r#""\u0061":1,"#.repeat(room(size) / 12);
        let jwk = JWK.trim_end_matches('}');
        of_other_key(&format!(r#"{jwk},"m":{{{members}"a":1}}}}"#), "")
    }),
    hostile("a proof with a huge number in its JWK", |size| {
        let n = format!("{}A", "z".repeat(room(size) / 4 * 4 + 3));
        let jwk = json!({"kty": "RSA", "n": n, "e": "AQAB"}).to_string();
        other_key("RS256", &jwk, "")
    }),
    hostile("a proof with escapes in its JWK", |size| {
        let n = r"\u007a".repeat(room(size) / 6 / 4 * 4);
        let jwk = format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"}}"#);
        other_key("RS256", &jwk, "")
    }),
    hostile("a proof with many claims", |size| {
        let members: String = (0..240).map(|n| format!(r#","name-{n:030}":1"#)).collect();
        signed(|_| "j".to_owned(), &padded(&members, room(size)))
    }),
    hostile("a proof with a jti of escapes", |size| {
        signed(|jti| jti, &r"\u0061".repeat(room(size) / 6))
    }),
    hostile("a proof with a path of dots", |size| {
        with_htu(&format!("{URL}a{}", "/..".repeat(room(size) / 3)))
    }),
    hostile("a proof with a path of many segments and dots", |size| {
        let (down, up) = ("/a".repeat(room(size) / 5), "/..".repeat(room(size) / 5));
        with_htu(&format!("{URL}a{down}{up}"))
    }),
    hostile("a proof with an encoded path", |size| {
        with_htu(&format!("{URL}{}", "%61".repeat(room(size) / 3)))
    }),
    hostile("a proof with an encoded host", |size| {
        with_htu(&format!("https://{}/", "%61".repeat(room(size) / 3)))
    }),
];

/// What is left for a filling, before it is encoded.
fn room(size: usize) -> usize {
    size * 3 / 4 - 600
}

fn padded(members: &str, room: usize) -> String {
    let pad = room.saturating_sub(members.len() + 9);
    format!(r#"{members},"pad":"{}""#, "p".repeat(pad))
}

fn of_other_key(jwk: &str, members: &str) -> Call {
    other_key("ES256", jwk, members)
}

fn other_key(algorithm: &str, jwk: &str, members: &str) -> Call {
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"{algorithm}","jwk":{jwk}{members}}}"#);
    let signature = "A".repeat(86);
    let proof = format!("{}.e30.{signature}", URL_SAFE_NO_PAD.encode(header));
    through(&DpopKey::new(), &proof)
}

/// A proof with a valid signature, for another method.
fn with_htu(htu: &str) -> Call {
    let key = DpopKey::new();
    let proof = key.proof("GET", URL, TOKEN).htu(htu).without_claim("ath");
    let proof = proof.ath("x").build();
    through(&key, &proof)
}

/// A proof with a valid signature and this filling, for another token.
fn signed(jti: fn(String) -> String, filling: &str) -> Call {
    let key = DpopKey::new();
    let is_members = filling.starts_with(',');
    let jti = jti(filling.to_owned());
    let members = if is_members { filling } else { "" };
    let claims =
        format!(r#"{{"jti":"{jti}","htm":"GET","htu":"{URL}","iat":1,"ath":"x"{members}}}"#);
    through(
        &key,
        &key.proof("GET", URL, TOKEN).raw_claims(claims).build(),
    )
}

fn through(key: &DpopKey, proof: &str) -> Call {
    assert!(proof.len() <= PROOF, "{}", proof.len());
    let token = StaticToken::new("bench").claim("cnf", json!({"jkt": key.thumbprint()}));
    let verifier = StaticTokenVerifier::new([(TOKEN, token)]);
    let layer = BearerAuthLayer::new(verifier).dpop(Dpop::new().origin("https://api.example.com"));
    let mut service = layer.layer(Nothing);
    let shared = |text: String| HeaderValue::from_maybe_shared(Bytes::from_owner(text)).unwrap();
    let (dpop, proof) = (shared(format!("DPoP {TOKEN}")), shared(proof.to_owned()));
    Box::new(move || {
        let mut request = request(&dpop, Empty::<Bytes>::new());
        request.headers_mut().insert("dpop", proof.clone());
        assert_eq!(answer(&mut service, request).status(), 401);
    })
}
