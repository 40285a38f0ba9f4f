//! A PEM public key is read from its position in the DER structure, for the algorithm and curve that it names.
//!
//! The files in `pem/` were made with OpenSSL 3.0.19, and the private keys were deleted. `ec-*.pem`, `ed*.pem`,
//! `x*.pem`, `dsa.pem`, `dh.pem`, `rsa.pem` and `pss-*.pem` come from `openssl genpkey` and `openssl pkey -pubout`,
//! some with `-ec_conv_form`, `ec_param_enc:explicit` and the `rsa_pss_keygen_*` options. `cert-A-by-B.pem` come from
//! `openssl x509 -req -force_pubkey`. `decoy-*.pem` were written by hand: each has a second RSA key at a position where
//! a reader that looks for the first bit string finds it. OpenSSL shows the key of `decoy-shown.pem` or nothing.

use super::der::{
    EC_PUBLIC_KEY, ED25519, NULL, oid, public_key_info, rsa_public_key, sequence, to_pem,
};
use super::{from_base64url, jwt, jwt_builder, refusal, signing_key};
use serde_json::Value;
use tower_bearer_auth::{Algorithm, VerifyingKey};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("pem/", $name, ".pem"))
    };
}
pub(super) use file;

#[track_caller]
pub(super) fn problem(algorithm: Algorithm, pem: &str) -> String {
    let error = match VerifyingKey::from_public_key_pem(algorithm, pem) {
        Ok(_) => panic!("taken for {algorithm}: {pem}"),
        Err(error) => error.to_string(),
    };
    let start = format!("the PEM key for {algorithm} ");
    error.strip_prefix(&start).expect(&error).to_owned()
}

#[track_caller]
pub(super) fn assert_refused(algorithm: Algorithm, pem: &str, wanted: &str) {
    let problem = problem(algorithm, pem);
    assert!(
        problem.contains(wanted),
        "{problem:?} for {algorithm}: {pem}"
    );
}

pub(super) fn octets(jwk: &Value, member: &str) -> Vec<u8> {
    from_base64url(jwk[member].as_str().unwrap())
}

/// The RSAPublicKey of the RSA algorithms' key.
pub(super) fn rsa_key() -> Vec<u8> {
    let jwk = signing_key(Algorithm::RS256).jwk();
    rsa_public_key(&octets(&jwk, "n"), &octets(&jwk, "e"))
}

/// The uncompressed point of the algorithm's key.
pub(super) fn point(algorithm: Algorithm) -> Vec<u8> {
    let jwk = signing_key(algorithm).jwk();
    [&[4], &octets(&jwk, "x")[..], &octets(&jwk, "y")].concat()
}

#[track_caller]
pub(super) fn assert_verifies(algorithm: Algorithm, pem: &str) {
    let verifier = jwt_builder().public_key_pem(algorithm, pem).build();
    let verifier = verifier.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        refusal(&verifier, &jwt(signing_key(algorithm)).build()),
        None,
        "{algorithm}"
    );
}

#[test]
fn a_second_key_at_another_position_is_ignored() {
    let decoys = [
        (file!("decoy-0"), "is an RSA key with parameters"),
        (file!("decoy-1"), "is an RSA key with parameters"),
        (file!("decoy-2"), "is an RSA key with parameters"),
        (
            file!("decoy-3"),
            "holds no SubjectPublicKeyInfo in DER: trailing data",
        ),
        (file!("decoy-4"), "holds no SubjectPublicKeyInfo in DER"),
        (
            file!("decoy-5"),
            "holds no SubjectPublicKeyInfo in DER: trailing data",
        ),
        (
            file!("decoy-6"),
            "is a certificate whose signature algorithm has parameters other than NULL",
        ),
        (
            file!("decoy-7"),
            "is a certificate whose signature algorithm has parameters other than NULL",
        ),
    ];
    for (pem, wanted) in decoys {
        for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256] {
            let problem = problem(algorithm, pem);
            // For other algorithms the error may name the key type first.
            assert!(
                problem.contains(wanted) || algorithm == Algorithm::ES256,
                "{problem}"
            );
        }
    }
    VerifyingKey::from_public_key_pem(Algorithm::RS256, file!("decoy-shown")).unwrap();
}

#[test]
fn an_unsupported_algorithm_or_curve_is_named_in_the_error() {
    use Algorithm::{ES256, ES384, ES512, EdDSA, PS256, RS256};
    for (algorithm, pem, wanted) in [
        (
            ES256,
            file!("ec-secp256k1"),
            "is an EC key on secp256k1 (1.3.132.0.10); ES256 needs a key on P-256",
        ),
        (
            ES256,
            file!("ec-brainpoolP256r1"),
            "is an EC key on brainpoolP256r1 (1.3.36.3.3.2.8.1.1.7)",
        ),
        (
            ES384,
            file!("ec-brainpoolP384r1"),
            "is an EC key on brainpoolP384r1 (1.3.36.3.3.2.8.1.1.11)",
        ),
        (
            ES512,
            file!("ec-brainpoolP512r1"),
            "is an EC key on brainpoolP512r1 (1.3.36.3.3.2.8.1.1.13)",
        ),
        (
            ES256,
            file!("ec-P-224"),
            "is an EC key on P-224 (1.3.132.0.33); ES256 needs a key on P-256",
        ),
        (
            ES256,
            file!("ec-SM2"),
            "(1.2.156.10197.1.301); ES256 needs a key on P-256",
        ),
        (
            ES384,
            file!("ec-P-256"),
            "is an EC key on P-256 (1.2.840.10045.3.1.7); ES384 needs a key on P-384",
        ),
        (
            ES512,
            file!("ec-P-256"),
            "is an EC key on P-256 (1.2.840.10045.3.1.7); ES512 needs a key on P-521",
        ),
        (
            ES256,
            file!("ec-P-256-explicit"),
            "is an EC key with explicit curve parameters instead of a named curve",
        ),
        (
            ES256,
            file!("ec-P-256-compressed"),
            "has its point in compressed form",
        ),
        (ES256, file!("ec-P-256-hybrid"), "is not a valid key"),
        (
            EdDSA,
            file!("x25519"),
            "is for X25519 (1.3.101.110); EdDSA needs an Ed25519 key",
        ),
        (
            EdDSA,
            file!("cert-x25519-by-ed25519"),
            "is for X25519 (1.3.101.110); EdDSA needs an Ed25519 key",
        ),
        (
            EdDSA,
            file!("ed448"),
            "is for Ed448 (1.3.101.113); EdDSA needs an Ed25519 key",
        ),
        (
            EdDSA,
            file!("x448"),
            "is for X448 (1.3.101.111); EdDSA needs an Ed25519 key",
        ),
        (
            EdDSA,
            file!("rsa"),
            "is for RSA (1.2.840.113549.1.1.1); EdDSA needs an Ed25519 key",
        ),
        (
            ES256,
            file!("ed25519"),
            "is for Ed25519 (1.3.101.112); ES256 needs a key on P-256",
        ),
        (
            RS256,
            file!("dsa"),
            "is for DSA (1.2.840.10040.4.1); RS256 needs an RSA key",
        ),
        (
            RS256,
            file!("dh"),
            "is for Diffie-Hellman (1.2.840.113549.1.3.1); RS256 needs an RSA key",
        ),
        (
            RS256,
            file!("ec-P-256"),
            "is for ECDSA (1.2.840.10045.2.1); RS256 needs an RSA key",
        ),
        (
            PS256,
            file!("ed25519"),
            "is for Ed25519 (1.3.101.112); PS256 needs an RSA or RSASSA-PSS key",
        ),
        (
            RS256,
            file!("pss-any"),
            "is an RSASSA-PSS key, which serves PS256, PS384 or PS512 and not RS256",
        ),
        (
            RS256,
            file!("cert-pss-by-rsa"),
            "is an RSASSA-PSS key, which serves PS256",
        ),
        (
            RS256,
            file!("request"),
            "is a CERTIFICATE REQUEST, not a PUBLIC KEY",
        ),
        (
            ES256,
            file!("ec-parameters"),
            "is a EC PARAMETERS, not a PUBLIC KEY",
        ),
    ] {
        assert_refused(algorithm, pem, wanted);
    }
    let pkcs1 = to_pem("RSA PUBLIC KEY", &rsa_key());
    assert_refused(
        EdDSA,
        &pkcs1,
        "is an RSA key, which the algorithm does not use",
    );
    for algorithm in [Algorithm::HS256, Algorithm::HS512] {
        assert_refused(
            algorithm,
            file!("rsa"),
            "would have to be a secret; use secret(..)",
        );
    }
}

#[test]
fn key_bits_under_the_name_of_another_algorithm_are_refused() {
    let ec = point(Algorithm::ES256);
    let curves: [&[u64]; 5] = [
        &[1, 3, 132, 0, 10],
        &[1, 3, 36, 3, 3, 2, 8, 1, 1, 7],
        &[1, 2, 840, 10045, 3, 1, 1],
        &[1, 3, 132, 0, 34],
        &[1, 2, 3, 4],
    ];
    for curve in curves {
        let pem = to_pem(
            "PUBLIC KEY",
            &public_key_info(EC_PUBLIC_KEY, &oid(curve), &ec),
        );
        assert_refused(Algorithm::ES256, &pem, "is an EC key on ");
    }
    let p256 = oid(&[1, 2, 840, 10045, 3, 1, 7]);
    for (parameters, wanted) in [
        (&[][..], "is an EC key that does not name its curve"),
        (NULL, "is an EC key that does not name its curve"),
        (
            &sequence(&[&p256]),
            "is an EC key with explicit curve parameters",
        ),
        (
            &[&p256[..], &p256].concat(),
            "holds no SubjectPublicKeyInfo in DER",
        ),
    ] {
        let pem = to_pem(
            "PUBLIC KEY",
            &public_key_info(EC_PUBLIC_KEY, parameters, &ec),
        );
        assert_refused(Algorithm::ES256, &pem, wanted);
    }
    // ECDH and ECMQV identifiers, with the curve and the point of an ECDSA key.
    for (id, wanted) in [
        (12, "is for ECDH (1.3.132.1.12)"),
        (13, "is for ECMQV (1.3.132.1.13)"),
    ] {
        let pem = to_pem(
            "PUBLIC KEY",
            &public_key_info(&[1, 3, 132, 1, id], &p256, &ec),
        );
        assert_refused(Algorithm::ES256, &pem, wanted);
    }
    assert_verifies(
        Algorithm::ES256,
        &to_pem("PUBLIC KEY", &public_key_info(EC_PUBLIC_KEY, &p256, &ec)),
    );

    let x = octets(&signing_key(Algorithm::EdDSA).jwk(), "x");
    for arc in [110, 111, 113, 114] {
        let pem = to_pem("PUBLIC KEY", &public_key_info(&[1, 3, 101, arc], &[], &x));
        assert_refused(Algorithm::EdDSA, &pem, "EdDSA needs an Ed25519 key");
    }
    let pem = to_pem("PUBLIC KEY", &public_key_info(ED25519, NULL, &x));
    assert_refused(Algorithm::EdDSA, &pem, "is an Ed25519 key with parameters");
    assert_verifies(
        Algorithm::EdDSA,
        &to_pem("PUBLIC KEY", &public_key_info(ED25519, &[], &x)),
    );

    // RSAES-OAEP, and a signature algorithm instead of a key algorithm.
    for arc in [7, 5, 11, 13] {
        let id = &[1, 2, 840, 113549, 1, 1, arc];
        let pem = to_pem("PUBLIC KEY", &public_key_info(id, NULL, &rsa_key()));
        assert_refused(Algorithm::RS256, &pem, "RS256 needs an RSA key");
    }
}

#[test]
fn a_pem_point_that_is_not_on_its_curve_is_refused() {
    for (algorithm, curve, length) in [
        (Algorithm::ES256, &[1, 2, 840, 10045, 3, 1, 7][..], 32),
        (Algorithm::ES384, &[1, 3, 132, 0, 34], 48),
        (Algorithm::ES512, &[1, 3, 132, 0, 35], 66),
    ] {
        let good = point(algorithm);
        let pem = |point: &[u8]| {
            to_pem(
                "PUBLIC KEY",
                &public_key_info(EC_PUBLIC_KEY, &oid(curve), point),
            )
        };
        assert_verifies(algorithm, &pem(&good));
        let mut off = good.clone();
        off[2 * length] ^= 1;
        for (what, bad) in [
            ("off the curve", off),
            ("infinity", vec![0]),
            ("nothing", vec![]),
            ("zero", [&[4], &vec![0; 2 * length][..]].concat()),
            (
                "outside the field",
                [&[4], &vec![0xff; 2 * length][..]].concat(),
            ),
            ("without its form", good[1..].to_vec()),
            ("in hybrid form", [&[6], &good[1..]].concat()),
            ("in hybrid form", [&[7], &good[1..]].concat()),
            ("in no form", [&[5], &good[1..]].concat()),
            ("shorter", good[..2 * length].to_vec()),
            ("longer", [&good[..], &[0]].concat()),
            (
                "of another curve",
                point(if length == 32 {
                    Algorithm::ES384
                } else {
                    Algorithm::ES256
                }),
            ),
            ("in DER", public_key_info(EC_PUBLIC_KEY, &oid(curve), &good)),
        ] {
            let problem = problem(algorithm, &pem(&bad));
            assert!(
                problem.contains("is not a valid key"),
                "{algorithm} {what}: {problem}"
            );
        }
    }
}
