//! The DPoP client of `testing`: what its proofs contain, and that other libraries verify them.

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{self, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};
use tower_bearer_auth::possession::ClientCertificate;
use tower_bearer_auth::testing::{DpopKey, DpopProofBuilder, SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, Clock};

const URL: &str = "https://api.example.com/notes";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn asymmetric() -> impl Iterator<Item = Algorithm> {
    let all = Algorithm::ALL.iter().copied();
    all.filter(|algorithm| !algorithm.as_str().starts_with("HS"))
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn parts(proof: &str) -> (Value, Value) {
    let parts: Vec<_> = proof.split('.').collect();
    assert_eq!(parts.len(), 3, "{proof}");
    let [header, claims] = [parts[0], parts[1]].map(|part| serde_json::from_slice(&decoded(part)));
    (header.unwrap(), claims.unwrap())
}

fn header_of(proof: DpopProofBuilder) -> Value {
    parts(&proof.build()).0
}

fn claims_of(proof: DpopProofBuilder) -> Value {
    parts(&proof.build()).1
}

/// Whether the signature is valid for the key in the header, verified by independent libraries.
fn is_signed(proof: &str) -> bool {
    let (header, _) = parts(proof);
    let jwk = &header["jwk"];
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let signature = decoded(signature);
    let member = |name: &str| decoded(jwk[name].as_str().unwrap());
    let verify = |algorithm, key: Vec<u8>| {
        let key = UnparsedPublicKey::new(algorithm, key);
        key.verify(input.as_bytes(), &signature).is_ok()
    };
    match header["alg"].as_str().unwrap() {
        "ML-DSA-44" => verify(&signature::ML_DSA_44, member("pub")),
        "ML-DSA-65" => verify(&signature::ML_DSA_65, member("pub")),
        "ML-DSA-87" => verify(&signature::ML_DSA_87, member("pub")),
        // `jsonwebtoken` does not support it.
        "ES512" => {
            let point = [vec![4], member("x"), member("y")].concat();
            verify(&signature::ECDSA_P521_SHA512_FIXED, point)
        }
        name => {
            let mut validation = Validation::new(name.parse().unwrap());
            validation.required_spec_claims.clear();
            validation.validate_exp = false;
            let jwk = serde_json::from_value(jwk.clone()).unwrap();
            let key = DecodingKey::from_jwk(&jwk).unwrap();
            jsonwebtoken::decode::<Value>(proof, &key, &validation).is_ok()
        }
    }
}

#[test]
fn a_proof_has_what_rfc_9449_requires_whatever_the_algorithm() {
    for algorithm in asymmetric() {
        let key = DpopKey::generate(algorithm);
        let proof = key
            .proof("POST", &format!("{URL}?page=2#end"), TOKEN)
            .build();
        let (header, mut claims) = parts(&proof);
        assert_eq!(
            header,
            json!({"typ": "dpop+jwt", "alg": algorithm.as_str(), "jwk": key.jwk()})
        );
        let age = Clock::system()
            .now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
            - claims["iat"].as_u64().unwrap();
        assert!(age < 60, "{age}");
        assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
        claims["iat"].take();
        claims["jti"].take();
        let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, TOKEN.as_bytes()));
        let expected = json!({"htm": "POST", "htu": URL, "ath": ath, "iat": null, "jti": null});
        assert_eq!(claims, expected);

        assert!(is_signed(&proof), "{algorithm}");
        let broken = key.proof("GET", URL, TOKEN).broken_signature().build();
        assert!(!is_signed(&broken), "{algorithm}");
        let other = DpopKey::generate(algorithm);
        let by_another = key.proof("GET", URL, TOKEN).signed_by(&other).build();
        assert_eq!(parts(&by_another).0["jwk"], key.jwk());
        assert!(!is_signed(&by_another), "{algorithm}");
    }
}

/// RFC 9449 §7.1 prints the hash of this token.
#[test]
fn the_hash_of_the_token_is_that_of_the_rfc() {
    let claims = claims_of(DpopKey::new().proof(http::Method::GET, URL, TOKEN));
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    assert_eq!(claims["htm"], "GET");
}

#[test]
fn each_proof_has_an_id_of_its_own_unless_the_test_sets_one() {
    let proof = DpopKey::new().proof("GET", URL, TOKEN);
    let [one, other] = [(); 2].map(|()| claims_of(proof.clone())["jti"].take());
    assert_ne!(one, other);
    assert_eq!(claims_of(proof.jti("one"))["jti"], "one");
}

#[test]
fn every_part_of_a_proof_can_be_wrong() {
    let key = DpopKey::new();
    let proof = || key.proof("GET", URL, TOKEN);
    for (name, changed, expected) in [
        ("nonce", proof().nonce("n"), json!("n")),
        ("jti", proof().jti(7), json!(7)),
        ("htm", proof().htm("get"), json!("get")),
        (
            "htu",
            proof().htu("https://x/?a#b"),
            json!("https://x/?a#b"),
        ),
        ("ath", proof().ath(""), json!("")),
        ("exp", proof().claim("exp", 1), json!(1)),
        (
            "iat",
            proof().without_claim("iat").claim("iat", -1),
            json!(-1),
        ),
        ("jti", proof().without_claim("jti"), Value::Null),
        ("ath", proof().without_claim("ath"), Value::Null),
        (
            "iat",
            proof().claim("iat", 1).without_claim("iat"),
            Value::Null,
        ),
        (
            "iat",
            proof().issued_at(UNIX_EPOCH + Duration::from_secs(9)),
            json!(9),
        ),
        (
            "iat",
            proof().clock(&Clock::manual(UNIX_EPOCH + Duration::from_secs(8))),
            json!(8),
        ),
    ] {
        assert_eq!(claims_of(changed)[name], expected, "{name}");
    }
    let other = DpopKey::new();
    for (name, changed, expected) in [
        ("typ", proof().typ("JWT"), json!("JWT")),
        ("alg", proof().alg("RS256"), json!("RS256")),
        ("jwk", proof().jwk(other.jwk()), other.jwk()),
        ("crit", proof().header("crit", vec!["b64"]), json!(["b64"])),
        ("typ", proof().without_header("typ"), Value::Null),
    ] {
        assert_eq!(header_of(changed)[name], expected, "{name}");
    }

    let raw = proof().raw_header("{ }").raw_claims("[1]").build();
    assert!(raw.starts_with("eyB9.WzFd."), "{raw}");
    let unsigned = proof().unsigned().build();
    assert!(unsigned.ends_with('.') && parts(&unsigned).0["alg"] == "none");
    let stripped = proof().stripped_signature().build();
    assert!(stripped.ends_with('.') && parts(&stripped).0["alg"] == "ES256");
}

/// The private members are real: a key that is read from its PEM has the same, and the private part of a P-256 key
/// yields the public one.
#[test]
fn a_proof_can_leak_the_private_key() {
    for algorithm in asymmetric() {
        let key = DpopKey::generate(algorithm);
        let leak = |key: &DpopKey| {
            let proof = key.proof("GET", URL, TOKEN).with_private_key().build();
            assert!(is_signed(&proof), "{algorithm}");
            parts(&proof).0["jwk"].take()
        };
        let jwk = leak(&key);
        for (name, value) in key.jwk().as_object().unwrap() {
            assert_eq!(&jwk[name], value, "{algorithm}");
        }
        let expected: &[(&str, usize)] = match jwk["kty"].as_str().unwrap() {
            "EC" => &[("d", decoded(key.jwk()["x"].as_str().unwrap()).len())],
            "OKP" => &[("d", 32)],
            "AKP" => &[("priv", 32)],
            "RSA" => &[
                ("d", 256),
                ("p", 128),
                ("q", 128),
                ("dp", 128),
                ("dq", 128),
                ("qi", 128),
            ],
            other => panic!("{other}"),
        };
        for (name, length) in expected {
            let found = decoded(jwk[name].as_str().unwrap()).len();
            // The leading zeros of RSA's numbers are left out.
            assert!(
                found == *length || jwk["kty"] == "RSA" && found < *length && found > length - 4
            );
        }
        let pem = key.signing_key().private_key_pem();
        let again = SigningKey::from_private_key_pem(algorithm, pem);
        let again = DpopKey::from_signing_key(again);
        assert_eq!(again.thumbprint(), key.thumbprint());
        assert_eq!(leak(&again), jwk);
    }
}

#[test]
fn a_token_can_be_bound_to_a_key_and_to_a_certificate() {
    let key = DpopKey::new();
    let certificate = ClientCertificate::from_der(b"a certificate");
    let issuer = SigningKey::generate(Algorithm::ES256);
    let cnf =
        |token: tower_bearer_auth::testing::TokenBuilder| parts(&token.build()).1["cnf"].take();
    let (jkt, x5t) = (key.thumbprint(), certificate.thumbprint());
    assert_eq!(cnf(issuer.token().bound_to(&key)), json!({"jkt": jkt}));
    assert_eq!(
        cnf(issuer.token().bound_to_certificate(&certificate)),
        json!({"x5t#S256": x5t})
    );
    let both = issuer.token().bound_to_certificate(&certificate);
    assert_eq!(
        cnf(both.bound_to(&key)),
        json!({"jkt": jkt, "x5t#S256": x5t})
    );
    let none = issuer.token().claim("cnf", "none");
    assert_eq!(cnf(none.bound_to(&key)), json!({"jkt": jkt}));
}

#[tokio::test]
async fn introspection_names_the_keys_of_an_opaque_token() {
    let issuer = TestIssuer::start().await;
    let key = DpopKey::new();
    let certificate = ClientCertificate::from_der(b"a certificate");
    let (jkt, x5t) = (key.thumbprint(), certificate.thumbprint());
    let alice = || json!({"sub": "alice"});
    for (token, token_type, cnf) in [
        (
            issuer.opaque_token_bound_to(&key, alice()),
            json!("DPoP"),
            json!({"jkt": jkt}),
        ),
        (
            issuer.opaque_token_bound_to(&key, json!({"token_type": "Bearer", "cnf": {"a": 1}})),
            json!("Bearer"),
            json!({"jkt": jkt, "a": 1}),
        ),
        (
            issuer.opaque_token_bound_to_certificate(&certificate, alice()),
            Value::Null,
            json!({"x5t#S256": x5t}),
        ),
    ] {
        let form = [
            ("token", token.as_str()),
            ("client_id", TestIssuer::CLIENT_ID),
            ("client_secret", TestIssuer::CLIENT_SECRET),
        ];
        let request = reqwest::Client::new()
            .post(issuer.introspection_url())
            .form(&form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["active"], true);
        assert_eq!((&answer["token_type"], &answer["cnf"]), (&token_type, &cnf));
    }
}

#[test]
#[should_panic(expected = "HS256 has no public key, which a proof needs")]
fn a_secret_makes_no_proofs() {
    DpopKey::generate(Algorithm::HS256);
}

#[test]
#[should_panic(expected = "the PEM is not a private key for ES384")]
fn the_pem_of_another_algorithm_is_no_key() {
    let pem = SigningKey::generate(Algorithm::ES256).private_key_pem();
    SigningKey::from_private_key_pem(Algorithm::ES384, pem);
}
