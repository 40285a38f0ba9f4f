//! Forged, borrowed and malformed tokens.

use serde_json::{Value, json};
use tower_bearer_auth::testing::{SigningKey, TestIssuer, TokenBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier};
use tower_layer::Layer;

use super::claims::{bad_claims, claims, other_tokens};
use super::{AUDIENCE, ISSUER, Keys, Target, forged};
use crate::support::{Inner, answer_of, get_with, with_token};

/// A description of the attack, with its CVE or section, and the token.
pub(super) type Attack = (String, String);

pub(super) fn good(key: &SigningKey) -> TokenBuilder {
    key.token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

#[tokio::test]
async fn no_attack_with_a_token_gets_through() {
    let target = Target::start().await;
    // A verifier that takes the location of its keys from the token sends its requests here.
    let attacker = TestIssuer::start().await;
    let attacks = [
        without_signature(&target.keys),
        confused_algorithms(&target.keys),
        keys_in_the_token(&attacker),
        hostile_headers(&target.keys),
        bad_signatures(&target.keys),
        bad_forms(&target.keys),
        bad_claims(&target.keys),
        other_tokens(&target.keys),
        forged::public_keys_as_secrets(&target.keys),
        forged::other_algorithms(&target.keys),
        forged::values_out_of_range(&target.keys),
        forged::wrapped(&target.keys),
        forged::ambiguous_headers(&target.keys),
    ];
    for (attack, token) in attacks.into_iter().flatten() {
        // The gateway's second response comes from its cache, and must be the same.
        for address in [target.address, target.gateway, target.gateway] {
            let answer = get_with(address, &token).await;
            target.assert_refused(&attack, &token, &answer);
        }
    }
    assert_eq!(attacker.jwks_requests() + attacker.metadata_requests(), 0);
    let logged = target.logs.text();
    assert!(logged.contains(r#"outcome="refused""#));
    // The log contains no content of a token either.
    for hostile in [
        "/dev/null",
        "UNION",
        "set-cookie",
        "kkkkkkkk",
        "evil.example",
        "our-RS256\0",
    ] {
        assert!(!logged.contains(hostile), "{hostile} is in the log");
    }

    // The same server accepts valid tokens.
    let token = good(&target.keys.eddsa)
        .raw_claims(claims("x", "1"))
        .build();
    get_with(target.address, &token).await.assert_passed();
    let token = good(&target.keys.eddsa)
        .raw_header(r#"{"alg":"EdDSA"}"#)
        .build();
    get_with(target.address, &token).await.assert_passed();
    let keys = &target.keys;
    for key in [&keys.rs256, &keys.es256, &keys.eddsa] {
        let token = good(key).build();
        for address in [target.address, target.gateway, target.gateway] {
            get_with(address, &token).await.assert_passed();
        }
    }
}

/// A token longer than HTTP servers accept in a header, for a layer without a length limit (CVE-2025-30204).
#[tokio::test]
async fn a_million_dots_are_one_refusal() {
    let keys = Keys::generate();
    let verifier = JwtVerifier::builder()
        .key(keys.eddsa.verifying_key())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let layer = BearerAuthLayer::new(verifier).max_token_length(usize::MAX);
    let service = layer.layer(Inner::default());
    for token in [".".repeat(1_000_000), "a.".repeat(1_000_000)] {
        let answer = answer_of(service.clone(), with_token(&token)).await;
        answer.assert_invalid_token("The access token is malformed");
    }
}

/// Tokens without a signature (RFC 8725 §2.1, §3.2).
fn without_signature(keys: &Keys) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for name in [
        "none", "None", "NONE", "nOnE", "", " none", "null", "HS000", "RS1",
    ] {
        let token = good(&keys.rs256).header("alg", name);
        let attack = format!("alg {name:?} (RFC 8725 §2.1)");
        attacks.push((
            format!("{attack}, stripped"),
            token.clone().stripped_signature().build(),
        ));
        attacks.push((format!("{attack}, signed"), token.build()));
    }
    for key in [&keys.rs256, &keys.es256, &keys.eddsa] {
        let token = good(key).stripped_signature().build();
        attacks.push((
            "a signature of no bytes (CVE-2020-28042)".into(),
            token.clone(),
        ));
        let token = token.trim_end_matches('.').to_owned();
        attacks.push(("two segments".into(), token));
    }
    attacks
}

/// Tokens for another algorithm than that of the key (RFC 8725 §3.1).
fn confused_algorithms(keys: &Keys) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for key in [&keys.rs256, &keys.es256, &keys.eddsa] {
        let pem = key.public_key_pem();
        let jwk = key.jwk();
        let member = ["n", "x"].iter().find_map(|name| jwk[*name].as_str());
        let secrets = [
            ("PEM", pem.clone()),
            ("trimmed PEM", pem.trim_end().to_owned()),
            ("PEM with LF", pem.replace("\r\n", "\n")),
            ("JWK", jwk.to_string()),
            ("modulus or point", member.unwrap().to_owned()),
            ("nothing", String::new()),
        ];
        for (form, secret) in secrets {
            for hmac in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let forger = SigningKey::from_secret(hmac, secret.clone());
                let token = good(&forger).key_id(key.key_id().unwrap()).build();
                let attack = "with the public key for a secret (CVE-2026-34950, CVE-2026-22817)";
                attacks.push((format!("{hmac} {attack}: {form}"), token));
            }
        }
    }
    let swapped = |key: &SigningKey, name: &str| good(key).header("alg", name).build();
    attacks.push((
        "RS256 said to be PS256".into(),
        swapped(&keys.rs256, "PS256"),
    ));
    attacks.push((
        "RS256 said to be RS512".into(),
        swapped(&keys.rs256, "RS512"),
    ));
    attacks.push((
        "EdDSA said to be ES256".into(),
        swapped(&keys.eddsa, "ES256"),
    ));
    attacks.push((
        "ES256 said to be ES384".into(),
        swapped(&keys.es256, "ES384"),
    ));
    attacks.push(("rs256 in lower case".into(), swapped(&keys.rs256, "rs256")));
    let other_curve = SigningKey::generate(Algorithm::ES384).with_key_id("our-ES256");
    attacks.push((
        "P-384 under the name of a P-256 key".into(),
        good(&other_curve).build(),
    ));
    let forger = SigningKey::generate(Algorithm::RS256).with_key_id("our-RS256");
    attacks.push(("another key of the same name".into(), good(&forger).build()));
    attacks
}

/// Tokens that name or contain the attacker's own key (RFC 8725 §3.10, CVE-2018-0114).
fn keys_in_the_token(attacker: &TestIssuer) -> Vec<Attack> {
    let forger = attacker.key();
    let certificate = json!(["MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"]);
    let members: [(&str, Value); 6] = [
        ("jwk", forger.jwk()),
        ("jku", attacker.jwks_url().into()),
        ("x5u", attacker.jwks_url().into()),
        ("x5c", certificate),
        ("iss", attacker.issuer().into()),
        ("kid", attacker.jwks_url().into()),
    ];
    let mut attacks: Vec<Attack> = members
        .into_iter()
        .map(|(name, value)| {
            let token = good(&forger).header(name, value).build();
            (format!("its own key in {name} (CVE-2018-0114)"), token)
        })
        .collect();
    let attack = "keys by discovery from the token's own issuer (CVE-2026-32301)";
    let token = good(&forger).issuer(attacker.issuer()).build();
    attacks.push((attack.into(), token));
    attacks
}

/// Headers with a hostile key ID or an unsupported extension (RFC 7515 §4.1.11, RFC 7797, RFC 7518 §4.8).
fn hostile_headers(keys: &Keys) -> Vec<Attack> {
    let forger = SigningKey::generate(Algorithm::RS256);
    let mut attacks: Vec<Attack> = [
        json!("../../../../dev/null"),
        json!("' UNION SELECT 'secret' --"),
        json!("our-RS256\u{0}"),
        json!("\r\nset-cookie: a=b"),
        json!("k".repeat(8_000)),
        json!(7),
        json!(null),
        json!(["our-RS256"]),
        json!({"our-RS256": 1}),
    ]
    .into_iter()
    .map(|kid| {
        (
            format!("kid {kid}"),
            good(&forger).header("kid", kid).build(),
        )
    })
    .collect();
    let members = [
        ("crit", json!([]), "RFC 7515 §4.1.11"),
        ("crit", json!(null), "RFC 7515 §4.1.11"),
        ("crit", json!(["exp"]), "CVE-2026-32597"),
        ("crit", json!(["x"]), "CVE-2025-59420"),
        ("b64", json!(false), "RFC 7797"),
        ("zip", json!("DEF"), "CVE-2024-21319"),
        ("enc", json!("A256GCM"), "RFC 7516"),
    ];
    attacks.extend(members.into_iter().map(|(name, value, source)| {
        let token = good(&keys.rs256).header(name, value.clone()).build();
        (format!("{name} {value} ({source})"), token)
    }));
    let pbes2 = json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_000_000_000});
    let token = good(&keys.rs256).raw_header(pbes2.to_string()).build();
    attacks.push((
        "PBES2 with a huge count (CVE-2023-52428)".into(),
        token.clone(),
    ));
    attacks.push((
        "the same with five segments".into(),
        format!("{token}.AAAA.AAAA"),
    ));
    let duplicate = r#"{"alg":"RS256","kid":"our-RS256","\u0061lg":"none"}"#;
    let token = good(&keys.rs256).raw_header(duplicate).build();
    attacks.push(("alg twice".into(), token));
    attacks
}

pub(super) fn with_signature(token: &str, signature: &str) -> String {
    format!("{}.{signature}", token.rsplit_once('.').unwrap().0)
}

fn bad_signatures(keys: &Keys) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let es256 = good(&keys.es256).build();
    let signatures = [
        ("r = s = 0 (CVE-2022-21449)", "A".repeat(86)),
        // All bits of r and s are set, so both exceed the order of the curve.
        (
            "r and s out of range (CVE-2022-21449)",
            format!("{}w", "_".repeat(85)),
        ),
        ("DER instead of JOSE", "MEUCIQC7vXgA".to_owned()),
        ("over-long", "A".repeat(1_400)),
    ];
    for (attack, signature) in signatures {
        attacks.push((attack.to_owned(), with_signature(&es256, &signature)));
    }
    for key in [&keys.rs256, &keys.es256, &keys.eddsa] {
        let algorithm = key.algorithm();
        let token = good(key).build();
        let signature = token.rsplit_once('.').unwrap().1;
        let halved = with_signature(&token, &signature[..signature.len() / 8 * 4]);
        let doubled = with_signature(
            &token,
            &format!("{}{signature}", &signature[..signature.len() / 4 * 4]),
        );
        attacks.push((format!("{algorithm}, truncated"), halved));
        attacks.push((format!("{algorithm}, doubled"), doubled));
        attacks.push((
            format!("{algorithm}, one bit off"),
            good(key).tampered().build(),
        ));
    }
    attacks
}

/// Tokens that are not well-formed (RFC 7515 §2, §5.2).
fn bad_forms(keys: &Keys) -> Vec<Attack> {
    let token = good(&keys.eddsa).build();
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(4_000), "]".repeat(4_000));
    vec![
        (
            "thousands of dots (CVE-2025-30204)".into(),
            ".".repeat(16_000),
        ),
        ("longer than any token".into(), "a".repeat(20_000)),
        ("padded".into(), format!("{token}==")),
        ("five segments".into(), format!("{token}.AAAA.AAAA")),
        ("the standard alphabet".into(), format!("{token}+/")),
        (
            "deep nesting".into(),
            good(&keys.eddsa).raw_claims(deep).build(),
        ),
        (
            "no object".into(),
            good(&keys.eddsa).raw_claims("[]").build(),
        ),
        (
            "two objects".into(),
            good(&keys.eddsa).raw_claims("{}{}").build(),
        ),
        (
            "not UTF-8".into(),
            good(&keys.eddsa)
                .raw_claims(b"{\"a\":\"\xff\"}".to_vec())
                .build(),
        ),
        (
            "a byte order mark".into(),
            good(&keys.eddsa).raw_claims("\u{feff}{}").build(),
        ),
    ]
}
