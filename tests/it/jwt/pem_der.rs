//! The DER in a PEM block is read strictly and within limits.

use super::der::{
    ED25519, NULL, RSA_ENCRYPTION, algorithm, bit_string, certificate, element, from_pem, integer,
    oid, public_key_info, rsa_public_key, sequence, to_pem,
};
use super::pems::{assert_refused, assert_verifies, file, octets, rsa_key};
use super::{from_base64url, signing_key};
use serde_json::json;
use tower_bearer_auth::{Algorithm, VerifyingKey};

#[test]
fn der_must_be_canonical() {
    let key = rsa_key();
    let info = public_key_info(RSA_ENCRYPTION, NULL, &key);
    let identifier = algorithm(RSA_ENCRYPTION, NULL);
    let jwk = signing_key(Algorithm::RS256).jwk();
    let (n, e) = (octets(&jwk, "n"), octets(&jwk, "e"));
    let with_key = |key: &[u8]| public_key_info(RSA_ENCRYPTION, NULL, key);
    // The same length in one more octet than necessary.
    let padded_length = |der: &[u8]| match der {
        [tag, 0x82, rest @ ..] => [&[*tag, 0x83, 0], rest].concat(),
        [tag, length, rest @ ..] => [&[*tag, 0x81, *length], rest].concat(),
        [..] => panic!("too short"),
    };
    let indefinite = [&[0x30, 0x80], &info[4..], &[0, 0]].concat();
    let bits = |unused: u8| element(3, &[&[unused], &key[..]].concat());
    for (what, der) in [
        ("a longer length outside", padded_length(&info)),
        (
            "a longer length of the identifier",
            sequence(&[&padded_length(&identifier), &bit_string(&key)]),
        ),
        (
            "a longer length of the bits",
            sequence(&[&identifier, &padded_length(&bit_string(&key))]),
        ),
        ("a longer length of the key", with_key(&padded_length(&key))),
        (
            "a longer length of e",
            with_key(&sequence(&[&integer(&n), &padded_length(&integer(&e))])),
        ),
        ("no length", indefinite),
        ("an octet behind", [&info[..], &[0]].concat()),
        (
            "a value behind the bits",
            sequence(&[&identifier, &bit_string(&key), NULL]),
        ),
        (
            "a value behind the parameters",
            sequence(&[
                &sequence(&[&oid(RSA_ENCRYPTION), NULL, NULL]),
                &bit_string(&key),
            ]),
        ),
        (
            "an octet behind the key",
            with_key(&[&key[..], &[0]].concat()),
        ),
        (
            "a third number",
            with_key(&sequence(&[&integer(&n), &integer(&e), &integer(&e)])),
        ),
        ("one number", with_key(&sequence(&[&integer(&n)]))),
        (
            "a negative n",
            with_key(&sequence(&[&element(2, &n), &integer(&e)])),
        ),
        (
            "a negative e",
            with_key(&sequence(&[&integer(&n), &element(2, &[0x81])])),
        ),
        (
            "a zero before n",
            with_key(&sequence(&[
                &element(2, &[&[0, 0], &n[..]].concat()),
                &integer(&e),
            ])),
        ),
        (
            "a zero before e",
            with_key(&sequence(&[
                &integer(&n),
                &element(2, &[&[0], &e[..]].concat()),
            ])),
        ),
        (
            "no octets of e",
            with_key(&sequence(&[&integer(&n), &element(2, &[])])),
        ),
        ("unused bits", sequence(&[&identifier, &bits(1)])),
        ("too many unused bits", sequence(&[&identifier, &bits(8)])),
        ("no bits", sequence(&[&identifier, &element(3, &[])])),
        (
            "bits in pieces",
            sequence(&[&identifier, &element(0x23, &bit_string(&key))]),
        ),
        (
            "octets for bits",
            sequence(&[&identifier, &element(4, &key)]),
        ),
        ("a set for a sequence", element(0x31, &info[4..])),
        (
            "NULL with content",
            public_key_info(RSA_ENCRYPTION, &[5, 1, 0], &key),
        ),
        ("the rest is missing", info[..info.len() - 1].to_vec()),
        ("no key", with_key(&[])),
        ("the key alone", key.clone()),
    ] {
        let pem = to_pem("PUBLIC KEY", &der);
        assert!(
            VerifyingKey::from_public_key_pem(Algorithm::RS256, pem).is_err(),
            "{what}"
        );
        let signature = algorithm(&[1, 2, 3], &[]);
        let pem = to_pem("CERTIFICATE", &certificate(&signature, &der));
        assert!(
            VerifyingKey::from_public_key_pem(Algorithm::RS256, pem).is_err(),
            "{what} in a certificate"
        );
    }
    // Some tools omit the parameters, with the same meaning.
    for parameters in [NULL, &[]] {
        let pem = to_pem(
            "PUBLIC KEY",
            &public_key_info(RSA_ENCRYPTION, parameters, &key),
        );
        for algorithm in &Algorithm::ALL[3..9] {
            assert_verifies(*algorithm, &pem);
        }
    }
}

#[test]
fn rsa_keys_in_pem_and_in_jwks_have_the_same_limits() {
    let jwk = signing_key(Algorithm::RS256).jwk();
    let (n, e) = (octets(&jwk, "n"), octets(&jwk, "e"));
    let even = [&n[..255], &[n[255] & 0xfe]].concat();
    let numbers: [(&[u8], &[u8], &str); 8] = [
        (&n, &[1], "is not a valid key"),
        (&n, &[2], "is not a valid key"),
        (&n, &[1, 0, 0], "is not a valid key"),
        (&n, &[1, 0, 0, 0, 0, 1], "is not a valid key"),
        (&even, &e, "is not a valid key"),
        (&n[..255], &e, "bits and needs 2048 to 8192"),
        (&[0x55; 1025], &e, "bits and needs 2048 to 8192"),
        (&[0], &[0], "has 0 bits and needs 2048 to 8192"),
    ];
    for (n, e, wanted) in numbers {
        let key = rsa_public_key(n, e);
        for algorithm in [Algorithm::RS256, Algorithm::PS512] {
            assert_refused(algorithm, &to_pem("RSA PUBLIC KEY", &key), wanted);
            let info = public_key_info(RSA_ENCRYPTION, NULL, &key);
            assert_refused(algorithm, &to_pem("PUBLIC KEY", &info), wanted);
        }
        let jwk = json!({"kty": "RSA", "n": super::base64url(n), "e": super::base64url(e)});
        let error = VerifyingKey::from_jwk(&jwk.to_string())
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn ed25519_points_of_small_order_are_refused() {
    for x in small_order() {
        let info = public_key_info(ED25519, &[], &x);
        assert_refused(
            Algorithm::EdDSA,
            &to_pem("PUBLIC KEY", &info),
            "is a point of small order",
        );
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": super::base64url(x)});
        let error = VerifyingKey::from_jwk(&jwk.to_string())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "the JWK is a point of small order, for which signatures can be forged"
        );
    }
    for length in [0, 31, 33, 64] {
        let info = public_key_info(ED25519, &[], &vec![9; length]);
        assert_refused(
            Algorithm::EdDSA,
            &to_pem("PUBLIC KEY", &info),
            "is not a valid key",
        );
    }
    // Wrapped twice.
    let info = public_key_info(ED25519, &[], &from_pem(file!("ed25519")));
    assert_refused(
        Algorithm::EdDSA,
        &to_pem("PUBLIC KEY", &info),
        "is not a valid key",
    );
}

/// All encodings of the eight points of small order, including those with y >= p and with a sign for x = 0.
fn small_order() -> Vec<[u8; 32]> {
    let order_8 = [
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    ];
    let order_8 = order_8.map(|y| from_base64url(y).try_into().unwrap());
    let simple = [
        (0, 0, 0),
        (1, 0, 0),
        (0xec, 0xff, 0x7f),
        (0xed, 0xff, 0x7f),
        (0xee, 0xff, 0x7f),
    ];
    let simple = simple.map(|(first, others, last)| {
        let mut y = [others; 32];
        (y[0], y[31]) = (first, last);
        y
    });
    let all = simple.into_iter().chain(order_8);
    all.flat_map(|y: [u8; 32]| {
        let mut other_sign = y;
        other_sign[31] |= 0x80;
        [y, other_sign]
    })
    .collect()
}

#[test]
fn deep_nesting_costs_neither_stack_nor_time() {
    // Nested sequences in a mebibyte of PEM.
    let mut nested = Vec::new();
    for depth in 0..200_000_u32 {
        nested.extend([0x30, 0x83]);
        nested.extend(&(750_000_u32.saturating_sub(depth * 5)).to_be_bytes()[1..]);
        if nested.len() > 700_000 {
            break;
        }
    }
    let pieces = [0x30, 0x80].repeat(350_000);
    let inside = public_key_info(RSA_ENCRYPTION, &nested, &rsa_key());
    for der in [nested, pieces, inside] {
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"] {
            for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
                let pem = to_pem(label, &der);
                assert!(pem.len() < 1024 * 1024);
                VerifyingKey::from_public_key_pem(algorithm, pem).unwrap_err();
            }
        }
    }
}
