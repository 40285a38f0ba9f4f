//! The kind of a token, by its header and by its claims.

use tower_bearer_auth::Algorithm;
use tower_bearer_auth::InvalidReason::{BoundToKey, Malformed, MissingClaim, WrongType};

use super::{check_claim, hs256_builder, jwt, refusal, signing_key, usual_verifier};

#[test]
fn tokens_of_other_kinds_are_refused() {
    let wrong = Some(WrongType);
    for claim in ["at_hash", "c_hash", "events"] {
        let table = [
            ("\"x\"", wrong),
            ("null", wrong),
            ("{}", wrong),
            ("false", wrong),
        ];
        check_claim(hs256_builder(), claim, &table);
    }
    let table = [
        (r#""access""#, None),
        (r#""\u0061ccess""#, None),
        (r#""id""#, wrong),
        (r#""refresh""#, wrong),
        (r#""ACCESS""#, wrong),
        (r#""""#, wrong),
        (r#"["access"]"#, wrong),
        ("null", None),
        ("7", wrong),
        ("true", wrong),
    ];
    check_claim(hs256_builder(), "token_use", &table);
    let table = [
        (r#""Bearer""#, None),
        (r#""JWT""#, None),
        (r#""""#, None),
        ("7", None),
        ("null", None),
        ("[]", None),
        (r#""ID""#, wrong),
        (r#""id""#, wrong),
        (r#""I\u0044""#, wrong),
        (r#""Refresh""#, wrong),
        (r#""Offline""#, wrong),
        (r#""Logout""#, wrong),
        (r#""LOGOUT""#, wrong),
    ];
    check_claim(hs256_builder(), "typ", &table);
}

#[test]
fn a_token_bound_to_a_key_is_no_bearer_token() {
    for json in [
        r#"{"jkt":"0ZcOCORZ"}"#,
        r#"{"x5t#S256":"bwcK"}"#,
        "{}",
        "null",
        "false",
        "\"\"",
    ] {
        check_claim(hs256_builder(), "cnf", &[(json, Some(BoundToKey))]);
        let unchecked = hs256_builder().accept_unchecked_confirmation();
        check_claim(unchecked, "cnf", &[(json, None)]);
    }
}

#[test]
fn the_header_says_what_kind_of_token_it_is() {
    let only = hs256_builder().token_types(["at+jwt", "application/x+jwt"]);
    let only = only.build().unwrap();
    let wrong = Some(WrongType);
    let table = [
        ("", None, wrong),
        (r#","typ":"JWT""#, None, wrong),
        (r#","typ":"jwt""#, None, wrong),
        (r#","typ":"application/jwt""#, None, wrong),
        (r#","typ":"at+jwt""#, None, None),
        (r#","typ":"AT+JWT""#, None, None),
        (r#","typ":"application/at+jwt""#, None, None),
        (r#","typ":"Application/At+Jwt""#, None, None),
        (r#","typ":"at\u002bjwt""#, None, None),
        (r#","typ":"x+jwt""#, wrong, None),
        (r#","typ":"dpop+jwt""#, wrong, wrong),
        (r#","typ":"logout+jwt""#, wrong, wrong),
        (r#","typ":"secevent+jwt""#, wrong, wrong),
        (r#","typ":"id_token+jwt""#, wrong, wrong),
        (r#","typ":"JOSE""#, wrong, wrong),
        (r#","typ":"at+jwt ""#, wrong, wrong),
        (r#","typ":"text/at+jwt""#, wrong, wrong),
        (r#","typ":"application/application/at+jwt""#, wrong, wrong),
        (r#","typ":"""#, wrong, wrong),
        (r#","typ":null"#, None, wrong),
        (r#","typ":["at+jwt"]"#, Some(Malformed), Some(Malformed)),
        (
            r#","typ":"JWT","typ":"at+jwt""#,
            Some(Malformed),
            Some(Malformed),
        ),
    ];
    for (member, by_usual, by_only) in table {
        let header = format!(r#"{{"alg":"HS256"{member}}}"#);
        let token = jwt(signing_key(Algorithm::HS256))
            .raw_header(header)
            .build();
        assert_eq!(refusal(&usual_verifier(), &token), by_usual, "{member}");
        assert_eq!(refusal(&only, &token), by_only, "{member}");
    }
}

#[test]
fn the_profile_for_access_tokens_requires_a_type_and_seven_claims() {
    let verifier = hs256_builder().rfc9068().build().unwrap();
    let token = jwt(signing_key(Algorithm::HS256))
        .client_id("cli")
        .jwt_id("id-1");
    let typed = token.clone().token_type("at+jwt");
    assert_eq!(refusal(&verifier, &typed.clone().build()), None);
    let long = token.clone().token_type("application/at+jwt").build();
    assert_eq!(refusal(&verifier, &long), None);
    for token in [token.clone(), token.without_header("typ")] {
        assert_eq!(refusal(&verifier, &token.build()), Some(WrongType));
    }
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let lacking = typed.clone().without_claim(claim).build();
        assert_eq!(refusal(&verifier, &lacking), Some(MissingClaim), "{claim}");
        // `azp` does not stand in for a `client_id`.
        let other = typed
            .clone()
            .without_claim(claim)
            .claim("azp", "cli")
            .build();
        assert_eq!(refusal(&verifier, &other), Some(MissingClaim), "{claim}");
    }
}
