//! `jsonwebtoken` accepts each token that this crate accepts under the same rules, except for the [`Difference`]s.

use std::sync::LazyLock;

use jsonwebtoken::{Validation, decode};
use serde_json::Value;
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier};

use crate::input;
use crate::json::Json;
use crate::keys::{AUDIENCE, EC, EC_JWK, ED, ED_JWK, HMAC, ISSUER, KeyPair, RSA, RSA_JWK, SECRET};
use crate::signed::{self, verify};

pub const REACHES: &[&str] = &[
    "refused",
    "accepted by both",
    "Ed25519 is a name that they do not know",
    "they read members that we leave alone",
    "they take null for a date",
];

/// Why this crate accepts a token that `jsonwebtoken` refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// RFC 9864 gave `EdDSA` on this curve a name of its own, which jsonwebtoken 11.1 does not know.
    Ed25519,
    /// `jsonwebtoken` parses every header member of RFC 7515 and RFC 8555, and fails if one has another type. This
    /// crate never reads the key members of a token's header, so it accepts any type for them.
    UnreadMember,
    /// This crate treats an `nbf` of `null` as absent. `jsonwebtoken` treats it as an invalid date.
    NullDate,
}

impl Difference {
    /// The difference that this header and these claims cause.
    fn of(header: &Json, claims: &Json) -> Option<Self> {
        const TYPED: [&str; 9] = [
            "cty", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "url", "nonce",
        ];
        if header.member("alg").and_then(Json::as_text) == Some("Ed25519") {
            return Some(Self::Ed25519);
        }
        if claims.member("nbf") == Some(&Json::Null) {
            return Some(Self::NullDate);
        }
        let is_odd = |name: &&str| match header.member(name) {
            None | Some(Json::Null | Json::Text(_)) => ["jwk", "x5c"].contains(name),
            Some(_) => true,
        };
        let is_there = |name: &&str| header.member(name).is_some();
        TYPED
            .iter()
            .filter(|name| is_there(name))
            .any(is_odd)
            .then_some(Self::UnreadMember)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519 is a name that they do not know",
            Self::UnreadMember => "they read members that we leave alone",
            Self::NullDate => "they take null for a date",
        }
    }
}

/// One key, and a verifier of each library with only this key.
struct Pair {
    key: &'static LazyLock<KeyPair>,
    ours: JwtVerifier,
    theirs: Validation,
}

/// Both libraries use the system clock, because that of `jsonwebtoken` cannot be set. A second can begin between the
/// two calls, and `jsonwebtoken` rounds fractions of a second. With this additional leeway, in seconds, no date falls
/// between.
const MORE_LEEWAY: u64 = 2;

static PAIRS: LazyLock<[Pair; 4]> = LazyLock::new(|| {
    [
        Pair::new(&HMAC, |jwt| jwt.secret(Algorithm::HS256, SECRET)),
        Pair::new(&EC, |jwt| jwt.jwks_json(set(EC_JWK))),
        Pair::new(&ED, |jwt| jwt.jwks_json(set(ED_JWK))),
        Pair::new(&RSA, |jwt| jwt.jwks_json(set(RSA_JWK))),
    ]
});

fn set(jwk: &str) -> String {
    format!("{{\"keys\":[{jwk}]}}")
}

type Builder = tower_bearer_auth::JwtVerifierBuilder;

impl Pair {
    fn new(key: &'static LazyLock<KeyPair>, with_key: fn(Builder) -> Builder) -> Self {
        let builder = JwtVerifier::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(Clock::system());
        let mut theirs = Validation::new(key.algorithm);
        theirs.set_issuer(&[ISSUER]);
        theirs.set_audience(&[AUDIENCE]);
        theirs.set_required_spec_claims(&["exp", "iss", "aud"]);
        theirs.validate_nbf = true;
        theirs.leeway = 60 + MORE_LEEWAY;
        Self {
            key,
            ours: with_key(builder).build().expect("complete"),
            theirs,
        }
    }
}

/// The input is the name of a key, a line with the header, and the payload.
pub fn run(data: &[u8]) -> &'static str {
    let [key, header, payload] = input::lines(data);
    let pair = match key {
        b"hmac" => &PAIRS[0],
        b"ec" => &PAIRS[1],
        b"ed" => &PAIRS[2],
        b"rsa" => &PAIRS[3],
        _ => return "no key",
    };
    let token = signed::token(header, payload, pair.key);
    let Ok(accepted) = verify(&pair.ours, &token) else {
        return "refused";
    };
    match decode::<Value>(&token, &pair.key.public, &pair.theirs) {
        Ok(theirs) => {
            assert_eq!(accepted.claims::<Value>().ok(), Some(theirs.claims));
            "accepted by both"
        }
        Err(error) => {
            let [header, claims] = [header, payload].map(|it| Json::parse(it).expect("we read it"));
            match Difference::of(&header, &claims) {
                Some(difference) => difference.name(),
                None => panic!("we accept what they refuse: {error}"),
            }
        }
    }
}
