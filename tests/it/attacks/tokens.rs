//! Forged, borrowed and malformed tokens.

use serde_json::{Value, json};
use tower_bearer_auth::testing::{SigningKey, TestIssuer, TokenBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, JwtVerifier};
use tower_layer::Layer;

use super::{AUDIENCE, ISSUER, Keys, Target};
use crate::support::{Inner, answer_of, get_with, with_token};

/// What was done, with its CVE or section, and the token.
type Attack = (String, String);

fn good(key: &SigningKey) -> TokenBuilder {
    key.token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject("alice")
}

#[tokio::test]
async fn no_attack_with_a_token_gets_through() {
    let target = Target::start().await;
    // Whoever lets a token say where its key is asks here.
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
    ];
    for (attack, token) in attacks.into_iter().flatten() {
        // The gateway twice: what it remembers must not be better than what it saw.
        for address in [target.address, target.gateway, target.gateway] {
            let answer = get_with(address, &token).await;
            target.assert_refused(&attack, &token, &answer);
        }
    }
    assert_eq!(attacker.jwks_requests() + attacker.metadata_requests(), 0);
    assert!(target.logs.text().contains(r#"outcome="refused""#));

    // It was not for being broken that it refused.
    let token = good(&target.keys.eddsa)
        .raw_claims(claims("x", "1"))
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

/// More than a server lets through in a header, for a layer that was told to take it (CVE-2025-30204).
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

/// RFC 8725 §2.1, §3.2.
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

/// RFC 8725 §3.1.
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
    let stranger = SigningKey::generate(Algorithm::RS256).with_key_id("our-RS256");
    attacks.push((
        "another key of the same name".into(),
        good(&stranger).build(),
    ));
    attacks
}

/// RFC 8725 §3.10, CVE-2018-0114.
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

/// RFC 7515 §4.1.11, RFC 7797, RFC 7518 §4.8.
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

fn with_signature(token: &str, signature: &str) -> String {
    format!("{}.{signature}", token.rsplit_once('.').unwrap().0)
}

fn bad_signatures(keys: &Keys) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let es256 = good(&keys.es256).build();
    let signatures = [
        ("r = s = 0 (CVE-2022-21449)", "A".repeat(86)),
        // 64 octets of ones are above the order of the curve.
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

/// RFC 7515 §2, §5.2.
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

/// Claims that are good, but for one.
fn claims(name: &str, json: &str) -> String {
    let usual = [
        ("iss", format!("{ISSUER:?}")),
        ("aud", format!("{AUDIENCE:?}")),
        ("exp", "4102444800".to_owned()),
    ];
    let others = usual.iter().filter(|(usual, _)| *usual != name);
    let others = others.map(|(name, json)| format!("{name:?}:{json},"));
    format!("{{{}{name:?}:{json}}}", others.collect::<String>())
}

/// RFC 7519 §4.1, RFC 8725 §3.8, §3.9.
fn bad_claims(keys: &Keys) -> Vec<Attack> {
    let table = [
        ("iss", r#"["https://issuer.example.com"]"#, "CVE-2025-30144"),
        (
            "iss",
            r#"["https://evil.example","https://issuer.example.com"]"#,
            "CVE-2025-30144",
        ),
        ("iss", r#""https://issuer.example.com/""#, "trailing slash"),
        (
            "iss",
            r#""https://issuer.example.com.evil.example""#,
            "prefix",
        ),
        ("iss", r#""https://issuer.example""#, "shorter"),
        ("iss", r#""HTTPS://issuer.example.com""#, "another case"),
        ("iss", "null", "RFC 7519 §4.1.1"),
        ("aud", r#""https://api.example.com.evil.example""#, "prefix"),
        ("aud", r#"["https://other.example.com"]"#, "another's"),
        ("aud", "[]", "nobody's"),
        ("aud", r#"{"0":"https://api.example.com"}"#, "an object"),
        ("aud", "null", "RFC 7519 §4.1.3"),
        ("exp", r#""4102444800""#, "a string (CVE-2026-25537)"),
        ("exp", "null", "no number"),
        ("exp", "1", "long ago"),
        ("exp", "-4102444800", "negative"),
        ("exp", "1e400", "infinite"),
        ("exp", "4102444800000", "milliseconds"),
        ("exp", "true", "a boolean"),
        ("nbf", "4102444799", "not yet"),
        ("nbf", r#""0""#, "a string (CVE-2026-25537)"),
        ("iat", "4102444799", "from the future"),
        ("sub", r#""alice","sub":"admin""#, "twice"),
        ("x", r#"1,"exp":9999999999"#, "exp twice"),
        ("x", "NaN", "no JSON"),
    ];
    let attack = |(name, json, why): (&str, &str, &str)| {
        let token = good(&keys.eddsa).raw_claims(claims(name, json)).build();
        (format!("{name} {json}: {why}"), token)
    };
    table.into_iter().map(attack).collect()
}

/// RFC 8725 §3.11, §3.12.
fn other_tokens(keys: &Keys) -> Vec<Attack> {
    let token = || good(&keys.rs256);
    let bound = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    vec![
        (
            "an ID token: at_hash".into(),
            token().claim("at_hash", "x").build(),
        ),
        (
            "an ID token: c_hash".into(),
            token().claim("c_hash", "x").build(),
        ),
        (
            "an ID token: token_use".into(),
            token().claim("token_use", "id").build(),
        ),
        (
            "a refresh token".into(),
            token().claim("typ", "Refresh").build(),
        ),
        (
            "a logout token".into(),
            token().token_type("logout+jwt").build(),
        ),
        (
            "a logout token: events".into(),
            token().claim("events", json!({})).build(),
        ),
        (
            "a DPoP proof".into(),
            token().token_type("dpop+jwt").build(),
        ),
        (
            "a bound token as a plain one (RFC 7800)".into(),
            token().claim("cnf", bound).build(),
        ),
        ("cnf null".into(), token().claim("cnf", json!(null)).build()),
        ("no expiry".into(), token().without_claim("exp").build()),
        ("no issuer".into(), token().without_claim("iss").build()),
        ("no audience".into(), token().without_claim("aud").build()),
    ]
}
