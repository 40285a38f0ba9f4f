//! Keys in PEM: read by their position, and for what they say that they are.
//!
//! The files in `pem/` were made with OpenSSL 3.0.19, and the private keys are gone: `ec-*.pem`, `ed*.pem`, `x*.pem`,
//! `dsa.pem`, `dh.pem`, `rsa.pem` and `pss-*.pem` with `openssl genpkey` and `openssl pkey -pubout`, where needed with
//! `-ec_conv_form`, `ec_param_enc:explicit` and the `rsa_pss_keygen_*` options; `cert-A-by-B.pem` with
//! `openssl x509 -req -force_pubkey`. `decoy-*.pem` were written by hand: each has a second RSA key where a reader
//! that looks for the first bit string finds it. OpenSSL shows `decoy-shown.pem` or nothing.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier, VerifyingKey};

use super::der::{
    EC_PUBLIC_KEY, ED25519, NULL, RSA_ENCRYPTION, RSASSA_PSS, algorithm, bit_string, certificate,
    element, explicit, from_pem, integer, oid, public_key_info, rsa_public_key, sequence, to_pem,
};
use super::{from_base64url, jwt, jwt_builder, refusal, signing_key};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("pem/", $name, ".pem"))
    };
}

#[track_caller]
fn problem(algorithm: Algorithm, pem: &str) -> String {
    let error = match VerifyingKey::from_public_key_pem(algorithm, pem) {
        Ok(_) => panic!("taken for {algorithm}: {pem}"),
        Err(error) => error.to_string(),
    };
    let start = format!("the PEM key for {algorithm} ");
    error.strip_prefix(&start).expect(&error).to_owned()
}

#[track_caller]
fn assert_refused(algorithm: Algorithm, pem: &str, wanted: &str) {
    let problem = problem(algorithm, pem);
    assert!(
        problem.contains(wanted),
        "{problem:?} for {algorithm}: {pem}"
    );
}

fn octets(jwk: &Value, member: &str) -> Vec<u8> {
    from_base64url(jwk[member].as_str().unwrap())
}

/// The RSAPublicKey of the RSA algorithms' key.
fn rsa_key() -> Vec<u8> {
    let jwk = signing_key(Algorithm::RS256).jwk();
    rsa_public_key(&octets(&jwk, "n"), &octets(&jwk, "e"))
}

/// The uncompressed point of the algorithm's key.
fn point(algorithm: Algorithm) -> Vec<u8> {
    let jwk = signing_key(algorithm).jwk();
    [&[4], &octets(&jwk, "x")[..], &octets(&jwk, "y")].concat()
}

#[track_caller]
fn assert_verifies(algorithm: Algorithm, pem: &str) {
    let verifier = jwt_builder().public_key_pem(algorithm, pem).build();
    let verifier = verifier.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        refusal(&verifier, &jwt(signing_key(algorithm)).build()),
        None,
        "{algorithm}"
    );
}

#[test]
fn a_key_beside_the_key_is_not_found() {
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
            // Where it is no RSA algorithm, that may be said first.
            assert!(
                problem.contains(wanted) || algorithm == Algorithm::ES256,
                "{problem}"
            );
        }
    }
    VerifyingKey::from_public_key_pem(Algorithm::RS256, file!("decoy-shown")).unwrap();
}

#[test]
fn another_algorithm_or_curve_is_named() {
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
fn the_bits_of_one_algorithm_under_the_name_of_another_are_no_key() {
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
            "is an EC key with its curve written out",
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
    // ECDH and ECMQV, with the curve and the point of an ECDSA key.
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

    // RSAES-OAEP, and the algorithm of a signature instead of that of a key.
    for arc in [7, 5, 11, 13] {
        let id = &[1, 2, 840, 113549, 1, 1, arc];
        let pem = to_pem("PUBLIC KEY", &public_key_info(id, NULL, &rsa_key()));
        assert_refused(Algorithm::RS256, &pem, "RS256 needs an RSA key");
    }
}

#[test]
fn a_point_lies_on_its_curve() {
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

/// Parameters of RSASSA-PSS (RFC 4055 §3.1).
fn pss(
    hash: Option<&[u64]>,
    mask: Option<&[u64]>,
    salt: Option<u8>,
    trailer: Option<u8>,
) -> Vec<u8> {
    let mgf1 = [1, 2, 840, 113549, 1, 1, 8];
    let hash = hash.map(|hash| explicit(0, &algorithm(hash, NULL)));
    let mask = mask.map(|hash| explicit(1, &algorithm(&mgf1, &algorithm(hash, NULL))));
    let salt = salt.map(|salt| explicit(2, &integer(&[salt])));
    let trailer = trailer.map(|trailer| explicit(3, &integer(&[trailer])));
    let parts: Vec<_> = [hash, mask, salt, trailer].into_iter().flatten().collect();
    element(0x30, &parts.concat())
}

const SHA1: &[u64] = &[1, 3, 14, 3, 2, 26];
const SHA256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
const SHA384: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 2];
const SHA512: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 3];

#[test]
fn a_pss_key_serves_what_its_parameters_allow() {
    use Algorithm::{PS256, PS384, PS512};
    let of = |hash| pss(Some(hash), Some(hash), Some(32), None);
    let all = [PS256, PS384, PS512];
    let table: Vec<(&str, Vec<u8>, &[Algorithm])> = vec![
        ("none", vec![], &all),
        ("SHA-256", of(SHA256), &[PS256]),
        ("SHA-384", of(SHA384), &[PS384]),
        ("SHA-512", of(SHA512), &[PS512]),
        ("SHA-1", of(SHA1), &[]),
        (
            "all defaults, which are SHA-1",
            pss(None, None, None, None),
            &[],
        ),
        (
            "the salt by default",
            pss(Some(SHA256), Some(SHA256), None, None),
            &[PS256],
        ),
        (
            "any salt",
            pss(Some(SHA256), Some(SHA256), Some(0), None),
            &[PS256],
        ),
        (
            "a salt of 33",
            pss(Some(SHA256), Some(SHA256), Some(33), None),
            &[],
        ),
        (
            "a salt of 48",
            pss(Some(SHA384), Some(SHA384), Some(48), None),
            &[PS384],
        ),
        (
            "a salt of 64",
            pss(Some(SHA512), Some(SHA512), Some(64), None),
            &[PS512],
        ),
        (
            "a salt of 255",
            pss(Some(SHA512), Some(SHA512), Some(255), None),
            &[],
        ),
        (
            "another mask",
            pss(Some(SHA256), Some(SHA384), Some(32), None),
            &[],
        ),
        (
            "the mask by default",
            pss(Some(SHA256), None, Some(32), None),
            &[],
        ),
        (
            "the hash by default",
            pss(None, Some(SHA256), Some(32), None),
            &[],
        ),
        (
            "trailer 1",
            pss(Some(SHA256), Some(SHA256), Some(32), Some(1)),
            &[PS256],
        ),
        (
            "trailer 2",
            pss(Some(SHA256), Some(SHA256), Some(32), Some(2)),
            &[],
        ),
        ("NULL", NULL.to_vec(), &[]),
        ("a hash", oid(SHA256), &[]),
        ("something behind", sequence(&[&of(SHA256)[2..], NULL]), &[]),
        (
            "the hash twice",
            {
                let hash = explicit(0, &algorithm(SHA256, NULL));
                sequence(&[&hash, &of(SHA256)[2..]])
            },
            &[],
        ),
        (
            "another order",
            {
                let (hash, salt) = (
                    explicit(0, &algorithm(SHA256, NULL)),
                    explicit(2, &integer(&[32])),
                );
                sequence(&[&salt, &hash])
            },
            &[],
        ),
    ];
    let rsa = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];
    for (what, parameters, allowed) in table {
        let key = public_key_info(RSASSA_PSS, &parameters, &rsa_key());
        let signature = algorithm(&[1, 2, 840, 113549, 1, 1, 11], NULL);
        for pem in [
            to_pem("PUBLIC KEY", &key),
            to_pem("CERTIFICATE", &certificate(&signature, &key)),
        ] {
            for algorithm in rsa.into_iter().chain(all) {
                match allowed.contains(&algorithm) {
                    true => assert_verifies(algorithm, &pem),
                    false => {
                        let problem = problem(algorithm, &pem);
                        assert!(
                            problem.contains("RSASSA-PSS"),
                            "{what}, {algorithm}: {problem}"
                        );
                    }
                }
            }
        }
    }
    for algorithm in all {
        VerifyingKey::from_public_key_pem(algorithm, file!("pss-any")).unwrap();
        let restricted = VerifyingKey::from_public_key_pem(algorithm, file!("pss-sha256"));
        assert_eq!(restricted.is_ok(), algorithm == PS256, "{algorithm}");
    }
    assert_refused(
        PS384,
        file!("pss-sha256"),
        "for SHA-256 (2.16.840.1.101.3.4.2.1) alone",
    );
}

#[test]
fn a_reported_pss_key_and_its_certificate_verify_its_token() {
    let reported: Value = serde_json::from_str(include_str!("reported_keys.json")).unwrap();
    let row = reported
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "id-RSASSA-PSS PEM")
        .unwrap();
    for member in ["pem", "certificate"] {
        let verifier = JwtVerifier::builder()
            .public_key_pem(Algorithm::PS256, row[member].as_str().unwrap())
            .issuer("https://issuer.test")
            .audience("https://api.test")
            .clock(Clock::manual(
                UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            ))
            .build();
        assert_eq!(
            refusal(&verifier.unwrap(), row["token"].as_str().unwrap()),
            None,
            "{member}"
        );
    }
}

#[test]
fn a_certificate_gives_its_key_whatever_signed_it() {
    use Algorithm::{ES256, EdDSA, PS256, PS512, RS256};
    for (algorithm, pem) in [
        (RS256, file!("cert-rsa-by-ed25519")),
        (RS256, file!("cert-rsa-by-p256")),
        (PS512, file!("cert-rsa-by-pss")),
        (RS256, file!("cert-extensions")),
        (EdDSA, file!("cert-ed25519-by-rsa")),
        (ES256, file!("cert-ec-by-ed448")),
        (ES256, file!("cert-ec-by-brainpool")),
        (PS256, file!("cert-pss-by-rsa")),
    ] {
        VerifyingKey::from_public_key_pem(algorithm, pem)
            .unwrap_or_else(|error| panic!("{error}: {pem}"));
    }
    // A signature by an algorithm that nothing here knows.
    let key = public_key_info(RSA_ENCRYPTION, NULL, &rsa_key());
    for signature in [
        algorithm(&[1, 2, 3, 4], &[]),
        algorithm(
            &[1, 2, 3, 4],
            &sequence(&[&bit_string(&rsa_public_key(&[0xff; 256], &[3]))]),
        ),
        algorithm(&[2, 16, 840, 1, 101, 3, 4, 3, 18], &[]),
    ] {
        let der = certificate(&signature, &key);
        for label in ["CERTIFICATE", "X509 CERTIFICATE"] {
            assert_verifies(RS256, &to_pem(label, &der));
        }
    }
    let sha256_with_rsa = [1, 2, 840, 113549, 1, 1, 11];
    let foreign = certificate(&algorithm(&sha256_with_rsa, &integer(&[1])), &key);
    assert_refused(
        RS256,
        &to_pem("CERTIFICATE", &foreign),
        "parameters other than NULL",
    );
}

#[test]
fn a_certificate_is_complete_and_in_order() {
    let signature = algorithm(&[1, 2, 840, 113549, 1, 1, 11], NULL);
    let key = public_key_info(RSA_ENCRYPTION, NULL, &rsa_key());
    let name = sequence(&[]);
    let date = element(0x17, b"200101000000Z");
    let (serial, dates) = (integer(&[1]), sequence(&[&date, &date]));
    let version = explicit(0, &[2, 1, 2]);
    let parts = [
        &version[..],
        &serial,
        &signature,
        &name,
        &dates,
        &name,
        &key,
    ];
    let whole = |parts: &[&[u8]]| {
        let signed = sequence(parts);
        to_pem(
            "CERTIFICATE",
            &sequence(&[&signed, &signature, &bit_string(&[1])]),
        )
    };
    assert_verifies(Algorithm::RS256, &whole(&parts));
    assert_verifies(Algorithm::RS256, &whole(&parts[1..]));
    let extension = sequence(&[
        &oid(&[2, 5, 29, 15]),
        &[1, 1, 0xff],
        &element(4, b"anything"),
    ]);
    let extensions = explicit(3, &sequence(&[&extension, &extension]));
    let (issuer_id, subject_id) = (element(0x81, &[0, 1]), element(0x82, &[0, 1]));
    let with = |more: &[&[u8]]| whole(&[&parts[..], more].concat());
    assert_verifies(
        Algorithm::RS256,
        &with(&[&issuer_id, &subject_id, &extensions]),
    );

    let no_certificate = "holds no X.509 certificate in DER";
    for left_out in 1..parts.len() {
        let mut parts = parts.to_vec();
        parts.remove(left_out);
        assert_refused(Algorithm::RS256, &whole(&parts), no_certificate);
    }
    for more in [
        &[&key[..]][..],
        &[&extensions, &extensions],
        &[&extensions, &issuer_id],
        &[&subject_id, &issuer_id],
        &[&explicit(4, NULL)],
        &[&explicit(3, NULL)],
        &[&explicit(
            3,
            &sequence(&[&sequence(&[&oid(&[2, 5, 29, 15])])]),
        )],
        &[NULL],
    ] {
        assert_refused(Algorithm::RS256, &with(more), no_certificate);
    }
    // The key in the place of a name, an odd version, dates that are none, a name that is none.
    for (place, part) in [
        (0, explicit(0, &[2, 1, 3])),
        (3, key.clone()),
        (3, sequence(&[NULL])),
        (4, sequence(&[&date])),
        (4, sequence(&[&date, NULL])),
        (4, sequence(&[&date, &date, &date])),
        (5, element(0x31, &[])),
    ] {
        let mut parts = parts.to_vec();
        parts[place] = &part;
        assert_refused(Algorithm::RS256, &whole(&parts), no_certificate);
    }
    let signed = sequence(&parts);
    let other = algorithm(&[1, 2, 840, 113549, 1, 1, 12], NULL);
    let two = sequence(&[&signed, &other, &bit_string(&[1])]);
    assert_refused(
        Algorithm::RS256,
        &to_pem("CERTIFICATE", &two),
        "names two signature algorithms",
    );
    for bad in [
        sequence(&[&signed, &signature]),
        sequence(&[&signed, &signature, &bit_string(&[1]), NULL]),
        sequence(&[&signed, &bit_string(&[1]), &signature]),
        signed.clone(),
        key.clone(),
    ] {
        assert_refused(
            Algorithm::RS256,
            &to_pem("CERTIFICATE", &bad),
            no_certificate,
        );
    }
}

#[test]
fn der_has_one_spelling() {
    let key = rsa_key();
    let info = public_key_info(RSA_ENCRYPTION, NULL, &key);
    let identifier = algorithm(RSA_ENCRYPTION, NULL);
    let jwk = signing_key(Algorithm::RS256).jwk();
    let (n, e) = (octets(&jwk, "n"), octets(&jwk, "e"));
    let with_key = |key: &[u8]| public_key_info(RSA_ENCRYPTION, NULL, key);
    // The same length in one octet more than it takes.
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
    // Some tools leave the parameters out. It says the same.
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
fn rsa_keys_in_pem_have_the_sizes_and_exponents_of_those_in_jwks() {
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
fn ed25519_points_of_small_order_are_no_keys() {
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
    // Wrapped a second time.
    let info = public_key_info(ED25519, &[], &from_pem(file!("ed25519")));
    assert_refused(
        Algorithm::EdDSA,
        &to_pem("PUBLIC KEY", &info),
        "is not a valid key",
    );
}

/// All encodings of the eight points, those with y of p and more and with the sign of zero included.
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
fn nesting_takes_neither_stack_nor_time() {
    // Sequences in one another, in a mebibyte of PEM.
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
