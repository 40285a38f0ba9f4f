//! The log event of a refused token names the member and the rule, and contains nothing from the token.

use serde_json::Value;
use tower_bearer_auth::Algorithm;
use tower_bearer_auth::telemetry::{CLAIMS, VERIFICATION};
use tower_bearer_auth::testing::SigningKey;
use tracing::Level;

use super::{
    ISSUER, base64url, hs256_builder, jwt, signing_key, token_of, token_with, token_with_header,
    usual_claims, usual_verifier, verify,
};
use crate::support::Logs;
use crate::telemetry::recorded::{Fields, Recorded};

/// The only event of a target, which must be at `debug`.
#[track_caller]
fn only_event(recorded: &Recorded, target: &str) -> Fields {
    let events = recorded.events(target);
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0].level, Level::DEBUG);
    events[0].fields.clone()
}

#[test]
fn a_malformed_token_is_logged_with_the_member_and_the_rule() {
    let many: Vec<_> = (0..300).map(|n| (format!("secret{n}"), "1")).collect();
    let many: Vec<_> = many.iter().map(|(name, json)| (&**name, *json)).collect();
    let deep = "[".repeat(40) + &"]".repeat(40);
    let good = token_with("x", "1");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let sign = |header: &str, payload: &str| {
        let input = format!("{header}.{payload}");
        let signature = signing_key(Algorithm::HS256).sign(input.as_bytes());
        format!("{input}.{}", base64url(signature))
    };
    let twice = |name| token_of(usual_claims(name, &[(name, "\"secret\""); 2]));
    const SURROGATE: &str = "a string has a lone surrogate in it";
    const DATE: &str = "it is not a number of seconds since 1970";
    const ENCODING: &str = "it is not UTF-8 in base64url without padding";
    let table = [
        (
            token_with("exp", "\"1800003600\""),
            "payload",
            Some("exp"),
            DATE,
        ),
        (token_with("nbf", "true"), "payload", Some("nbf"), DATE),
        (
            token_with("iat", "\"secret\""),
            "payload",
            Some("iat"),
            DATE,
        ),
        (
            token_with("exp", "1800003600000"),
            "payload",
            Some("exp"),
            "a date is out of range",
        ),
        (
            token_with("sub", r#""\ud800""#),
            "payload",
            Some("sub"),
            SURROGATE,
        ),
        (
            token_with("secret", r#""\ud800""#),
            "payload",
            None,
            SURROGATE,
        ),
        (
            token_with("secret", "1e400"),
            "payload",
            None,
            "a number is out of range",
        ),
        (twice("secret"), "payload", None, "a member occurs twice"),
        (
            twice("jti"),
            "payload",
            Some("jti"),
            "a member occurs twice",
        ),
        (
            token_of(usual_claims("", &many)),
            "payload",
            None,
            "there are too many members",
        ),
        (
            token_with("secret", &deep),
            "payload",
            None,
            "objects and arrays are nested too deep",
        ),
        (
            token_with("cnf", &deep),
            "payload",
            Some("cnf"),
            "objects and arrays are nested too deep",
        ),
        (
            token_with("$serde_json::private::secret", "1"),
            "payload",
            None,
            "a member has a name that serde_json reserves",
        ),
        (
            token_with("sub", "12345"),
            "payload",
            Some("sub"),
            "it is a number and not a string",
        ),
        (
            token_with("client_id", r#"["secret"]"#),
            "payload",
            Some("client_id"),
            "it is not a string",
        ),
        (
            token_with("aud", r#"{"secret":1}"#),
            "payload",
            Some("aud"),
            "it is neither a string nor an array of strings",
        ),
        (token_of("secret"), "payload", None, "it is not JSON"),
        (
            token_of("[\"secret\"]"),
            "payload",
            None,
            "it is not a JSON object",
        ),
        (
            token_of(usual_claims("", &[]) + "{}"),
            "payload",
            None,
            "text follows the JSON object",
        ),
        (token_of(b"\xffsecret"), "payload", None, ENCODING),
        (
            sign(header, &format!("{payload}~")),
            "payload",
            None,
            ENCODING,
        ),
        (
            sign(&format!("{header}~"), payload),
            "header",
            None,
            ENCODING,
        ),
        (
            format!("{signed}.{signature}="),
            "signature",
            None,
            "it is not base64url without padding, or too long",
        ),
        (
            format!("{signed}.{}", "A".repeat(2000)),
            "signature",
            None,
            "it is not base64url without padding, or too long",
        ),
        (
            "secret".to_owned(),
            "token",
            None,
            "it does not have three segments with dots between them",
        ),
        (
            token_with_header(r#"{"alg":"HS256","kid":7}"#),
            "header",
            Some("kid"),
            "it is not a string",
        ),
        (
            token_with_header(r#"{"alg":["secret"]}"#),
            "header",
            Some("alg"),
            "it is not a string",
        ),
        (
            token_with_header(r#"{"secret":"HS256"}"#),
            "header",
            Some("alg"),
            "it is missing",
        ),
        (
            token_with_header(r#"{"alg":"HS256","crit":["secret"]}"#),
            "header",
            Some("crit"),
            "no token may have this header member",
        ),
        (
            token_with_header(r#"{"alg":"HS256","secret":1,"secret":2}"#),
            "header",
            None,
            "a member occurs twice",
        ),
    ];
    let verifier = usual_verifier();
    for (token, part, member, rule) in table {
        let recorded = Recorded::start();
        let reason = verify(&verifier, &token).unwrap_err();
        assert_eq!(reason.as_str(), "malformed");
        let mut wanted = Fields::from([
            ("message", "the token is malformed".to_owned()),
            ("part", part.to_owned()),
            ("rule", rule.to_owned()),
        ]);
        wanted.extend(member.map(|member| ("member", member.to_owned())));
        assert_eq!(only_event(&recorded, VERIFICATION), wanted);
    }
}

#[test]
fn a_subject_with_too_many_digits_is_logged_as_such() {
    let recorded = Recorded::start();
    let verifier = hs256_builder().accept_numeric_subject().build().unwrap();
    verify(&verifier, &token_with("sub", "123456789012345678901")).unwrap_err();
    let event = only_event(&recorded, VERIFICATION);
    assert_eq!(event["member"], "sub");
    assert_eq!(
        event["rule"],
        "it is neither a string nor an integer of at most 20 digits"
    );
}

#[test]
fn the_expected_value_is_logged_and_the_value_in_the_token_is_not() {
    let verifier = hs256_builder()
        .issuer("https://second.example.com")
        .also_token_types(["x+jwt"])
        .claim_in("tenant", ["blue"])
        .build()
        .unwrap();
    let issuers = r#"["https://issuer.example.com", "https://second.example.com"]"#;
    let key = signing_key(Algorithm::HS256);
    let table = [
        (
            jwt(key).issuer("https://secret.test"),
            CLAIMS,
            ("message", "the token names another issuer"),
            ("expected", issuers),
        ),
        // Also for a token whose signature is checked first and fails.
        (
            jwt(&SigningKey::generate(Algorithm::HS256)).issuer("https://secret.test"),
            CLAIMS,
            ("message", "the token names another issuer"),
            ("expected", issuers),
        ),
        (
            jwt(key).without_claim("iss"),
            CLAIMS,
            ("message", "a required claim is missing"),
            ("claim", "iss"),
        ),
        (
            jwt(key).claim("aud", "https://secret.test"),
            CLAIMS,
            ("message", "the token is meant for another audience"),
            ("expected", r#"["https://api.example.com"]"#),
        ),
        (
            jwt(key).without_claim("aud"),
            CLAIMS,
            ("message", "a required claim is missing"),
            ("claim", "aud"),
        ),
        (
            jwt(key).claim("exp", Value::Null),
            CLAIMS,
            ("message", "a required claim is missing"),
            ("claim", "exp"),
        ),
        (
            jwt(key).claim("token_type", "refresh"),
            CLAIMS,
            ("message", "a claim marks a token of another kind"),
            ("claim", "token_type"),
        ),
        (
            jwt(key).claim("at_hash", "secret"),
            CLAIMS,
            ("message", "a claim marks a token of another kind"),
            ("claim", "at_hash"),
        ),
        (
            jwt(key),
            CLAIMS,
            ("message", "a required claim is missing"),
            ("claim", "tenant"),
        ),
        (
            jwt(key).claim("tenant", "secret"),
            CLAIMS,
            ("message", "a claim has none of the accepted values"),
            ("claim", "tenant"),
        ),
        (
            jwt(key).claim("tenant", 7),
            CLAIMS,
            ("message", "a claim has another type, or occurs twice"),
            ("claim", "tenant"),
        ),
        (
            jwt(key).token_type("secret+jwt"),
            VERIFICATION,
            ("message", "the header names another type of token"),
            ("expected", "JWT, at+jwt, x+jwt, none"),
        ),
    ];
    for (token, target, message, field) in table {
        let recorded = Recorded::start();
        verify(&verifier, &token.build()).unwrap_err();
        let wanted = Fields::from([message, field].map(|(name, it)| (name, it.to_owned())));
        assert_eq!(only_event(&recorded, target), wanted);
    }
}

#[test]
fn invalid_scopes_are_counted_in_the_log() {
    let prefixed = hs256_builder().scope_prefix("api/");
    let merged = hs256_builder()
        .scope_claims(["scope", "roles"])
        .merge_scope_claims();
    for (builder, members, wanted) in [
        (hs256_builder(), vec![("scope", r#""read write""#)], None),
        (hs256_builder(), vec![("scope", r#"" read  ""#)], None),
        (hs256_builder(), vec![("scope", r#"["read",""]"#)], None),
        (
            hs256_builder(),
            vec![("scope", r#"["Super Admin","read","sécret"]"#)],
            Some("2"),
        ),
        (hs256_builder(), vec![("scope", r#""a\"b c""#)], Some("1")),
        (
            prefixed,
            vec![("scope", r#"["Super Admin","read"]"#)],
            Some("1"),
        ),
        (
            merged,
            vec![("scope", r#"["a b"]"#), ("roles", r#"["c d","é"]"#)],
            Some("3"),
        ),
    ] {
        let recorded = Recorded::start();
        let token = token_of(usual_claims("", &members));
        verify(&builder.build().unwrap(), &token).unwrap();
        let events = recorded.events(CLAIMS);
        let left_out = events.first().map(|event| &*event.fields["left_out"]);
        assert_eq!(left_out, wanted, "{members:?}");
        assert!(events.len() <= 1);
        assert!(events.iter().all(|event| event.level == Level::DEBUG));
    }
}

#[test]
fn no_log_line_contains_a_token() {
    let logs = Logs::capture();
    let verifier = hs256_builder()
        .required_claims(["tenant"])
        .scope_claims(["/realm/roles"])
        .build()
        .unwrap();
    for (name, json) in [
        ("sub", "7777777"),
        ("exp", "\"s3cret\""),
        ("s3cret", "1e400"),
        ("s3cret", r#""\ud800 s3cret""#),
        ("iss", "\"https://s3cret.test\""),
        ("aud", "\"s3cret\""),
        ("jti", r#"{"s3cret":1}"#),
        ("jti", r#"["a string at line 1 s3cret, expected s3cret"]"#),
        ("typ", "\"refresh\""),
        ("tenant", "\"s3cret\""),
    ] {
        let token = token_with(name, json);
        let _ = verify(&verifier, &token);
        let typed = format!(r#"{{"alg":"HS256","typ":"s3cret","{name}":{json}}}"#);
        let _ = verify(&verifier, &token_with_header(typed));
        for text in [&*token, "s3cret", "7777777"] {
            assert!(!logs.text().contains(text), "{}", logs.text());
        }
    }
    assert!(logs.text().contains(ISSUER));
}
