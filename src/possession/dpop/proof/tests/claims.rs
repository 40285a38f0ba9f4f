//! The claims of a proof.

use super::*;

#[test]
fn a_proof_for_the_request_is_valid() {
    let more = json!({"nonce": "n", "iss": "a", "aud": ["b"], "x": {"y": 1}});
    let valid = verify_claims(with(usual_claims(), more)).unwrap();
    assert_eq!(base64url(valid.key), thumbprint_of(&jwk_of(&ES256)));
    assert_eq!(valid.ends_at, NOW + WINDOW);
    assert_eq!(valid.nonce.as_deref(), Some("n"));
    assert_eq!(verify_claims(usual_claims()).unwrap().nonce, None);
}

#[test]
fn each_claim_is_required() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        let without = with(usual_claims(), json!({name: null}));
        assert_eq!(refusal(verify_claims(without)), "proof_malformed", "{name}");
        // A member that is present without a value.
        let mut null = usual_claims();
        null[name] = Value::Null;
        assert_eq!(refusal(verify_claims(null)), "proof_malformed", "{name}");
        for value in [json!(true), json!(["1"]), json!({}), json!("")] {
            let wrong = with(usual_claims(), json!({name: value}));
            let wanted = match (name, value == json!("")) {
                ("htm" | "htu", true) => "proof_other_request",
                ("ath", true) => "proof_other_token",
                _ => "proof_malformed",
            };
            assert_eq!(refusal(verify_claims(&wrong)), wanted, "{wrong}");
        }
        let number = with(usual_claims(), json!({name: 1.0e9}));
        let wanted = match name {
            "iat" => "proof_stale",
            _ => "proof_malformed",
        };
        assert_eq!(refusal(verify_claims(number)), wanted, "{name}");
        // Twice, even with the same value.
        let claims = usual_claims();
        let first = format!("{{\"{name}\":{},", claims[name]);
        let twice = claims.to_string().replacen('{', &first, 1);
        assert_eq!(refusal(verify_claims(twice)), "proof_malformed", "{name}");
    }
}

#[test]
fn optional_claims_have_their_type() {
    for changes in [
        json!({"nonce": 1}),
        json!({"nonce": ["n"]}),
        json!({"exp": "1800000000"}),
        json!({"exp": -1}),
        json!({"nbf": "0"}),
        json!({"nbf": []}),
    ] {
        let result = verify_claims(with(usual_claims(), changes.clone()));
        assert_eq!(refusal(result), "proof_malformed", "{changes}");
    }
    // `null` counts as absent.
    let mut claims = usual_claims();
    for name in ["nonce", "exp", "nbf"] {
        claims[name] = Value::Null;
    }
    assert_eq!(verify_claims(claims).unwrap().nonce, None);
}

#[test]
fn a_proof_is_for_one_request() {
    for (changes, wanted) in [
        (json!({"htm": "GET"}), "proof_other_request"),
        (json!({"htm": "post"}), "proof_other_request"),
        (json!({"htm": "POST "}), "proof_other_request"),
        (
            json!({"htu": "https://api.example.com/"}),
            "proof_other_request",
        ),
        (
            json!({"htu": "https://api.example.com/mcp/"}),
            "proof_other_request",
        ),
        (
            json!({"htu": "http://api.example.com/mcp"}),
            "proof_other_request",
        ),
        (
            json!({"htu": "https://evil.example/mcp"}),
            "proof_other_request",
        ),
        (json!({"htu": "/mcp"}), "proof_other_request"),
        (
            json!({"ath": sha256_text(b"another-token")}),
            "proof_other_token",
        ),
        (
            json!({"ath": format!("{}=", sha256_text(TOKEN.as_bytes()))}),
            "proof_other_token",
        ),
        (
            json!({"ath": sha256_text(TOKEN.as_bytes()).to_lowercase()}),
            "proof_other_token",
        ),
        // The first of several differences.
        (
            json!({"htm": "GET", "ath": "", "iat": 0}),
            "proof_other_request",
        ),
        (json!({"ath": "", "iat": 0}), "proof_other_token"),
        (json!({"jti": "", "htm": "GET"}), "proof_malformed"),
        (json!({"iat": "0", "htm": "GET"}), "proof_malformed"),
    ] {
        let result = verify_claims(with(usual_claims(), changes.clone()));
        assert_eq!(refusal(result), wanted, "{changes}");
    }
    for htu in [
        "HTTPS://API.example.com:443/%6dcp?a=b#c",
        "https://api.example.com/a/../mcp",
    ] {
        verify_claims(with(usual_claims(), json!({"htu": htu}))).unwrap();
    }
}

#[test]
fn a_proof_is_accepted_for_as_long_as_its_window() {
    const STALE: Result<f64, &str> = Err("proof_stale");
    const MALFORMED: Result<f64, &str> = Err("proof_malformed");
    let now = NOW.as_secs() as i64;
    let at = |offset: f64| json!(now as f64 + offset);
    for (changes, wanted) in [
        (json!({"iat": now - 59}), Ok(1.0)),
        (json!({"iat": at(-59.5)}), Ok(0.5)),
        (json!({"iat": now + 60}), Ok(120.0)),
        (json!({"iat": at(59.5)}), Ok(119.5)),
        (json!({"iat": now - 60}), STALE),
        (json!({"iat": at(-60.5)}), STALE),
        (json!({"iat": at(60.5)}), STALE),
        (json!({"iat": now + 61}), STALE),
        (json!({"iat": 0}), STALE),
        (json!({"iat": 1e-300}), STALE),
        (json!({"iat": 253_402_300_799_u64}), STALE),
        // No dates.
        (json!({"iat": -1}), MALFORMED),
        (json!({"iat": now * 1000}), MALFORMED),
        (json!({"iat": u64::MAX}), MALFORMED),
        (json!({"iat": 1e300}), MALFORMED),
        (json!({"exp": now + 10}), Ok(10.0)),
        (json!({"exp": now + 60}), Ok(60.0)),
        (json!({"exp": now + 3_600}), Ok(60.0)),
        (json!({"exp": at(0.5)}), Ok(0.5)),
        (json!({"exp": now}), STALE),
        (json!({"exp": now - 1}), STALE),
        (json!({"exp": 0}), STALE),
        (json!({"nbf": now}), Ok(60.0)),
        (json!({"nbf": 0}), Ok(60.0)),
        (json!({"nbf": now + 60}), Ok(60.0)),
        (json!({"nbf": at(60.5)}), STALE),
        (json!({"nbf": now + 61}), STALE),
    ] {
        let result = verify_claims(with(usual_claims(), changes.clone()));
        match wanted {
            Ok(seconds) => {
                let valid = result.unwrap_or_else(|error| panic!("{changes}: {error}"));
                let ends_at = NOW + Duration::from_secs_f64(seconds);
                assert_eq!(valid.ends_at, ends_at, "{changes}");
            }
            Err(wanted) => assert_eq!(refusal(result), wanted, "{changes}"),
        }
    }
    // A number that is too large for JSON readers.
    let claims = usual_claims().to_string().replace("1700000000", "1e400");
    assert_eq!(refusal(verify_claims(claims)), "proof_malformed");
}

#[test]
fn a_proof_is_refused_from_its_end_on() {
    let thumbprint = thumbprint_of(&jwk_of(&ES256));
    let proof = sign(&ES256, header_of(&ES256), usual_claims());
    let usual = expected(&thumbprint);
    let verify_at = |now| verifier().verify(proof.as_bytes(), &Expected { now, ..usual });
    let ends_at = verify_at(NOW).unwrap().ends_at;
    let just_before = verify_at(ends_at - Duration::from_nanos(1));
    assert_eq!(just_before.unwrap().ends_at, ends_at);
    assert_eq!(refusal(verify_at(ends_at)), "proof_stale");
    // Clocks at the ends of time.
    for now in [Duration::ZERO, Duration::MAX] {
        assert_eq!(refusal(verify_at(now)), "proof_stale");
    }
    let window = Duration::MAX;
    let forever = verifier().verify(proof.as_bytes(), &Expected { window, ..usual });
    assert_eq!(forever.unwrap().ends_at, Duration::MAX);
}

#[test]
fn the_id_is_of_key_url_and_jti() {
    let id = |changes| {
        let valid = verify_claims(with(usual_claims(), changes));
        valid.unwrap().id
    };
    let usual = id(json!({}));
    for same in [
        json!({"htu": "HTTPS://api.example.com:443/./mcp?x"}),
        json!({"iat": NOW.as_secs() + 1, "nonce": "n", "exp": NOW.as_secs() + 5}),
    ] {
        assert_eq!(id(same.clone()), usual, "{same}");
    }
    for jti in ["2", "1 ", "\u{0}", "é", "11"] {
        assert_ne!(id(json!({"jti": jti})), usual, "{jti:?}");
    }
    // An escape is another spelling of the same `jti`.
    let escaped = usual_claims()
        .to_string()
        .replace(r#""jti":"1""#, r#""jti":"\u0031""#);
    assert_eq!(verify_claims(escaped).unwrap().id, usual);

    let other = SigningKey::generate(Algorithm::ES256);
    let thumbprint = thumbprint_of(&jwk_of(&other));
    let proof = sign(&other, header_of(&other), usual_claims());
    let valid = verifier().verify(proof.as_bytes(), &expected(&thumbprint));
    assert_ne!(valid.unwrap().id, usual);

    // Where one part ends and the next begins.
    let of = |path, jti: &str| {
        let thumbprint = thumbprint_of(&jwk_of(&ES256));
        let claims = json!({"jti": jti, "htu": format!("https://api.example.com{path}")});
        let proof = sign(&ES256, header_of(&ES256), with(usual_claims(), claims));
        let mut expected = expected(&thumbprint);
        expected.target.path = path;
        let valid = verifier().verify(proof.as_bytes(), &expected);
        valid.unwrap().id
    };
    assert_ne!(of("/a", "bc"), of("/ab", "c"));
}
