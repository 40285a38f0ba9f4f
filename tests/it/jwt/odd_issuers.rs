//! Settings that accept valid tokens of an unusual shape.

use tower_bearer_auth::InvalidReason::{
    InvalidClaim, Malformed, MissingClaim, WrongIssuer, WrongType,
};
use tower_bearer_auth::{Algorithm, VerifierExt};

use super::config::assert_problems;
use super::{
    check_claim, hs256_builder, jwt, refusal, signing_key, token_of, token_with, token_with_header,
    usual_claims, usual_verifier, verify,
};
use tower::ServiceExt as _;

#[test]
fn a_subject_may_be_an_integer_of_up_to_twenty_digits_and_keeps_its_spelling() {
    let verifier = hs256_builder().accept_numeric_subject().build().unwrap();
    for digits in [
        "0",
        "7",
        "12345",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
    ] {
        assert_eq!(digits.len().max(1), digits.len());
        for (start, end) in [("", ""), (" ", " "), ("\n\t", "\r\n")] {
            let json = format!("{start}{digits}{end}");
            let token = token_with("sub", &json);
            assert_eq!(
                refusal(&usual_verifier(), &token),
                Some(Malformed),
                "{json}"
            );
            let token = verify(&verifier, &token).unwrap();
            assert_eq!(token.subject(), Some(digits));
            assert!(token.principal().is_some());
        }
    }
    for json in [
        "100000000000000000000",
        "-1",
        "-0",
        "1.0",
        "1e3",
        "1E3",
        "12345678901234567890.5",
        "01",
        "+1",
        "0x10",
        "1_000",
        "true",
        "[1]",
        "{}",
        r#"{"$serde_json::private::Number":"1"}"#,
        "NaN",
    ] {
        let token = token_with("sub", json);
        assert_eq!(refusal(&verifier, &token), Some(Malformed), "{json}");
    }
    // String subjects and missing subjects behave as before, and only a top-level `sub` is the subject.
    check_claim(
        hs256_builder().accept_numeric_subject(),
        "sub",
        &[("\"alice\"", None), ("null", None), ("\"\"", None)],
    );
    let misleading = usual_claims(
        "sub",
        &[
            ("x", r#"{"sub":1,"y":"\"sub\":2,"}"#),
            ("\\u0073ub", "3"),
            ("z", r#"["sub",4]"#),
        ],
    );
    let token = verify(&verifier, &token_of(misleading)).unwrap();
    assert_eq!(token.subject(), Some("3"));
    let twice = usual_claims("sub", &[("sub", "1"), ("sub", "\"a\"")]);
    assert_eq!(refusal(&verifier, &token_of(twice)), Some(Malformed));
}

#[test]
fn a_subject_that_is_a_number_can_be_required_and_looked_up() {
    let builder = hs256_builder().accept_numeric_subject();
    let required = builder.clone().required_claims(["sub"]);
    let table = [("7", None), ("null", Some(MissingClaim))];
    check_claim(required, "sub", &table);
    let known = builder.clone().claim_in("sub", ["7", "a"]);
    let table = [
        ("7", None),
        ("\"a\"", None),
        ("\"7\"", None),
        ("8", Some(InvalidClaim)),
        ("null", Some(MissingClaim)),
    ];
    check_claim(known, "sub", &table);
    let client = builder.client_id_claims(["sub"]).build().unwrap();
    let token = verify(&client, &token_with("sub", "12")).unwrap();
    assert_eq!(token.client_id(), Some("12"));
}

#[tokio::test]
async fn another_issuers_token_with_a_numeric_subject_goes_to_the_next_verifier() {
    let foreign = usual_claims("iss", &[("iss", "\"https://django.test\"")]);
    let foreign = token_of(foreign.replace("\"alice\"", "12345"));
    assert_eq!(refusal(&usual_verifier(), &foreign), Some(WrongIssuer));
    let second = super::JwtVerifier::builder()
        .key(signing_key(Algorithm::HS256).verifying_key())
        .issuer("https://django.test")
        .audience(super::AUDIENCE)
        .clock(super::Clock::manual(super::at(super::NOW)))
        .accept_numeric_subject()
        .build()
        .unwrap();
    let token = usual_verifier()
        .or_else(second)
        .oneshot(foreign.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(token.subject(), Some("12345"));
}

#[test]
fn hashes_of_an_id_token_may_be_accepted_and_other_marks_may_not() {
    let wrong = Some(WrongType);
    for claim in ["at_hash", "c_hash"] {
        for json in ["\"MTIzNDU2Nzg5MDEyMzQ1Ng\"", "null", "7"] {
            check_claim(hs256_builder(), claim, &[(json, wrong)]);
            let accepting = hs256_builder().accept_hash_claims();
            check_claim(accepting, claim, &[(json, None)]);
        }
    }
    for (claim, json) in [
        ("events", "{}"),
        ("events", "null"),
        ("token_use", "\"id\""),
        ("typ", "\"ID\""),
    ] {
        let accepting = hs256_builder().accept_hash_claims();
        check_claim(accepting, claim, &[(json, wrong)]);
    }
}

#[test]
fn a_payload_that_declares_another_token_type_is_refused_for_every_claim_that_declares_it() {
    for claim in ["token_type", "typ", "type"] {
        for kind in [
            "refresh",
            "Refresh",
            "REFRESH",
            "refresh_token",
            "refresh-token",
            "RefreshToken",
            "refresh+jwt",
            "id",
            "ID",
            "id_token",
            "logout",
            "Logout",
            "logout_token",
            "logout+jwt",
            "application/logout+jwt",
            "offline",
            "Offline",
        ] {
            let json = format!("\"{kind}\"");
            check_claim(hs256_builder(), claim, &[(&json, Some(WrongType))]);
        }
        for kind in [
            "Bearer",
            "bearer",
            "access",
            "ACCESS",
            "access_token",
            "AccessToken",
            "at+jwt",
            "application/at+jwt",
            "JWT",
            "",
            "user",
            "service",
            "sliding",
            "identity",
            "idea",
            "refreshment",
            "offline_access_user",
            "i\u{e9}",
        ] {
            let json = format!("\"{kind}\"");
            check_claim(hs256_builder(), claim, &[(&json, None)]);
        }
        for other in [
            "7",
            "null",
            "[]",
            r#"["refresh"]"#,
            r#"{"refresh":1}"#,
            "true",
        ] {
            check_claim(hs256_builder(), claim, &[(other, None)]);
        }
    }
}

#[test]
fn an_issuer_specific_token_type_extends_the_defaults() {
    let verifier = hs256_builder()
        .also_token_types(["vnd.example+jwt"])
        .also_token_types(["application/other"])
        .build()
        .unwrap();
    let wrong = Some(WrongType);
    for (member, by_usual, by_more) in [
        ("", None, None),
        (r#","typ":null"#, None, None),
        (r#","typ":"JWT""#, None, None),
        (r#","typ":"at+jwt""#, None, None),
        (r#","typ":"vnd.example+jwt""#, wrong, None),
        (r#","typ":"application/VND.example+jwt""#, wrong, None),
        (r#","typ":"other""#, wrong, None),
        (r#","typ":"logout+jwt""#, wrong, wrong),
        (r#","typ":"""#, wrong, wrong),
    ] {
        let token = token_with_header(format!(r#"{{"alg":"HS256"{member}}}"#));
        assert_eq!(refusal(&usual_verifier(), &token), by_usual, "{member}");
        assert_eq!(refusal(&verifier, &token), by_more, "{member}");
    }
}

#[test]
fn scopes_are_separated_by_the_characters_that_are_configured() {
    let comma_and_space = hs256_builder().scope_delimiters([' ', ',']);
    let pipe = hs256_builder().scope_delimiters(['|']);
    let prefixed = comma_and_space.clone().scope_prefix("api/");
    let dash = hs256_builder().scope_delimiters(['\u{2013}', '+']);
    for (builder, json, wanted) in [
        (hs256_builder(), r#""read,write""#, "read,write"),
        (comma_and_space.clone(), r#""read,write""#, "read write"),
        (
            comma_and_space.clone(),
            r#""read, write , x""#,
            "read write x",
        ),
        (comma_and_space.clone(), r#""read write""#, "read write"),
        (comma_and_space.clone(), r#"",, ,""#, ""),
        (comma_and_space.clone(), r#""read,read""#, "read"),
        // An item of a list is one scope.
        (
            comma_and_space.clone(),
            r#"["read,write","x"]"#,
            "read,write x",
        ),
        (comma_and_space.clone(), r#"["read write","x"]"#, "x"),
        (pipe.clone(), r#""read|write""#, "read write"),
        // A space is not a delimiter here. It becomes part of the name, which is then not a valid scope.
        (pipe, r#""read write|x""#, "x"),
        (
            prefixed,
            r#""read,api/write""#,
            "read api/read api/write write",
        ),
        (dash, r#""a–b+c""#, "a b c"),
    ] {
        let verifier = builder.build().unwrap();
        let token = verify(&verifier, &token_with("scope", json)).unwrap();
        assert_eq!(token.scopes().to_string(), wanted, "{json}");
    }
    let other_claim = comma_and_space.scope_claims(["/realm/roles"]);
    let token = token_with("realm", r#"{"roles":"a,b"}"#);
    let token = verify(&other_claim.build().unwrap(), &token).unwrap();
    assert_eq!(token.scopes().to_string(), "a b");
}

#[test]
fn scopes_can_be_merged_from_all_scope_claims() {
    let merged = hs256_builder()
        .scope_claims(["scp", "/realm/roles", "groups"])
        .merge_scope_claims();
    for (builder, members, wanted) in [
        (merged.clone(), vec![], ""),
        (merged.clone(), vec![("groups", r#"["a"]"#)], "a"),
        (
            merged.clone(),
            vec![
                ("groups", r#"["x","b"]"#),
                ("realm", r#"{"roles":["a","b"]}"#),
                ("scp", r#""read a""#),
                ("scope", r#""no""#),
            ],
            "read a b x",
        ),
        (
            merged.clone(),
            vec![("scp", "null"), ("groups", r#""a""#)],
            "a",
        ),
        (
            merged.clone().scope_prefix("p/"),
            vec![("scp", r#""a""#), ("groups", r#"["p/b"]"#)],
            "a p/a p/b b",
        ),
        (
            hs256_builder().merge_scope_claims(),
            vec![("scp", r#"["b","a"]"#), ("scope", r#""a c""#)],
            "a c b",
        ),
        (
            hs256_builder(),
            vec![("scp", r#"["b","a"]"#), ("scope", r#""a c""#)],
            "a c",
        ),
    ] {
        let token = token_of(usual_claims("", &members));
        let token = verify(&builder.build().unwrap(), &token).unwrap();
        assert_eq!(token.scopes().to_string(), wanted, "{members:?}");
    }
    // A value of another type in any of these claims refuses the token.
    let odd = token_of(usual_claims("", &[("scp", "\"a\""), ("groups", "7")]));
    assert_eq!(refusal(&merged.build().unwrap(), &odd), Some(InvalidClaim));
}

#[test]
fn a_refresh_token_of_django_or_flask_is_refused() {
    let key = signing_key(Algorithm::HS256);
    for (name, value) in [("token_type", "refresh"), ("type", "refresh")] {
        let refresh = jwt(key).claim(name, value).build();
        assert_eq!(refusal(&usual_verifier(), &refresh), Some(WrongType));
        let access = jwt(key).claim(name, "access").build();
        assert_eq!(refusal(&usual_verifier(), &access), None);
    }
}

#[test]
fn scope_delimiters_must_not_be_valid_scope_characters() {
    let delimiters = |delimiters: &[char]| {
        let delimiters = delimiters.to_vec();
        hs256_builder().scope_delimiters(delimiters)
    };
    assert_problems(delimiters(&[]), &["scope_delimiters(..) names nothing"]);
    for bad in ['a', 'Z', '0', 'é', '\t', '\n', '\0', '\u{7f}'] {
        let problem = format!("{bad:?} cannot separate scopes");
        assert_problems(delimiters(&[' ', bad]), &[&problem]);
    }
    for good in [' ', ',', ';', '|', ':', '/', '+', '\u{2028}'] {
        assert_problems(delimiters(&[good]), &[]);
    }
    // Several calls add up.
    let added = delimiters(&['a']).scope_delimiters([',']);
    assert_problems(added, &["'a' cannot separate scopes"]);
}

#[test]
fn additional_token_types_require_the_default_token_types() {
    let replaced = "also_token_types(..) adds to the default, which token_types(..) or rfc9068() \
                    replaces";
    let more = hs256_builder().also_token_types(["x+jwt"]);
    assert_problems(more.clone(), &[]);
    assert_problems(more.clone().token_types(["JWT"]), &[replaced]);
    assert_problems(more.clone().rfc9068(), &[replaced]);
    let none = [""; 0];
    let empty = "also_token_types(..) has an empty value";
    assert_problems(more.clone().also_token_types([""]), &[empty]);
    assert_problems(
        hs256_builder().also_token_types(none),
        &["also_token_types(..) names nothing"],
    );
    let no_type = "\"application/\" is no token type";
    assert_problems(more.also_token_types(["application/"]), &[no_type]);
}
