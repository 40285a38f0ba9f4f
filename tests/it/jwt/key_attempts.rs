//! The limit on how many keys are tried for one token.

use tower_bearer_auth::Algorithm;
use tower_bearer_auth::InvalidReason::{
    BadSignature, Expired, UnsupportedAlgorithm, WrongAudience,
};
use tower_bearer_auth::testing::SigningKey;

use super::{jwt, jwt_builder, refusal};

fn keys(count: usize) -> Vec<SigningKey> {
    (0..count)
        .map(|_| SigningKey::generate(Algorithm::EdDSA))
        .collect()
}

#[test]
fn the_verifier_limits_how_many_local_keys_are_tried() {
    let keys = keys(66);
    for attempts in [1, 4, 5, 63, 64] {
        let verifier = jwt_builder()
            .keys(keys.iter().map(SigningKey::verifying_key))
            .key_attempts(attempts)
            .build()
            .unwrap();
        for (position, key) in keys.iter().enumerate() {
            let wanted = (position >= attempts).then_some(BadSignature);
            let refusal = refusal(&verifier, &jwt(key).build());
            assert_eq!(refusal, wanted, "{position} of {attempts}");
        }
    }
}

#[test]
fn the_claims_are_checked_before_many_keys_are_tried() {
    let (keys, other) = (keys(5), SigningKey::generate(Algorithm::EdDSA));
    for attempts in [4, 5, 64] {
        let verifier = jwt_builder()
            .keys(keys.iter().map(SigningKey::verifying_key))
            .key_attempts(attempts)
            .build()
            .unwrap();
        let first = |claims| if attempts > 4 { claims } else { BadSignature };
        for (token, wanted) in [
            (jwt(&other).expired(), first(Expired)),
            (
                jwt(&other).audience("https://other.test"),
                first(WrongAudience),
            ),
            (jwt(&other), BadSignature),
            (jwt(&other).expired().stripped_signature(), BadSignature),
            (jwt(&other).expired().unsigned(), UnsupportedAlgorithm),
        ] {
            assert_eq!(
                refusal(&verifier, &token.build()),
                Some(wanted),
                "{attempts}"
            );
        }
        assert_eq!(refusal(&verifier, &jwt(&keys[0]).build()), None);
    }
}

#[test]
fn the_limit_must_be_between_1_and_64() {
    let key = &keys(1)[0];
    let build = |attempts| {
        let builder = jwt_builder().key(key.verifying_key());
        builder.key_attempts(attempts).build()
    };
    for attempts in [1, 4, 64] {
        assert!(build(attempts).is_ok(), "{attempts}");
    }
    for attempts in [0, 65, usize::MAX] {
        let error = build(attempts).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("key_attempts: {attempts} is not from 1 to 64")
        );
    }
}
