//! The key of a proof, its thumbprint, and how it is remembered.

use super::*;

/// Verifies a proof with this JWK, which the usual key signs.
fn verify_jwk(algorithm: &str, jwk: &Value, thumbprint: &str) -> Result<ValidProof, VerifyError> {
    let header = json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk});
    let proof = sign(&ES256, header, usual_claims());
    verifier().verify(proof.as_bytes(), &expected(thumbprint))
}

#[test]
fn every_algorithm_with_a_public_key_signs_proofs() {
    let rsa = SigningKey::generate(Algorithm::RS256);
    for algorithm in proof_algorithms() {
        let key = match algorithm.key_kind() {
            KeyKind::Rsa => rsa.clone().with_algorithm(algorithm),
            KeyKind::Secret | KeyKind::Ec | KeyKind::Ed25519 | KeyKind::MlDsa => {
                SigningKey::generate(algorithm)
            }
        };
        let names = match algorithm {
            Algorithm::EdDSA => &["EdDSA", "Ed25519"][..],
            _ => &[algorithm.as_str()],
        };
        for name in names {
            let header = with(header_of(&key), json!({"alg": name}));
            let thumbprint = thumbprint_of(&header["jwk"]);
            let verifier = verifier();
            let verify = |proof: &str| verifier.verify(proof.as_bytes(), &expected(&thumbprint));
            // The second proof finds the key.
            for jti in ["a", "b"] {
                let proof = sign(&key, &header, with(usual_claims(), json!({"jti": jti})));
                assert!(proof.len() < 12_000, "{name}");
                assert_eq!(base64url(verify(&proof).unwrap().key), thumbprint, "{name}");

                let (input, signature) = proof.rsplit_once('.').unwrap();
                let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
                *signature.last_mut().unwrap() ^= 1;
                let changed = format!("{input}.{}", base64url(&signature));
                assert_eq!(refusal(verify(&changed)), "proof_signature", "{name}");
                signature.pop();
                let short = format!("{input}.{}", base64url(&signature));
                assert_eq!(refusal(verify(&short)), "proof_signature", "{name}");
            }
            let mut others = proof_algorithms();
            others.retain(|other| *other != algorithm);
            let proof = sign(&key, &header, usual_claims());
            let result = ProofVerifier::new(others, 16 * 1024)
                .verify(proof.as_bytes(), &expected(&thumbprint));
            assert_eq!(refusal(result), "proof_malformed", "{name}");
        }
    }
}

#[test]
fn a_secret_is_no_key_for_proofs() {
    let key = SigningKey::generate(Algorithm::HS256);
    let header = json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": key.jwk()});
    let verifier = ProofVerifier::new(Algorithm::ALL.to_vec(), 16 * 1024);
    let proof = sign(&key, header, usual_claims());
    let result = verifier.verify(proof.as_bytes(), &expected(&sha256_text(b"")));
    assert_eq!(refusal(result), "proof_malformed");
}

#[test]
fn another_key_than_that_of_the_token_is_refused_before_its_signature() {
    let other = SigningKey::generate(Algorithm::ES256);
    let verifier = verifier();
    let verify =
        |proof: &str, thumbprint: &str| verifier.verify(proof.as_bytes(), &expected(thumbprint));
    let header = header_of(&ES256);
    let [own, others] = [&ES256, &other].map(|key| thumbprint_of(&jwk_of(key)));
    let proof = sign(&ES256, &header, usual_claims());
    let forged = sign(&other, &header, usual_claims());
    for _ in 0..2 {
        assert_eq!(refusal(verify(&proof, &others)), "proof_key");
        assert_eq!(refusal(verify(&forged, &others)), "proof_key");
        // From here on, the key is remembered.
        verify(&proof, &own).unwrap();
    }
    assert_eq!(refusal(verify(&forged, &own)), "proof_signature");
    for bad in ["", "A", "é", &format!("{own}="), &own.to_lowercase()] {
        assert_eq!(refusal(verify(&proof, bad)), "proof_key", "{bad}");
    }
}

#[test]
fn a_jwk_is_a_public_key_only() {
    let public = jwk_of(&ES256);
    let thumbprint = thumbprint_of(&public);
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        for value in [json!("AAAA"), json!(""), json!(null), json!([]), json!(1)] {
            let mut jwk = public.clone();
            jwk[name] = value;
            // Private members are detected before the key is compared.
            for thumbprint in [&thumbprint, "another"] {
                let result = verify_jwk("ES256", &jwk, thumbprint);
                assert_eq!(refusal(result), "proof_malformed", "{jwk}");
            }
        }
    }
    for more in [
        json!({"use": "sig"}),
        json!({"key_ops": ["verify"], "ext": true}),
        json!({"alg": "ES256", "kid": "1"}),
        json!({"x5c": ["a"], "n": "", "pub": "a", "more": {}}),
    ] {
        let jwk = with(public.clone(), more);
        verify_jwk("ES256", &jwk, &thumbprint).unwrap_or_else(|error| panic!("{jwk}: {error}"));
    }
    for more in [
        json!({"use": "enc"}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": []}),
        json!({"alg": "ES384"}),
        json!({"alg": "ECDH-ES"}),
        json!({"kid": 1}),
        // A member of another type of key must still be a string.
        json!({"e": 1}),
    ] {
        let jwk = with(public.clone(), more);
        let result = verify_jwk("ES256", &jwk, &thumbprint);
        assert_eq!(refusal(result), "proof_malformed", "{jwk}");
    }
}

#[test]
fn one_key_has_one_spelling() {
    let public = jwk_of(&ES256);
    let [x, y] = ["x", "y"].map(|name| public[name].as_str().unwrap());
    let octets = URL_SAFE_NO_PAD.decode(x).unwrap();
    // The last character has two bits without a meaning.
    let mut loose = x.to_owned();
    let last = loose.pop().unwrap();
    loose.push(char::from(last as u8 + 1));
    for changes in [
        json!({"x": base64url([&[0], &octets[..]].concat())}),
        json!({"x": base64url(&octets[1..])}),
        json!({"x": format!("{x}=")}),
        json!({"x": loose}),
        json!({"x": format!(" {x}")}),
        json!({"x": "+".repeat(43)}),
        json!({"x": ""}),
        json!({"x": null}),
        json!({"y": null}),
        json!({"x": [x]}),
        json!({"crv": "P-384"}),
        json!({"crv": "p-256"}),
        json!({"crv": null}),
        json!({"kty": "ec"}),
        json!({"kty": "OKP"}),
        json!({"kty": null}),
    ] {
        let jwk = with(public.clone(), changes);
        let result = verify_jwk("ES256", &jwk, &thumbprint_of(&public));
        assert_eq!(refusal(result), "proof_malformed", "{jwk}");
    }
    // These are other keys, or none at all.
    for changes in [
        json!({"y": x, "x": y}),
        json!({"y": base64url([0xff; 32])}),
        json!({"x": base64url([0; 32]), "y": base64url([0; 32])}),
    ] {
        let jwk = with(public.clone(), changes);
        let result = verify_jwk("ES256", &jwk, &thumbprint_of(&public));
        assert_eq!(refusal(result), "proof_key", "{jwk}");
        let result = verify_jwk("ES256", &jwk, &thumbprint_of(&jwk));
        assert_eq!(refusal(result), "proof_malformed", "{jwk}");
    }
    // Members in another order, and more of them, make another header with the same key.
    let reordered = format!(r#"{{"y":"{y}", "more":1,"x":"{x}","kty":"EC","crv":"P-256"}}"#);
    let header = format!(r#"{{"jwk":{reordered},"alg":"ES256","typ":"dpop+jwt"}}"#);
    assert_eq!(
        verify(header, usual_claims()).unwrap().key,
        verify_claims(usual_claims()).unwrap().key
    );
}

#[test]
fn weak_and_invalid_keys_are_refused() {
    let number = |length: usize| {
        let mut octets = vec![0xff; length];
        octets[0] = 0x80;
        base64url(octets)
    };
    let rsa = |n: &str, e: &str| json!({"kty": "RSA", "n": n, "e": e});
    let edwards = |x: [u8; 32]| json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(x)});
    let ml_dsa = |length| json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": number(length)});
    let (x, y) = (base64url([0; 66]), base64url([1; 66]));
    let mut one = [0; 32];
    one[0] = 1;
    for (algorithm, jwk) in [
        ("RS256", rsa(&number(128), "AQAB")),
        ("RS256", rsa(&number(255), "AQAB")),
        ("PS256", rsa(&number(1025), "AQAB")),
        ("PS256", rsa(&number(256), "AQ")),
        ("RS256", rsa(&number(256), "AAAB")),
        ("RS256", rsa(&number(256), "")),
        ("RS256", rsa("", "AQAB")),
        ("RS256", rsa(&format!("AAAA{}", number(256)), "AQAB")),
        ("EdDSA", edwards([0; 32])),
        ("EdDSA", edwards(one)),
        ("EdDSA", edwards([0xff; 32])),
        ("ML-DSA-44", ml_dsa(1311)),
        ("ML-DSA-44", with(ml_dsa(1312), json!({"alg": "ML-DSA-65"}))),
        ("ML-DSA-65", ml_dsa(1952)),
        (
            "ES512",
            json!({"kty": "EC", "crv": "P-521", "x": x, "y": y}),
        ),
    ] {
        let result = verify_jwk(algorithm, &jwk, &thumbprint_of(&jwk));
        assert_eq!(refusal(result), "proof_malformed", "{jwk}");
    }
}

#[test]
fn a_key_is_remembered_after_it_has_verified_a_signature() {
    let verifier = verifier();
    let header = header_of(&ES256);
    let thumbprint = thumbprint_of(&header["jwk"]);
    let other = SigningKey::generate(Algorithm::ES256);
    let verify = |proof: &str| verifier.verify(proof.as_bytes(), &expected(&thumbprint));
    let remembered = || verifier.known_keys.len();

    verify(&sign(&other, &header, usual_claims())).unwrap_err();
    verify(&sign(&other, header_of(&other), usual_claims())).unwrap_err();
    let other_type = with(header.clone(), json!({"typ": "JWT"}));
    verify(&sign(&ES256, &other_type, usual_claims())).unwrap_err();
    assert_eq!(remembered(), 0);
    // The claims say nothing about the key.
    verify(&sign(&ES256, &header, "{}")).unwrap_err();
    assert_eq!(remembered(), 1);
    for jti in 0..10 {
        let claims = with(usual_claims(), json!({"jti": jti.to_string()}));
        verify(&sign(&ES256, &header, claims)).unwrap();
    }
    assert_eq!(remembered(), 1);
    // A client that changes its header is remembered once, and each header is read.
    for kid in 0..10 {
        let header = with(header.clone(), json!({"kid": kid}));
        verify(&sign(&ES256, header, usual_claims())).unwrap();
        let refused = verify(&sign(&ES256, &other_type, usual_claims()));
        assert_eq!(refusal(refused), "proof_malformed");
    }
    assert_eq!(remembered(), 1);
}

#[test]
fn the_number_of_remembered_keys_has_a_limit() {
    let verifier = verifier();
    let verify = |key: &SigningKey| {
        let header = header_of(key);
        let thumbprint = thumbprint_of(&header["jwk"]);
        let proof = sign(key, header, usual_claims());
        verifier
            .verify(proof.as_bytes(), &expected(&thumbprint))
            .unwrap();
    };
    verify(&ES256);
    for _ in 0..MAX_KNOWN_KEYS + 200 {
        verify(&SigningKey::generate(Algorithm::EdDSA));
    }
    let remembered = verifier.known_keys.len();
    let limits = MAX_KNOWN_KEYS / 2..=MAX_KNOWN_KEYS;
    assert!(limits.contains(&remembered), "{remembered}");
    verify(&ES256);
}
