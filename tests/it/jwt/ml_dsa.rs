//! ML-DSA (FIPS 204, RFC 9964): the examples of the RFC, and keys and signatures that are almost valid.
//!
//! Keys and signatures are made by another implementation, which can also sign as the RFC does not allow.

use aws_lc_rs::digest;
use axum::Router;
use axum::routing::get;
use ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::{BadSignature, Malformed};
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, JwtVerifier, VerifyingKey};

use super::der::{oid, public_key_info};
use super::keys::changed;
use super::{
    base64url, jwt, jwt_builder, refusal, signature_of, signing_key, usual_claims, verifier_of,
    verify, with_signature,
};
use crate::support::{get_with, serve};

/// A parameter set, with a key of the other implementation.
pub(super) struct Set {
    pub(super) algorithm: Algorithm,
    pub(super) id: &'static [u64],
    pub(super) key_length: usize,
    /// The three parts of a signature: the hash of the commitment, the response, the hint.
    parts: [usize; 3],
    /// The number of positions in the hint, and the number of polynomials.
    hint: (usize, usize),
    pub(super) public: Vec<u8>,
    /// Signs a message with a context.
    sign: fn(&[u8], &[u8]) -> Vec<u8>,
    /// Signs a message without a domain separator and a context.
    sign_internal: fn(&[u8]) -> Vec<u8>,
}

/// The key of the RFC's examples.
fn key<P: MlDsaParams>() -> ExpandedSigningKey<P> {
    ExpandedSigningKey::from_seed(&[0; 32].into())
}

fn sign<P: MlDsaParams>(message: &[u8], context: &[u8]) -> Vec<u8> {
    let signature = key::<P>().sign_deterministic(message, context).unwrap();
    signature.encode().as_slice().to_vec()
}

fn sign_internal<P: MlDsaParams>(message: &[u8]) -> Vec<u8> {
    let signature = key::<P>().sign_internal(&[message], &[0; 32].into());
    signature.encode().as_slice().to_vec()
}

pub(super) fn sets() -> [Set; 3] {
    [
        Set {
            algorithm: Algorithm::MlDsa44,
            id: &[2, 16, 840, 1, 101, 3, 4, 3, 17],
            key_length: 1312,
            parts: [32, 4 * 576, 84],
            hint: (80, 4),
            public: key::<MlDsa44>()
                .verifying_key()
                .encode()
                .as_slice()
                .to_vec(),
            sign: sign::<MlDsa44>,
            sign_internal: sign_internal::<MlDsa44>,
        },
        Set {
            algorithm: Algorithm::MlDsa65,
            id: &[2, 16, 840, 1, 101, 3, 4, 3, 18],
            key_length: 1952,
            parts: [48, 5 * 640, 61],
            hint: (55, 6),
            public: key::<MlDsa65>()
                .verifying_key()
                .encode()
                .as_slice()
                .to_vec(),
            sign: sign::<MlDsa65>,
            sign_internal: sign_internal::<MlDsa65>,
        },
        Set {
            algorithm: Algorithm::MlDsa87,
            id: &[2, 16, 840, 1, 101, 3, 4, 3, 19],
            key_length: 2592,
            parts: [64, 7 * 640, 83],
            hint: (75, 8),
            public: key::<MlDsa87>()
                .verifying_key()
                .encode()
                .as_slice()
                .to_vec(),
            sign: sign::<MlDsa87>,
            sign_internal: sign_internal::<MlDsa87>,
        },
    ]
}

impl Set {
    pub(super) fn jwk(&self) -> Value {
        let name = self.algorithm.as_str();
        json!({"kty": "AKP", "alg": name, "pub": base64url(&self.public)})
    }

    pub(super) fn verifier(&self) -> JwtVerifier {
        let key = VerifyingKey::from_jwk(&self.jwk().to_string()).unwrap();
        jwt_builder().key(key).build().unwrap()
    }

    /// The first two segments of a valid token.
    fn signing_input(&self) -> String {
        let header = json!({"alg": self.algorithm.as_str()}).to_string();
        format!("{}.{}", base64url(header), base64url(usual_claims("", &[])))
    }

    fn token(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let input = self.signing_input();
        let signature = sign(input.as_bytes());
        format!("{input}.{}", base64url(signature))
    }

    pub(super) fn good_token(&self) -> String {
        self.token(|message| (self.sign)(message, b""))
    }

    pub(super) fn spki(&self, parameters: &[u8], key: &[u8]) -> Vec<u8> {
        public_key_info(self.id, parameters, key)
    }
}

/// The keys of the RFC's examples have a seed of zeros, and the signatures are deterministic. So the test generates
/// both again. It compares the thumbprint of the key, which the RFC prints as `kid`, and the start of the signature,
/// which is a hash of the key, the message and the secret commitment.
#[test]
fn the_examples_of_rfc_9964_verify() {
    let examples = [
        (
            "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o",
            "knI1Q_9CIzLH5Xy94Kkc7WVKqZcAgtJ3mNf0GUj1uLA6YXAWFJfXkh-zQxUtEl3UIC7zPCiUwKTDR6Zs",
        ),
        (
            "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM",
            "zmO9_0bLgJAegoVNymfRo4nGPK5lVtSFGnDbzfzYAD5mUEXpaBUg4itvZ8rAUZi4HLb59QqDQSBSpMXC",
        ),
        (
            "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU",
            "hmMrKkUgZwGPQV_WUoXUVq_Z9WOenDZbfMmHpKritl0btWi29TC8eIyQyT1FAuW2kg3h6ALsvCrjX5tn3QKF",
        ),
    ];
    for (set, (thumbprint, start)) in sets().into_iter().zip(examples) {
        let name = set.algorithm.as_str();
        let jwk = set.jwk();
        // RFC 7638 §3.
        let members = format!(r#"{{"alg":"{name}","kty":"AKP","pub":{}}}"#, jwk["pub"]);
        let digest = digest::digest(&digest::SHA256, members.as_bytes());
        assert_eq!(base64url(digest.as_ref()), thumbprint, "{name}");

        let header = format!(r#"{{"alg":"{name}","kid":"{thumbprint}"}}"#);
        let payload = "It\u{2019}s a dangerous business, Frodo, going out your door.";
        let input = format!("{}.{}", base64url(header), base64url(payload));
        let signature = base64url((set.sign)(input.as_bytes(), b""));
        assert!(signature.starts_with(start), "{name}: {signature}");

        // The payload is a text without claims. The verifier detects that after it has checked the signature.
        let jwk = changed(jwk, json!({"kid": thumbprint}));
        let key = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
        let verifier = jwt_builder().key(key).build().unwrap();
        let token = format!("{input}.{signature}");
        assert_eq!(refusal(&verifier, &token), Some(Malformed), "{name}");
        let mut changed = signature_of(&token);
        changed[0] ^= 1;
        let changed = with_signature(&token, &changed);
        assert_eq!(refusal(&verifier, &changed), Some(BadSignature), "{name}");
    }
}

#[test]
fn a_signature_with_a_context_or_of_another_form_is_refused() {
    for set in sets() {
        let name = set.algorithm;
        let verifier = set.verifier();
        let token = verify(&verifier, &set.good_token()).unwrap();
        assert_eq!(token.subject(), Some("alice"), "{name}");

        for context in [&b"\0"[..], b"JWT", name.as_str().as_bytes(), &[0; 255]] {
            let token = set.token(|message| (set.sign)(message, context));
            assert_eq!(
                refusal(&verifier, &token),
                Some(BadSignature),
                "{name}: {context:?}"
            );
        }
        // HashML-DSA (FIPS 204 §5.4), which JOSE does not use.
        let hashed = set.token(|message| {
            let id = oid(&[2, 16, 840, 1, 101, 3, 4, 2, 3]);
            let digest = digest::digest(&digest::SHA512, message);
            (set.sign_internal)(&[&[1, 0], &id[..], digest.as_ref()].concat())
        });
        assert_eq!(refusal(&verifier, &hashed), Some(BadSignature), "{name}");
        // Without a domain separator, as in the drafts of FIPS 204.
        let plain = set.token(|message| (set.sign_internal)(message));
        assert_eq!(refusal(&verifier, &plain), Some(BadSignature), "{name}");
        let separated = set.token(|message| (set.sign_internal)(&[&[0, 0], message].concat()));
        assert_eq!(refusal(&verifier, &separated), None, "{name}");
    }
}

#[test]
fn a_signature_has_one_encoding_only() {
    for set in sets() {
        let name = set.algorithm;
        let verifier = set.verifier();
        let good = set.good_token();
        let signature = signature_of(&good);
        let [commitment, response, hint_length] = set.parts;
        assert_eq!(
            signature.len(),
            commitment + response + hint_length,
            "{name}"
        );
        let hint = commitment + response;
        let (positions, polynomials) = set.hint;
        let counts = hint + positions;
        let used = usize::from(*signature.last().unwrap());
        assert!(used < positions, "{name}: there is room behind the hint");
        let first = usize::from(signature[counts]);
        assert!(first >= 2, "{name}: the first polynomial has two positions");

        let change = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut changed = signature.clone();
            change(&mut changed);
            changed
        };
        let mut table = vec![
            ("one more", change(&|s| s.push(0))),
            ("one before", change(&|s| s.insert(0, 0))),
            ("one less", change(&|s| _ = s.pop())),
            ("the first gone", change(&|s| _ = s.remove(0))),
            ("twice", signature.repeat(2)),
            ("empty", Vec::new()),
            ("zeros", vec![0; signature.len()]),
            ("ones", vec![0xff; signature.len()]),
            (
                "response of zeros",
                change(&|s| s[commitment..hint].fill(0)),
            ),
            (
                "response of ones",
                change(&|s| s[commitment..hint].fill(0xff)),
            ),
            (
                "a response out of range",
                change(&|s| s[commitment..commitment + 3].fill(0)),
            ),
            ("no hint", change(&|s| s[hint..].fill(0))),
            ("padding in the hint", change(&|s| s[hint + used] = 1)),
            (
                "padding at the end of the hint",
                change(&|s| s[counts - 1] = 1),
            ),
            ("positions swapped", change(&|s| s.swap(hint, hint + 1))),
            ("a position twice", change(&|s| s[hint + 1] = s[hint])),
            (
                "a count too high",
                change(&|s| *s.last_mut().unwrap() = positions as u8 + 1),
            ),
            (
                "the highest count",
                change(&|s| *s.last_mut().unwrap() = 0xff),
            ),
            (
                "counts that fall",
                change(&|s| s[counts] = s[counts + polynomials - 1] + 1),
            ),
            (
                "one position more",
                change(&|s| *s.last_mut().unwrap() += 1),
            ),
            (
                "one position less",
                change(&|s| *s.last_mut().unwrap() -= 1),
            ),
        ];
        for place in (0..signature.len()).step_by(61) {
            table.push(("a bit", change(&|s| s[place] ^= 1 << (place % 8))));
        }
        for other in sets() {
            if other.algorithm != name {
                table.push((
                    "another set's",
                    (other.sign)(set.signing_input().as_bytes(), b""),
                ));
            }
        }
        for (what, signature) in table {
            let token = with_signature(&good, &signature);
            assert_eq!(
                refusal(&verifier, &token),
                Some(BadSignature),
                "{name}: {what}"
            );
        }
    }
}

#[tokio::test]
async fn the_default_limit_of_the_layer_admits_the_longest_tokens() {
    for (algorithm, weight) in [
        (Algorithm::MlDsa44, 3_300..4_000),
        (Algorithm::MlDsa65, 4_500..5_200),
        (Algorithm::MlDsa87, 6_300..7_000),
    ] {
        let app = Router::new()
            .route(
                "/",
                get(|token: AccessToken| async move { token.subject().unwrap().to_owned() }),
            )
            .layer(BearerAuthLayer::new(verifier_of(algorithm)));
        let address = serve(app).await;
        let token = jwt(signing_key(algorithm));
        let good = token.clone().build();
        assert!(weight.contains(&good.len()), "{algorithm}: {}", good.len());
        let answer = get_with(address, &good).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "alice"));
        // With 6 KB of claims as well.
        let large = token.clone().claim("groups", "x".repeat(6_000)).build();
        assert_eq!(get_with(address, &large).await.status.as_u16(), 200);
        let tampered = get_with(address, &token.tampered().build()).await;
        assert_eq!(tampered.status.as_u16(), 401);
        let description = "The access token's signature does not match";
        let challenge =
            format!(r#"Bearer error="invalid_token", error_description="{description}""#);
        assert_eq!(tampered.header("www-authenticate"), Some(&*challenge));
    }
}
