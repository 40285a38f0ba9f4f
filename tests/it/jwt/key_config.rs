//! Secrets, PEM keys and algorithms that `build` refuses. No secret appears in an error or in `Debug` output.

use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, KeySet, VerifyingKey};

use super::config::assert_problems;
use super::{base64url, jwt_builder, other_signing_key, signing_key};

#[test]
fn a_secret_must_be_at_least_as_long_as_its_hash() {
    for (algorithm, length) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        for short in [0, 1, length - 1] {
            let problem =
                format!("the secret for {algorithm} has {short} bytes and needs at least {length}");
            let builder = jwt_builder().secret(algorithm, vec![b'x'; short]);
            assert_problems(builder, &[&problem]);
        }
        for long in [length, length + 1, 1000] {
            assert_problems(jwt_builder().secret(algorithm, vec![b'x'; long]), &[]);
        }
    }
    for algorithm in Algorithm::ALL.iter().copied().skip(3) {
        let problem = format!("the secret for {algorithm} does not fit its algorithm");
        assert_problems(jwt_builder().secret(algorithm, [7; 64]), &[&problem]);
    }
}

#[test]
fn a_pem_text_is_refused_as_a_secret() {
    let rsa = signing_key(Algorithm::RS256);
    for pem in [
        rsa.public_key_pem(),
        rsa.private_key_pem(),
        signing_key(Algorithm::EdDSA).public_key_pem(),
        format!("\r\n  {}", rsa.public_key_pem()),
        "-----BEGIN CERTIFICATE-----".to_owned(),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let problem = format!("the secret for {algorithm} is a PEM text");
            assert_problems(jwt_builder().secret(algorithm, &pem), &[&problem]);
        }
    }
}

#[test]
fn a_private_key_is_refused_as_a_public_key() {
    for algorithm in Algorithm::ALL.iter().copied().skip(3) {
        let key = signing_key(algorithm);
        let (private, public) = (key.private_key_pem(), key.public_key_pem());
        let problem = format!("the PEM key for {algorithm} is a private key; give the public one");
        for pem in [
            private.clone(),
            format!("{private}{public}"),
            format!("{public}{private}"),
            private.replace("PRIVATE", "RSA PRIVATE"),
            private.replace("PRIVATE", "EC PRIVATE"),
            private.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        ] {
            assert_problems(jwt_builder().public_key_pem(algorithm, pem), &[&problem]);
        }
    }
}

#[test]
fn a_pem_key_must_fit_its_algorithm() {
    // Keys of one group have the same type, so that one key serves all its algorithms.
    let group = |algorithm: Algorithm| match algorithm.as_str() {
        name if name.starts_with("RS") || name.starts_with("PS") => "RSA",
        name => name,
    };
    let public: Vec<_> = Algorithm::ALL.iter().copied().skip(3).collect();
    for given in &public {
        let pem = signing_key(*given).public_key_pem();
        for wanted in &public {
            let builder = jwt_builder().public_key_pem(*wanted, &pem);
            let problem = format!("the PEM key for {wanted} ");
            let fits = group(*given) == group(*wanted);
            let wanted_problems: &[&str] = if fits { &[] } else { &[&problem] };
            assert_problems(builder, wanted_problems);
        }
        for hmac in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let problem = format!("the PEM key for {hmac} would have to be a secret");
            assert_problems(jwt_builder().public_key_pem(hmac, &pem), &[&problem]);
        }
    }
}

#[test]
fn a_key_without_an_allowed_algorithm_is_refused() {
    let rsa = {
        let mut jwk = signing_key(Algorithm::RS256).jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        VerifyingKey::from_jwk(&jwk.to_string()).unwrap()
    };
    let ec = signing_key(Algorithm::ES256)
        .verifying_key()
        .with_key_id("ec");
    let both = jwt_builder().key(rsa).key(ec);
    assert_problems(
        both.clone()
            .algorithms([Algorithm::PS512, Algorithm::ES256]),
        &[],
    );
    assert_problems(
        both.clone().algorithms([Algorithm::PS512]),
        &["leaves no use for the key \"ec\", which is for ES256"],
    );
    assert_problems(
        both.algorithms([Algorithm::EdDSA]),
        &[
            "which is for RS256, RS384, RS512, PS256, PS384, PS512",
            "the key \"ec\"",
        ],
    );
}

#[test]
fn no_error_or_debug_output_contains_a_secret() {
    const SECRET: &str = "correct-horse-battery-staple-of-more-than-64-characters-0123456789-abc";
    let short = &SECRET[..31];
    let key = VerifyingKey::from_secret(Algorithm::HS256, SECRET).unwrap();
    let oct = |secret: &str, alg: &str| {
        format!(
            r#"{{"kty":"oct","k":"{}","alg":"{alg}"}}"#,
            base64url(secret)
        )
    };
    let set = |jwk: String| format!(r#"{{"keys":[{jwk}]}}"#);
    let keys = KeySet::from_json(&set(oct(SECRET, "HS256"))).unwrap();
    let builder = jwt_builder()
        .key(key.clone())
        .secret(Algorithm::HS512, SECRET)
        .keys(keys.clone());
    let verifier = builder.clone().build().unwrap();
    let signing = SigningKey::from_secret(Algorithm::HS256, SECRET);
    let private = other_signing_key(Algorithm::ES256).private_key_pem();
    let body = private.lines().nth(1).unwrap();
    let failing = [
        jwt_builder().secret(Algorithm::HS256, short),
        jwt_builder().secret(Algorithm::RS256, SECRET),
        jwt_builder().secret(Algorithm::HS256, &private),
        jwt_builder().public_key_pem(Algorithm::HS256, SECRET),
        jwt_builder().public_key_pem(Algorithm::RS256, SECRET),
        jwt_builder().public_key_pem(Algorithm::ES256, &private),
        jwt_builder().public_key_pem(Algorithm::RS256, private.replace("PRIVATE", "PUBLIC")),
        jwt_builder().jwks_json(SECRET),
        jwt_builder().jwks_json(format!("\"{SECRET}\"")),
        jwt_builder().jwks_json(set(oct(short, "HS256"))),
        jwt_builder().jwks_json(set(oct(SECRET, "RS256"))),
        jwt_builder().jwks_json(set(format!("\"{SECRET}\""))),
        jwt_builder().jwks_json(set(oct(SECRET, "HS256").replace("\"k\":", "\"k\":7,\"d\":"))),
        jwt_builder().jwks_json(set(oct(SECRET, "HS256")).replace("]}", "")),
        builder.clone().algorithms([Algorithm::ES256]),
    ];

    let mut texts = vec![
        format!("{key:?}{keys:?}{builder:?}{verifier:?}{signing:?}"),
        format!("{key:#?}{keys:#?}{builder:#?}{verifier:#?}{signing:#?}"),
    ];
    for builder in failing {
        texts.push(format!("{builder:?}"));
        let error = builder.build().unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    let forms = [
        "correct-horse".to_owned(),
        base64url(SECRET)[..20].to_owned(),
        body[..20].to_owned(),
        format!("{:?}", &SECRET.as_bytes()[..4]).replace(['[', ']'], ""),
    ];
    for text in texts {
        for form in &forms {
            assert!(!text.contains(form), "{form} in {text}");
        }
    }
}
