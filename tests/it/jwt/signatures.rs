//! Signatures that are missing or not in the form of JWS.

use tower_bearer_auth::Algorithm;
use tower_bearer_auth::InvalidReason::{BadSignature, Malformed, UnsupportedAlgorithm};

use super::{from_base64url, jwt, refusal, signature_of, signing_key, verifier_of, with_signature};

#[test]
fn an_unsigned_token_is_refused_however_none_is_spelled() {
    for &algorithm in Algorithm::ALL {
        let verifier = verifier_of(algorithm);
        let token = jwt(signing_key(algorithm));
        for name in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            " none",
            "",
            "null",
            "no\u{0}ne",
        ] {
            let signed = token.clone().header("alg", name);
            let unsigned = signed.clone().stripped_signature();
            for token in [signed.build(), unsigned.build()] {
                let refusal = refusal(&verifier, &token);
                assert_eq!(
                    refusal,
                    Some(UnsupportedAlgorithm),
                    "{name:?} at {algorithm}"
                );
            }
        }
        let unsigned = token.clone().unsigned().build();
        assert_eq!(refusal(&verifier, &unsigned), Some(UnsupportedAlgorithm));
        // Without the last dot it has two segments.
        let two = unsigned.trim_end_matches('.');
        assert_eq!(refusal(&verifier, two), Some(Malformed));
        let escaped = token.raw_header(r#"{"alg":"\u006eone"}"#);
        let escaped = escaped.stripped_signature().build();
        assert_eq!(refusal(&verifier, &escaped), Some(UnsupportedAlgorithm));
    }
}

/// The DER form of an ECDSA signature, which X.509 uses and JWS does not.
fn ecdsa_der(fixed: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|octet| **octet == 0).count();
        let mut octets = number[zeros..].to_vec();
        if octets[0] >= 0x80 {
            octets.insert(0, 0);
        }
        [vec![0x02, octets.len() as u8], octets].concat()
    };
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let body = [integer(r), integer(s)].concat();
    let length = match body.len() {
        short @ ..0x80 => vec![short as u8],
        long => vec![0x81, long as u8],
    };
    [vec![0x30], length, body].concat()
}

#[test]
fn an_ecdsa_signature_has_one_form_only() {
    // The orders of the curves' groups, where r and s must stay below.
    const P256_ORDER: &str = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
    for (algorithm, length) in [
        (Algorithm::ES256, 64),
        (Algorithm::ES384, 96),
        (Algorithm::ES512, 132),
    ] {
        let verifier = verifier_of(algorithm);
        let good = jwt(signing_key(algorithm)).build();
        let signature = signature_of(&good);
        assert_eq!(signature.len(), length);
        let (r, s) = signature.split_at(length / 2);
        let zero = vec![0; length / 2];
        let one = [&zero[1..], &[1]].concat();
        let ones = vec![0xff; length / 2];
        let table = [
            ("DER", ecdsa_der(&signature)),
            ("r = s = 0", vec![0; length]),
            ("r = 0", [&zero, s].concat()),
            ("s = 0", [r, &zero].concat()),
            ("r = s = 1", [&one[..], &one].concat()),
            ("r out of range", [&ones, s].concat()),
            ("s out of range", [r, &ones].concat()),
            ("r and s swapped", [s, r].concat()),
            ("one octet more", [&signature[..], &[0]].concat()),
            ("one octet before", [&[0], &signature[..]].concat()),
            ("longer halves", [&[0], r, &[0], s].concat()),
            ("one octet less", signature[..length - 1].to_vec()),
            ("first half", r.to_vec()),
            ("twice", signature.repeat(2)),
            ("empty", Vec::new()),
        ];
        for (name, signature) in table {
            let token = with_signature(&good, &signature);
            assert_eq!(
                refusal(&verifier, &token),
                Some(BadSignature),
                "{algorithm}: {name}"
            );
        }
    }

    let verifier = verifier_of(Algorithm::ES256);
    let good = jwt(signing_key(Algorithm::ES256)).build();
    let order = from_base64url(P256_ORDER);
    let signature = [&order[..], &order].concat();
    let token = with_signature(&good, &signature);
    assert_eq!(refusal(&verifier, &token), Some(BadSignature), "r = s = n");
}

#[test]
fn a_signature_has_its_exact_length() {
    for &algorithm in Algorithm::ALL {
        let verifier = verifier_of(algorithm);
        let good = jwt(signing_key(algorithm)).build();
        let signature = signature_of(&good);
        let length = signature.len();
        let table = [
            ("a zero after", [&signature[..], &[0]].concat()),
            ("a zero before", [&[0], &signature[..]].concat()),
            ("the last octet gone", signature[..length - 1].to_vec()),
            ("the first octet gone", signature[1..].to_vec()),
            ("all zeros", vec![0; length]),
            ("all ones", vec![0xff; length]),
        ];
        for (name, signature) in table {
            let token = with_signature(&good, &signature);
            assert_eq!(
                refusal(&verifier, &token),
                Some(BadSignature),
                "{algorithm}: {name}"
            );
        }
        // Longer than any signature except those of ML-DSA, so the verifier does not decode it in full.
        let wanted = match algorithm.as_str().starts_with("ML-DSA") {
            true => BadSignature,
            false => Malformed,
        };
        for length in [1025, 10_000] {
            let token = with_signature(&good, &vec![1; length]);
            assert_eq!(
                refusal(&verifier, &token),
                Some(wanted),
                "{algorithm}: {length}"
            );
        }
    }
}
