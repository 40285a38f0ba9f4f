//! The form of a proof, and its header.

use super::*;

#[test]
fn a_proof_is_a_compact_jws_and_nothing_else() {
    let thumbprint = thumbprint_of(&jwk_of(&ES256));
    let good = sign(&ES256, header_of(&ES256), usual_claims());
    let verify = |proof: &str| verifier().verify(proof.as_bytes(), &expected(&thumbprint));
    verify(&good).unwrap();
    let [header, payload, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        "é.é.é".into(),
        good.replace('.', ""),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{good}.."),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{good}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.+{}", &signature[1..]),
        format!("{good},{good}"),
        format!("DPoP {good}"),
        base64url(&good),
        json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
    ] {
        assert_eq!(refusal(verify(&bad)), "proof_malformed", "{bad}");
    }
    let other_claims = with(usual_claims(), json!({"jti": "2"})).to_string();
    for bad in [
        format!("{header}.{payload}."),
        format!("{header}.{payload}.AA"),
        format!("{header}.{payload}.{}", &signature[..84]),
        format!("{header}.{payload}.AAAA{signature}"),
        format!("{header}.{payload}.{}", base64url([0; 64])),
        format!("{header}.{payload}.{}", base64url([0xff; 64])),
        format!("{header}.{}.{signature}", base64url(other_claims)),
        // The signature is checked before the payload is read.
        format!("{header}.{}.{signature}", base64url("{}")),
        format!("{header}. {payload}.{signature}"),
        format!("{header}..{signature}"),
    ] {
        assert_eq!(refusal(verify(&bad)), "proof_signature", "{bad}");
    }
}

#[test]
fn a_signed_payload_is_strict_base64url() {
    let header = base64url(header_of(&ES256).to_string());
    let thumbprint = thumbprint_of(&jwk_of(&ES256));
    let verify = |payload: &str| {
        let input = format!("{header}.{payload}");
        let proof = format!("{input}.{}", base64url(ES256.sign(input.as_bytes())));
        verifier().verify(proof.as_bytes(), &expected(&thumbprint))
    };
    let good = base64url(usual_claims().to_string());
    verify(&good).unwrap();
    for bad in [
        "",
        "*",
        &format!("{good}="),
        &format!("{good}\n"),
        &base64url([b"{\"jti\":\"", &[0xff][..], b"\"}"].concat()),
    ] {
        assert_eq!(refusal(verify(bad)), "proof_malformed", "{bad}");
    }
}

#[test]
fn a_proof_has_a_maximum_length() {
    let thumbprint = thumbprint_of(&jwk_of(&ES256));
    let proof = sign(&ES256, header_of(&ES256), usual_claims());
    let verify = |max_length| {
        let verifier = ProofVerifier::new(proof_algorithms(), max_length);
        verifier.verify(proof.as_bytes(), &expected(&thumbprint))
    };
    verify(proof.len()).unwrap();
    assert_eq!(refusal(verify(proof.len() - 1)), "proof_malformed");
    assert_eq!(refusal(verify(0)), "proof_malformed");
}

#[test]
fn header_and_claims_are_strict_json() {
    let deep = |levels| format!("\"x\":{}{},", "[".repeat(levels), "]".repeat(levels));
    let many = |count| {
        let members = (0..count).map(|n| format!("\"m{n}\":1,"));
        members.collect::<String>()
    };
    for (addition, is_accepted) in [
        (String::new(), true),
        (
            r#""kid":"1","x5c":["a"],"jku":"https://evil.example","x":1.5,"#.into(),
            true,
        ),
        (deep(31), true),
        (deep(32), false),
        (deep(5_000), false),
        (many(200), true),
        (many(300), false),
        (r#""x":1,"x":1,"#.into(), false),
        (r#""x":1,"\u0078":1,"#.into(), false),
        (r#""x":1e400,"#.into(), false),
        (r#""x":"\ud800","#.into(), false),
        (r#""x":NaN,"#.into(), false),
        (r#""x":'a',"#.into(), false),
        (r#""$serde_json::private::Number":"1","#.into(), false),
        (",".into(), false),
    ] {
        let add = |object: Value| {
            let text = object.to_string();
            text.replacen('{', &format!("{{{addition}"), 1)
        };
        for result in [
            verify(add(header_of(&ES256)), usual_claims()),
            verify_claims(add(usual_claims())),
        ] {
            match is_accepted {
                true => drop(result.unwrap_or_else(|error| panic!("{addition}: {error}"))),
                false => assert_eq!(refusal(result), "proof_malformed", "{addition}"),
            }
        }
    }
    for text in ["", "null", "[]", "\"a\"", "{", "{}{}", "\u{feff}{}", "{}"] {
        let result = verify(text, usual_claims());
        assert_eq!(refusal(result), "proof_malformed", "{text}");
        assert_eq!(refusal(verify_claims(text)), "proof_malformed", "{text}");
    }
}

#[test]
fn the_header_says_that_it_is_a_proof() {
    let of_header = |changes| verify(with(header_of(&ES256), changes), usual_claims());
    for changes in [
        json!({"typ": "DPoP+JWT"}),
        json!({"kid": 7, "cty": [], "x5t": "a"}),
    ] {
        of_header(changes).unwrap();
    }
    for changes in [
        json!({"typ": null}),
        json!({"typ": ""}),
        json!({"typ": "JWT"}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "dpop"}),
        json!({"typ": "dpop+jwt "}),
        json!({"typ": "application/dpop+jwt"}),
        json!({"typ": ["dpop+jwt"]}),
        json!({"alg": null}),
        json!({"alg": ""}),
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "HS256"}),
        json!({"alg": "HS512"}),
        json!({"alg": "es256"}),
        json!({"alg": "ES384"}),
        json!({"alg": "ES512"}),
        json!({"alg": "ES256K"}),
        json!({"alg": "RS256"}),
        json!({"alg": "PS512"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "ML-DSA-44"}),
        json!({"alg": "RSA-OAEP"}),
        json!({"alg": ["ES256"]}),
        json!({"jwk": null}),
        json!({"jwk": "a"}),
        json!({"jwk": [jwk_of(&ES256)]}),
        json!({"jwk": {}}),
        json!({"crit": []}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": true}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
    ] {
        let result = of_header(changes.clone());
        assert_eq!(refusal(result), "proof_malformed", "{changes}");
    }
    for name in ["typ", "alg", "jwk", "crit", "b64"] {
        let mut null = header_of(&ES256);
        null[name] = Value::Null;
        let result = verify(null, usual_claims());
        assert_eq!(refusal(result), "proof_malformed", "{name}");
    }
}

#[test]
fn a_member_of_the_header_is_found_by_its_meaning() {
    for name in ["typ", "alg", "jwk"] {
        let header = header_of(&ES256);
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        for spelling in [name, &escaped] {
            let first = format!("{{\"{spelling}\":{},", header[name]);
            let twice = header.to_string().replacen('{', &first, 1);
            let result = verify(twice, usual_claims());
            assert_eq!(refusal(result), "proof_malformed", "{name}");
        }
    }
    let escaped = header_of(&ES256)
        .to_string()
        .replace("\"jwk\"", r#""j\u0077k""#)
        .replace("\"crv\":\"P-256\"", r#""c\u0072v":"P\u002d256""#)
        .replace("dpop+jwt", r"dpop\u002bjwt");
    assert_eq!(escaped.matches('\\').count(), 4);
    verify(escaped, usual_claims()).unwrap();
}

#[test]
fn the_longest_texts_take_linear_time() {
    // Quadratic work on these would take minutes.
    const LENGTH: usize = 300_000;
    let verifier = ProofVerifier::new(proof_algorithms(), usize::MAX);
    let thumbprint = thumbprint_of(&jwk_of(&ES256));
    let verify = |proof: &str| verifier.verify(proof.as_bytes(), &expected(&thumbprint));
    let signed = |header: &dyn ToString, claims: &dyn ToString| {
        verify(&sign(&ES256, header.to_string(), claims.to_string()))
    };
    for part in [".", "a", "a.", "="] {
        let text = part.repeat(LENGTH / part.len());
        assert_eq!(refusal(verify(&text)), "proof_malformed");
    }
    let header = header_of(&ES256);
    for part in [
        "[", "{\"a\":", "\"a\":1,", "\\u0061", "\"", " ", "1", "\"jwk\":", "é",
    ] {
        let long = part.repeat(LENGTH / part.len());
        let text = format!("{{{long}");
        assert_eq!(refusal(signed(&text, &"{}")), "proof_malformed", "{part}");
        assert_eq!(refusal(signed(&header, &text)), "proof_malformed", "{part}");
        // In each member that is read.
        for name in ["jti", "htm", "htu", "ath", "nonce"] {
            let result = signed(&header, &with(usual_claims(), json!({name: long})));
            assert_eq!(result.is_ok(), ["jti", "nonce"].contains(&name), "{name}");
        }
        for name in ["kty", "crv", "x", "y", "alg", "n", "z"] {
            let mut header = header.clone();
            header["jwk"][name] = long.as_str().into();
            let result = signed(&header, &usual_claims());
            assert_eq!(result.is_ok(), ["n", "z"].contains(&name), "{name}");
        }
    }
    for part in ["/..", "/a/..", "%2e/", "%41", "/"] {
        let htu = format!(
            "https://api.example.com/{}",
            part.repeat(LENGTH / part.len())
        );
        let result = signed(&header, &with(usual_claims(), json!({"htu": htu})));
        assert_eq!(refusal(result), "proof_other_request");
    }
}
