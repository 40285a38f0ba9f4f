//! Tokens are verified with any combination of `jsonwebtoken` back ends enabled, including none.

use std::convert::Infallible;
use std::panic::catch_unwind;

use http::{Request, Response};
use http_body_util::BodyExt;
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, JwtVerifier, JwtVerifierBuilder, KeySet, Verifier, VerifierExt,
    VerifyingKey,
};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "https://api.example.com";
const SECRET: &[u8] = b"a secret of at least thirty-two bytes, which HS256 wants";

fn builder() -> JwtVerifierBuilder {
    JwtVerifier::builder().issuer(ISSUER).audience(AUDIENCE)
}

/// The status, challenge and body of the answer to a request with this token.
async fn answer(verifier: impl Verifier, token: &str) -> (u16, Option<String>, String) {
    let inner = service_fn(|_: Request<String>| async {
        Ok::<_, Infallible>(Response::new(String::from("inside")))
    });
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    let request = request.body(String::new()).unwrap();
    let service = BearerAuthLayer::new(verifier).layer(inner);
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    let challenge = head.headers.get("www-authenticate");
    let challenge = challenge.map(|challenge| challenge.to_str().unwrap().to_owned());
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.into()).unwrap();
    (head.status.as_u16(), challenge, body)
}

fn passed() -> (u16, Option<String>, String) {
    (200, None, "inside".to_owned())
}

async fn assert_verifies(verifier: JwtVerifier, how: &str, good: &str, tampered: &str) {
    let challenge = r#"Bearer error="invalid_token", error_description="The access token's signature does not match""#;
    let body = r#"{"error":"invalid_token","error_description":"The access token's signature does not match"}"#;
    let refused = (401, Some(challenge.to_owned()), body.to_owned());
    assert_eq!(answer(verifier.clone(), good).await, passed(), "{how}");
    assert_eq!(answer(verifier.clone(), tampered).await, refused, "{how}");
    let cached = verifier.cached(8);
    for time in ["first", "second"] {
        let how = format!("{how}, cached, the {time} time");
        assert_eq!(answer(cached.clone(), good).await, passed(), "{how}");
        assert_eq!(answer(cached.clone(), tampered).await, refused, "{how}");
    }
}

#[tokio::test]
async fn every_algorithm_with_keys_of_every_form() {
    for &algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm);
        let token = || key.token().issuer(ISSUER).audience(AUDIENCE);
        let (good, tampered) = (token().build(), token().tampered().build());
        let mut forms = vec![("a key", builder().key(key.verifying_key()))];
        if has_public_key(algorithm) {
            let set = SigningKey::jwk_set([&key]).to_string();
            let pem = key.public_key_pem();
            forms.push(("a JWK Set", builder().jwks_json(&set)));
            forms.push(("PEM", builder().public_key_pem(algorithm, &pem)));
        }
        if has_public_key(algorithm) && !algorithm.as_str().starts_with("ML-DSA") {
            let set = SigningKey::jwk_set([&key]).to_string();
            let pem = key.public_key_pem();
            // `jsonwebtoken` parses the JWK Set and the PEM into its own types, which this crate converts.
            let theirs: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&set).unwrap();
            let keys = KeySet::try_from(&theirs).unwrap();
            forms.push(("their JWK Set", builder().keys(keys.keys().to_vec())));
            let decoding = match &algorithm.as_str()[..2] {
                "ES" => DecodingKey::from_ec_pem(pem.as_bytes()),
                "Ed" => DecodingKey::from_ed_pem(pem.as_bytes()),
                _ => DecodingKey::from_rsa_pem(pem.as_bytes()),
            };
            let decoding = VerifyingKey::try_from(&decoding.unwrap()).unwrap();
            forms.push(("their key", builder().key(decoding)));
        }
        for (form, builder) in forms {
            let how = format!("{algorithm}, {form}");
            assert_verifies(builder.build().unwrap(), &how, &good, &tampered).await;
        }
    }
}

fn has_public_key(algorithm: Algorithm) -> bool {
    !algorithm.as_str().starts_with("HS")
}

#[tokio::test]
async fn every_algorithm_with_keys_of_an_issuer() {
    let issuer = TestIssuer::start().await;
    let algorithms = Algorithm::ALL.iter().copied();
    let keys: Vec<_> = algorithms
        .filter(|algorithm| has_public_key(*algorithm))
        .map(|algorithm| SigningKey::generate(algorithm).with_key_id(algorithm.as_str()))
        .collect();
    for key in &keys {
        issuer.add_key(key.clone());
    }
    let by_url = JwtVerifier::builder().issuer(issuer.issuer());
    let by_url = by_url.jwks_url(issuer.jwks_url());
    let discovered = JwtVerifier::builder().discover(issuer.issuer());
    for (how, builder) in [("by URL", by_url), ("by discovery", discovered)] {
        let verifier = builder.audience(AUDIENCE).build().unwrap();
        for key in &keys {
            let token = || key.token().issuer(issuer.issuer()).audience(AUDIENCE);
            let (good, tampered) = (token().build(), token().tampered().build());
            let how = format!("{}, {how}", key.algorithm());
            assert_verifies(verifier.clone(), &how, &good, &tampered).await;
        }
    }
}

fn encode(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET).unwrap();
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}

/// Asserts that the build has the intended back ends: `jsonwebtoken` works with one, and panics with none or two.
#[tokio::test]
async fn the_build_has_the_back_ends_that_it_is_meant_to_have() {
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "exp": 4_000_000_000_u64});
    let theirs = catch_unwind(|| encode(&claims));
    let verifier = builder().secret(Algorithm::HS256, SECRET).build().unwrap();
    if cfg!(all(feature = "rust_crypto", not(feature = "both"))) {
        assert_eq!(answer(verifier, &theirs.unwrap()).await, passed());
        return;
    }
    let panic = theirs.expect_err("they chose between none or two back ends");
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("Could not automatically determine the process-level CryptoProvider"));
    // This crate verifies tokens nevertheless.
    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = builder().key(key.verifying_key()).build().unwrap();
    let token = key.token().issuer(ISSUER).audience(AUDIENCE).build();
    assert_eq!(answer(verifier, &token).await, passed());
}
