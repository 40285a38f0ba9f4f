//! Every algorithm verifies what it signed, and nothing else.

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::{BadSignature, Malformed, UnsupportedAlgorithm};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{AccessToken, Algorithm, BearerAuthLayer, VerifyingKey};

use super::{
    AUDIENCE, ISSUER, NOW, base64url, from_base64url, jwt, jwt_builder, other_signing_key, refusal,
    signature_of, signing_key, verifier_of, verify, with_signature,
};
use crate::support::{get_with, serve};

fn is_hmac(algorithm: Algorithm) -> bool {
    algorithm.as_str().starts_with("HS")
}

fn is_ml_dsa(algorithm: Algorithm) -> bool {
    algorithm.as_str().starts_with("ML-DSA")
}

fn is_rsa(algorithm: Algorithm) -> bool {
    matches!(algorithm.as_str().as_bytes(), [b'R' | b'P', ..])
}

#[test]
fn every_algorithm_verifies_its_own_tokens_from_every_form_of_its_key() {
    for &algorithm in Algorithm::ALL {
        let key = signing_key(algorithm);
        let set = SigningKey::jwk_set([key]).to_string();
        let mut forms = vec![
            ("key", jwt_builder().key(key.verifying_key())),
            ("jwks_json", jwt_builder().jwks_json(set)),
        ];
        if is_hmac(algorithm) {
            let secret = from_base64url(key.jwk()["k"].as_str().unwrap());
            forms.push(("secret", jwt_builder().secret(algorithm, secret)));
        } else {
            let pem = key.public_key_pem();
            forms.push(("pem", jwt_builder().public_key_pem(algorithm, pem)));
        }
        for (form, builder) in forms {
            let verifier = builder.build().unwrap();
            let token = verify(&verifier, &jwt(key).build());
            let token = token.unwrap_or_else(|reason| panic!("{algorithm} by {form}: {reason:?}"));
            assert_eq!(token.subject(), Some("alice"), "{algorithm} by {form}");
        }
    }
}

#[test]
fn no_algorithm_verifies_the_tokens_of_another() {
    for &ours in Algorithm::ALL {
        let verifier = verifier_of(ours);
        for theirs in Algorithm::ALL
            .iter()
            .copied()
            .filter(|theirs| *theirs != ours)
        {
            let token = jwt(signing_key(theirs));
            let plain = token.clone().build();
            let plain = refusal(&verifier, &plain);
            assert_eq!(plain, Some(UnsupportedAlgorithm), "{theirs} for {ours}");

            let renamed = token.header("alg", ours.as_str()).build();
            let renamed = refusal(&verifier, &renamed);
            // Of the algorithms here, only ML-DSA has signatures that are decoded past 1024 bytes.
            let is_too_long = is_ml_dsa(theirs) && !is_ml_dsa(ours);
            let wanted = if is_too_long { Malformed } else { BadSignature };
            assert_eq!(renamed, Some(wanted), "{theirs} said to be {ours}");
        }
    }
}

#[test]
fn a_changed_token_is_refused() {
    for &algorithm in Algorithm::ALL {
        let verifier = verifier_of(algorithm);
        let token = jwt(signing_key(algorithm));
        let good = token.clone().build();
        let segments: Vec<_> = good.split('.').collect();

        let other = jwt(other_signing_key(algorithm)).build();
        let other_claims = token.clone().subject("mallory").build();
        let other_header = token.clone().header("x", 1).build();
        let spliced = |donor: &str, position: usize| {
            let mut spliced = segments.clone();
            spliced[position] = donor.split('.').nth(position).unwrap();
            spliced.join(".")
        };
        let first_bit = {
            let mut signature = signature_of(&good);
            signature[0] ^= 0x80;
            with_signature(&good, &signature)
        };
        let table = [
            ("last bit", token.clone().tampered().build()),
            ("first bit", first_bit),
            ("no signature", token.clone().stripped_signature().build()),
            ("one zero octet", with_signature(&good, &[0])),
            ("another header", spliced(&other_header, 0)),
            ("another payload", spliced(&other_claims, 1)),
            ("another token's signature", spliced(&other_claims, 2)),
            ("another key", other),
        ];
        for (change, token) in table {
            let refusal = refusal(&verifier, &token);
            assert_eq!(refusal, Some(BadSignature), "{algorithm}: {change}");
        }
        assert_eq!(refusal(&verifier, &good), None, "{algorithm}");
    }
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    for public in Algorithm::ALL.iter().copied().filter(|a| !is_hmac(*a)) {
        let key = signing_key(public);
        let verifier = verifier_of(public);
        // A verifier that accepts HS256 with another secret.
        let with_secret = jwt_builder()
            .key(key.verifying_key())
            .key(signing_key(Algorithm::HS256).verifying_key())
            .build()
            .unwrap();

        let pem = key.public_key_pem();
        let der = STANDARD
            .decode(
                pem.lines()
                    .filter(|l| !l.starts_with('-'))
                    .collect::<String>(),
            )
            .unwrap();
        let jwk = key.jwk();
        let member = ["n", "x", "pub"]
            .iter()
            .find_map(|name| jwk[*name].as_str());
        let octets = from_base64url(member.unwrap());
        let secrets: [(&str, Vec<u8>); 9] = [
            ("pem", pem.clone().into()),
            ("trimmed pem", pem.trim_end().into()),
            ("pem with lf", pem.replace("\r\n", "\n").into()),
            ("der", der),
            ("jwk", jwk.to_string().into()),
            ("jwk set", SigningKey::jwk_set([key]).to_string().into()),
            ("modulus or coordinate", octets),
            ("its base64url", member.unwrap().into()),
            ("empty", Vec::new()),
        ];
        for (name, secret) in secrets {
            for hmac in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let token = jwt(&SigningKey::from_secret(hmac, secret.clone()));
                let plain = token.clone().build();
                assert_eq!(
                    refusal(&verifier, &plain),
                    Some(UnsupportedAlgorithm),
                    "{hmac} by the {name} of {public}"
                );
                let wanted = match hmac {
                    Algorithm::HS256 => BadSignature,
                    _ => UnsupportedAlgorithm,
                };
                assert_eq!(
                    refusal(&with_secret, &plain),
                    Some(wanted),
                    "{hmac} by the {name} of {public}, beside a secret"
                );
                let renamed = token.header("alg", public.as_str()).build();
                assert_eq!(
                    refusal(&verifier, &renamed),
                    Some(BadSignature),
                    "{hmac} by the {name} of {public}, said to be {public}"
                );
            }
        }
    }
}

#[test]
fn an_rsa_key_without_alg_takes_all_rsa_algorithms_unless_the_verifier_narrows_them() {
    let mut jwk = signing_key(Algorithm::RS256).jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let key = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
    let any = jwt_builder().key(key.clone()).build().unwrap();
    let narrowed = jwt_builder()
        .key(key)
        .algorithms([Algorithm::PS256, Algorithm::RS512])
        .build()
        .unwrap();

    for &algorithm in Algorithm::ALL {
        let token = jwt(signing_key(algorithm)).build();
        let wanted = (!is_rsa(algorithm)).then_some(UnsupportedAlgorithm);
        assert_eq!(refusal(&any, &token), wanted, "{algorithm}");

        let named = matches!(algorithm, Algorithm::PS256 | Algorithm::RS512);
        let wanted = (!named).then_some(UnsupportedAlgorithm);
        assert_eq!(refusal(&narrowed, &token), wanted, "{algorithm}, narrowed");
    }
    // The right key, but a signature by a scheme that differs from the header's.
    let renamed = jwt(signing_key(Algorithm::RS256)).header("alg", "PS256");
    assert_eq!(refusal(&any, &renamed.build()), Some(BadSignature));
}

#[test]
fn ed25519_goes_by_both_of_its_names() {
    let key = signing_key(Algorithm::EdDSA);
    let verifier = verifier_of(Algorithm::EdDSA);
    let token = jwt(key).header("alg", "Ed25519").build();
    assert_eq!(refusal(&verifier, &token), None);

    let mut jwk = key.jwk();
    jwk["alg"] = "Ed25519".into();
    let named_so = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
    let verifier = jwt_builder().key(named_so).build().unwrap();
    assert_eq!(refusal(&verifier, &token), None);
    assert_eq!(refusal(&verifier, &jwt(key).build()), None);

    for name in ["ed25519", "Ed448", "EDDSA", "eddsa", "ED25519"] {
        let token = jwt(key).header("alg", name).build();
        assert_eq!(
            refusal(&verifier, &token),
            Some(UnsupportedAlgorithm),
            "{name}"
        );
    }
}

#[test]
fn jsonwebtoken_and_this_crate_verify_each_others_tokens() {
    let mut validation_of = Vec::new();
    for &algorithm in Algorithm::ALL {
        let Ok(theirs) = jsonwebtoken::Algorithm::try_from(algorithm) else {
            assert!(algorithm == Algorithm::ES512 || is_ml_dsa(algorithm));
            continue;
        };
        let key = signing_key(algorithm);
        let (encoding, decoding) = their_keys(key);

        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "bob", "exp": NOW + 60});
        let token = jsonwebtoken::encode(&Header::new(theirs), &claims, &encoding).unwrap();
        let token = verify(&verifier_of(algorithm), &token);
        let token = token.unwrap_or_else(|reason| panic!("{algorithm}: {reason:?}"));
        assert_eq!(token.claims::<Value>().unwrap(), claims, "{algorithm}");

        let mut validation = Validation::new(theirs);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // `jsonwebtoken` uses the system's clock.
        validation.validate_exp = false;
        let ours = jwt(key).build();
        let decoded = jsonwebtoken::decode::<Value>(&ours, &decoding, &validation).unwrap();
        assert_eq!(decoded.claims["sub"], "alice", "{algorithm}");

        let tampered = jwt(key).tampered().build();
        assert!(jsonwebtoken::decode::<Value>(&tampered, &decoding, &validation).is_err());
        assert_eq!(
            refusal(&verifier_of(algorithm), &tampered),
            Some(BadSignature)
        );
        validation_of.push(theirs);
    }
    assert_eq!(validation_of.len(), 12);
}

fn their_keys(key: &SigningKey) -> (EncodingKey, DecodingKey) {
    let algorithm = key.algorithm();
    if is_hmac(algorithm) {
        let secret = from_base64url(key.jwk()["k"].as_str().unwrap());
        let decoding = DecodingKey::from_secret(&secret).unwrap();
        return (EncodingKey::from_secret(&secret).unwrap(), decoding);
    }
    let private = key.private_key_pem();
    let public = key.public_key_pem();
    let (private, public) = (private.as_bytes(), public.as_bytes());
    if is_rsa(algorithm) {
        let decoding = DecodingKey::from_rsa_pem(public).unwrap();
        (EncodingKey::from_rsa_pem(private).unwrap(), decoding)
    } else if algorithm == Algorithm::EdDSA {
        let decoding = DecodingKey::from_ed_pem(public).unwrap();
        (EncodingKey::from_ed_pem(private).unwrap(), decoding)
    } else {
        let decoding = DecodingKey::from_ec_pem(public).unwrap();
        (EncodingKey::from_ec_pem(private).unwrap(), decoding)
    }
}

#[tokio::test]
async fn a_client_sees_why_its_token_is_refused() {
    let key = signing_key(Algorithm::ES256);
    let app = Router::new()
        .route(
            "/",
            get(|token: AccessToken| async move { token.subject().unwrap().to_owned() }),
        )
        .layer(BearerAuthLayer::new(verifier_of(Algorithm::ES256)));
    let address = serve(app).await;

    let good = get_with(address, &jwt(key).build()).await;
    assert_eq!((good.status.as_u16(), &*good.body), (200, "alice"));

    let hmac = SigningKey::from_secret(Algorithm::HS256, key.public_key_pem());
    let five = format!("{0}.{0}.{0}.{0}.{0}", base64url("{}"));
    let table = [
        (
            jwt(key).tampered().build(),
            "The access token's signature does not match",
        ),
        (jwt(key).expired().build(), "The access token expired"),
        (
            jwt(key).unsigned().build(),
            "The access token's algorithm is not accepted",
        ),
        (
            jwt(&hmac).build(),
            "The access token's algorithm is not accepted",
        ),
        (five, "The access token is malformed"),
    ];
    for (token, description) in table {
        let answer = get_with(address, &token).await;
        assert_eq!(answer.status.as_u16(), 401, "{description}");
        let challenge =
            format!(r#"Bearer error="invalid_token", error_description="{description}""#);
        assert_eq!(answer.header("www-authenticate"), Some(&*challenge));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = json!({"error": "invalid_token", "error_description": description});
        assert_eq!(answer.json(), body);
    }
}
