//! RSASSA-PSS keys in PEM serve the algorithms that their parameters allow.

use super::der::{
    NULL, RSASSA_PSS, algorithm, certificate, element, explicit, integer, oid, public_key_info,
    sequence, to_pem,
};
use super::pems::{assert_refused, assert_verifies, file, problem, rsa_key};
use super::refusal;
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier, VerifyingKey};

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
fn a_pss_key_serves_the_algorithms_that_its_parameters_allow() {
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
        "for SHA-256 (2.16.840.1.101.3.4.2.1) only",
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
