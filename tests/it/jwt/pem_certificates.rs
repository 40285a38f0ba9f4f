//! Keys of X.509 certificates in PEM.

use super::der::{
    NULL, RSA_ENCRYPTION, algorithm, bit_string, certificate, element, explicit, integer, oid,
    public_key_info, rsa_public_key, sequence, to_pem,
};
use super::pems::{assert_refused, assert_verifies, file, rsa_key};
use tower_bearer_auth::{Algorithm, VerifyingKey};

#[test]
fn the_key_of_a_certificate_is_read_for_every_signature_algorithm() {
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
    // A signature algorithm that this crate does not know.
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
fn a_certificate_must_be_complete_and_well_formed() {
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
    // The key in place of a name, an unknown version, invalid dates, an invalid name.
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
