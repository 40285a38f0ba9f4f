//! Compact tokens: a token is accepted exactly if its form, header, signature and claims are valid.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use tower_bearer_auth::{Clock, InvalidReason, JwtVerifier};

use crate::claim_rules;
use crate::input;
use crate::keys::{
    AUDIENCE, EC, EC_JWK, ED, ED_JWK, HMAC, ISSUER, KeyPair, NOW, RSA, RSA_JWK, RSA_PUBLIC_PEM,
    SECRET,
};
use crate::signed::{self, Compact, Header, verify};

pub const REACHES: &[&str] = &[
    "refused for its form",
    "refused for its header",
    "refused for its signature",
    "refused for its claims",
    "accepted",
];

/// A secret without a key ID, which fits every token, and public keys with key IDs.
static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| {
    let set = format!("{{\"keys\":[{RSA_JWK},{EC_JWK},{ED_JWK}]}}");
    JwtVerifier::builder()
        .secret(tower_bearer_auth::Algorithm::HS256, SECRET)
        .jwks_json(set)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW)))
        .build()
        .expect("complete")
});

/// The algorithms whose keys have a key ID, with that ID and the key.
const NAMED: [(&str, &str, &LazyLock<KeyPair>); 4] = [
    ("RS256", "rsa", &RSA),
    ("ES256", "ec", &EC),
    ("EdDSA", "ed", &ED),
    ("Ed25519", "ed", &ED),
];

/// The first line selects how the rest of the input becomes a token:
///
/// - `raw`: the rest is the token;
/// - `sign`: the rest is `header.payload`, and gets a valid signature;
/// - `json`: the rest is a line with the header and then the payload, and gets a valid signature;
/// - `confuse`: the same, but signed with a public key as the secret;
/// - `forge`: the same, but signed with another secret.
pub fn run(data: &[u8]) -> &'static str {
    let [how, rest] = input::lines(data);
    let [header, payload] = input::lines(rest);
    let token = match how {
        b"sign" => signed::sign(&String::from_utf8_lossy(rest), &HMAC),
        b"json" => signed::token(header, payload, &HMAC),
        b"confuse" => signed::token(header, payload, &CONFUSED),
        b"forge" => signed::token(header, payload, &FORGED),
        _ => String::from_utf8_lossy(rest).into_owned(),
    };
    let answer = verify(&VERIFIER, &token);
    let reached = judge(&token);
    match &answer {
        Ok(accepted) => {
            assert_eq!(reached, "accepted", "and so it should not be");
            assert_eq!(accepted.token().as_str(), token);
            assert!(!matches!(how, b"confuse" | b"forge"), "forged");
        }
        Err(reason) => assert_ne!(reached, "accepted", "but for {reason:?} it is not"),
    }
    // The verifier checks the signature before the dates and the audience.
    if reached == "refused for its signature" {
        let late = [InvalidReason::Expired, InvalidReason::WrongAudience];
        assert!(!late.contains(&answer.expect_err("refused")));
    }
    reached
}

/// The expected result, computed with `serde_json` and the signature checks of `jsonwebtoken`.
fn judge(token: &str) -> &'static str {
    let Some(jws) = Compact::read(token) else {
        return "refused for its form";
    };
    let Some(header) = Header::read(&jws.header) else {
        return "refused for its header";
    };
    if !is_signed(&jws, &header) {
        return "refused for its signature";
    }
    match claim_rules::read(&jws.payload, NOW, 60) {
        Ok(_) => "accepted",
        Err(_) => "refused for its claims",
    }
}

fn is_signed(jws: &Compact<'_>, header: &Header) -> bool {
    let signed_by = |key: &KeyPair| {
        let message = jws.signed.as_bytes();
        crypto::verify(jws.signature, message, &key.public, key.algorithm).unwrap_or(false)
    };
    if header.algorithm == "HS256" {
        return signed_by(&HMAC);
    }
    NAMED.iter().any(|(algorithm, key_id, key)| {
        let fits = header.key_id.as_deref().is_none_or(|id| id == *key_id);
        *algorithm == header.algorithm && fits && signed_by(key)
    })
}

static CONFUSED: LazyLock<KeyPair> = LazyLock::new(|| with_secret(RSA_PUBLIC_PEM.as_bytes()));

static FORGED: LazyLock<KeyPair> = LazyLock::new(|| {
    with_secret(b"another secret of sixty-four bytes, which nobody here has heard of")
});

fn with_secret(secret: &[u8]) -> KeyPair {
    KeyPair {
        algorithm: Algorithm::HS256,
        private: EncodingKey::from_secret(secret).unwrap(),
        public: jsonwebtoken::DecodingKey::from_secret(secret).unwrap(),
    }
}
