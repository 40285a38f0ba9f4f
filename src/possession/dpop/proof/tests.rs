use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::credentials::BearerToken;
use crate::http_url::Origin;
use crate::possession::dpop::htu::Target;
use crate::testing::SigningKey;
use crate::verify::keys::algorithm::KeyKind;
use crate::verify_error::VerifyErrorKind;

mod claims;
mod forms;
mod keys;
mod logs;
mod vectors;

const NOW: Duration = Duration::from_secs(1_700_000_000);
const WINDOW: Duration = Duration::from_secs(60);

static TOKEN: LazyLock<BearerToken> = LazyLock::new(|| "the-access-token".parse().unwrap());
static ORIGIN: LazyLock<Origin> =
    LazyLock::new(|| Origin::of_origin("https://api.example.com").unwrap());
static ES256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256));

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256_text(bytes: &[u8]) -> String {
    base64url(sha256(bytes))
}

fn proof_algorithms() -> Vec<Algorithm> {
    let all = Algorithm::ALL.iter().copied();
    all.filter(|algorithm| algorithm.key_kind() != KeyKind::Secret)
        .collect()
}

fn verifier() -> ProofVerifier {
    ProofVerifier::new(proof_algorithms(), 16 * 1024)
}

/// The JWK of a key, as clients send it: without `alg`, unless it is required, and without `use`.
fn jwk_of(key: &SigningKey) -> Value {
    let mut jwk = key.jwk();
    let members = jwk.as_object_mut().unwrap();
    members.remove("use");
    if key.algorithm().key_kind() != KeyKind::MlDsa {
        members.remove("alg");
    }
    jwk
}

/// The thumbprint of a JWK, without a check of its members.
fn thumbprint_of(jwk: &Value) -> String {
    let names: &[&str] = match jwk["kty"].as_str() {
        Some("RSA") => &["e", "kty", "n"],
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        Some("AKP") => &["alg", "kty", "pub"],
        other => panic!("{other:?}"),
    };
    let members: BTreeMap<_, _> = names.iter().map(|name| (name, &jwk[name])).collect();
    sha256_text(serde_json::to_string(&members).unwrap().as_bytes())
}

fn header_of(key: &SigningKey) -> Value {
    json!({"typ": "dpop+jwt", "alg": key.algorithm().as_str(), "jwk": jwk_of(key)})
}

fn usual_claims() -> Value {
    json!({
        "jti": "1",
        "htm": "POST",
        "htu": "https://api.example.com/mcp",
        "iat": NOW.as_secs(),
        "ath": sha256_text(TOKEN.as_bytes()),
    })
}

/// Sets members of an object. `null` removes one.
fn with(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => object.as_object_mut().unwrap().remove(name),
            value => object
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    object
}

fn sign(key: &SigningKey, header: impl ToString, claims: impl ToString) -> String {
    let [header, claims] = [header.to_string(), claims.to_string()].map(base64url);
    let input = format!("{header}.{claims}");
    let signature = base64url(key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

fn expected(thumbprint: &str) -> Expected<'_> {
    Expected {
        method: "POST",
        target: Target {
            origin: &ORIGIN,
            path_prefix: "",
            path: "/mcp",
        },
        token: &TOKEN,
        thumbprint,
        window: WINDOW,
        now: NOW,
    }
}

/// The name of the reason why the proof is refused.
fn refusal(result: Result<ValidProof, VerifyError>) -> &'static str {
    match result.expect_err("it is accepted").kind() {
        VerifyErrorKind::Invalid(reason) => reason.as_str(),
        VerifyErrorKind::InvalidProof(reason) => reason.as_str(),
        other @ (VerifyErrorKind::InsufficientScope(_)
        | VerifyErrorKind::InsufficientAuthentication(_)
        | VerifyErrorKind::NonceRequired(_)
        | VerifyErrorKind::Unavailable) => panic!("{other:?}"),
    }
}

/// Verifies a proof with a header and claims of the usual key.
fn verify(header: impl ToString, claims: impl ToString) -> Result<ValidProof, VerifyError> {
    let proof = sign(&ES256, header, claims);
    let thumbprint = thumbprint_of(&jwk_of(&ES256));
    verifier().verify(proof.as_bytes(), &expected(&thumbprint))
}

fn verify_claims(claims: impl ToString) -> Result<ValidProof, VerifyError> {
    verify(header_of(&ES256), claims)
}
