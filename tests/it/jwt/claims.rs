//! Which claims make a token acceptable.

use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use tower_bearer_auth::InvalidReason::{
    BadSignature, InvalidClaim, Malformed, MissingClaim, WrongAudience, WrongIssuer,
};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, Clock, JwtVerifier, RequireScopesLayer};

use super::{
    AUDIENCE, ISSUER, NOW, at, check_claim, hs256_builder, jwt, refusal, signing_key, token_of,
    token_with, token_without, usual_claims, usual_verifier, verify,
};
use crate::support::{get_with, serve};

#[test]
fn the_issuer_is_the_same_to_the_byte() {
    let table = [
        (r#""https://issuer.example.com""#, None),
        (r#""https:\/\/issuer.example.com""#, None),
        (r#""\u0068ttps://issuer.example\u002ecom""#, None),
        (r#""https://issuer.example.com/""#, Some(WrongIssuer)),
        (r#""https://issuer.example.co""#, Some(WrongIssuer)),
        (
            r#""https://issuer.example.com.evil.example""#,
            Some(WrongIssuer),
        ),
        (r#""https://issuer.example.com/tenant""#, Some(WrongIssuer)),
        (r#""https://issuer.example.com:443""#, Some(WrongIssuer)),
        (r#""https://user@issuer.example.com""#, Some(WrongIssuer)),
        (r#""https://Issuer.example.com""#, Some(WrongIssuer)),
        (r#""HTTPS://issuer.example.com""#, Some(WrongIssuer)),
        (r#""http://issuer.example.com""#, Some(WrongIssuer)),
        (r#""issuer.example.com""#, Some(WrongIssuer)),
        (r#"" https://issuer.example.com""#, Some(WrongIssuer)),
        (r#""https://issuer.example.com ""#, Some(WrongIssuer)),
        (r#""https://issuer.example.com\u0000""#, Some(WrongIssuer)),
        (r#""https://\u0456ssuer.example.com""#, Some(WrongIssuer)),
        (r#""""#, Some(WrongIssuer)),
        (r#"["https://issuer.example.com"]"#, Some(Malformed)),
        (r#"{"https://issuer.example.com":1}"#, Some(Malformed)),
        ("[]", Some(Malformed)),
        ("null", Some(MissingClaim)),
        ("7", Some(Malformed)),
        ("true", Some(Malformed)),
    ];
    check_claim(hs256_builder(), "iss", &table);
    assert_eq!(
        refusal(&usual_verifier(), &token_without("iss")),
        Some(MissingClaim)
    );

    let two = hs256_builder().issuers(["https://b.example.com", "c"]);
    let table = [
        (r#""https://issuer.example.com""#, None),
        (r#""https://b.example.com""#, None),
        (r#""c""#, None),
        (r#""https://b.example.com c""#, Some(WrongIssuer)),
        (r#""https://b.example.com,c""#, Some(WrongIssuer)),
        (r#"["c"]"#, Some(Malformed)),
    ];
    check_claim(two, "iss", &table);
}

#[test]
fn the_audience_is_one_of_the_named_to_the_byte() {
    let table = [
        (r#""https://api.example.com""#, None),
        (r#""https:\/\/api.example.com""#, None),
        (r#"["https://api.example.com"]"#, None),
        (r#"["other","https://api.example.com"]"#, None),
        (r#"["other",""]"#, Some(WrongAudience)),
        ("[]", Some(WrongAudience)),
        (r#""""#, Some(WrongAudience)),
        (r#""https://api.example.com/""#, Some(WrongAudience)),
        (r#""https://api.example.co""#, Some(WrongAudience)),
        (r#""https://api.example.com/mcp""#, Some(WrongAudience)),
        (r#""https://API.example.com""#, Some(WrongAudience)),
        (r#""https://api.example.com other""#, Some(WrongAudience)),
        (r#""*""#, Some(WrongAudience)),
        (r#"["https://api.example.com",7]"#, Some(Malformed)),
        (r#"["https://api.example.com",null]"#, Some(Malformed)),
        (r#"[["https://api.example.com"]]"#, Some(Malformed)),
        (r#"{"https://api.example.com":true}"#, Some(Malformed)),
        ("null", Some(MissingClaim)),
        ("7", Some(Malformed)),
        ("true", Some(Malformed)),
    ];
    check_claim(hs256_builder(), "aud", &table);
    assert_eq!(
        refusal(&usual_verifier(), &token_without("aud")),
        Some(MissingClaim)
    );

    let two = hs256_builder().audiences(["b"]);
    let table = [
        (r#""b""#, None),
        (r#"["a","b"]"#, None),
        (r#""https://api.example.com""#, None),
        (r#""a""#, Some(WrongAudience)),
        (r#"["a b"]"#, Some(WrongAudience)),
    ];
    check_claim(two, "aud", &table);
}

#[test]
fn an_unchecked_issuer_and_audience_must_still_have_their_types() {
    let any = JwtVerifier::builder()
        .key(signing_key(Algorithm::HS256).verifying_key())
        .accept_any_issuer()
        .accept_any_audience()
        .clock(Clock::manual(at(NOW)));
    let verifier = any.clone().build().unwrap();
    for claim in ["iss", "aud"] {
        assert_eq!(refusal(&verifier, &token_without(claim)), None, "{claim}");
        let table = [("\"x\"", None), ("null", None), ("7", Some(Malformed))];
        check_claim(any.clone(), claim, &table);
    }
}

#[test]
fn a_required_claim_must_be_present_and_not_empty() {
    let table = [
        ("tenant", r#""tenant":"blue""#, None),
        ("tenant", r#""tenant":"""#, None),
        ("tenant", r#""tenant":0"#, None),
        ("tenant", r#""tenant":false"#, None),
        ("tenant", r#""tenant":[]"#, None),
        ("tenant", r#""t\u0065nant":{}"#, None),
        ("tenant", r#""tenant":null"#, Some(MissingClaim)),
        ("tenant", r#""Tenant":"blue""#, Some(MissingClaim)),
        ("tenant", r#""x":{"tenant":"blue"}"#, Some(MissingClaim)),
        ("tenant", r#""tenant":1,"tenant":2"#, Some(Malformed)),
        ("https://x/roles", r#""https://x/roles":[]"#, None),
        (
            "https://x/roles",
            r#""https://x":{"roles":[]}"#,
            Some(MissingClaim),
        ),
        (
            "/realm_access/roles",
            r#""realm_access":{"roles":[]}"#,
            None,
        ),
        (
            "/realm_access/roles",
            r#""realm_access":{"roles":null}"#,
            Some(MissingClaim),
        ),
        (
            "/realm_access/roles",
            r#""realm_access":{}"#,
            Some(MissingClaim),
        ),
        (
            "/realm_access/roles",
            r#""realm_access":null"#,
            Some(MissingClaim),
        ),
        (
            "/realm_access/roles",
            r#""realm_access":"roles""#,
            Some(MissingClaim),
        ),
        (
            "/realm_access/roles",
            r#""/realm_access/roles":[]"#,
            Some(MissingClaim),
        ),
        ("/groups/1", r#""groups":["a","b"]"#, None),
        ("/groups/1", r#""groups":["a"]"#, Some(MissingClaim)),
        ("/a~1b/c~0d", r#""a/b":{"c~d":1}"#, None),
        ("nbf", r#""nbf":1"#, None),
        ("nbf", r#""x":1"#, Some(MissingClaim)),
        ("jti", r#""jti":"""#, None),
        ("jti", r#""x":1"#, Some(MissingClaim)),
    ];
    for (name, member, wanted) in table {
        let verifier = hs256_builder().required_claims([name]).build().unwrap();
        let usual = usual_claims("", &[]);
        let token = token_of(format!("{},{member}}}", usual.trim_end_matches('}')));
        assert_eq!(refusal(&verifier, &token), wanted, "{name} in {member}");
    }
}

#[test]
fn a_claim_may_have_to_have_one_of_some_values() {
    let builder = hs256_builder().claim_in("tenant", ["blue", "red"]);
    let table = [
        (r#""blue""#, None),
        (r#""r\u0065d""#, None),
        (r#"["green","red"]"#, None),
        (r#""green""#, Some(InvalidClaim)),
        (r#""blue red""#, Some(InvalidClaim)),
        (r#""Blue""#, Some(InvalidClaim)),
        (r#""""#, Some(InvalidClaim)),
        ("[]", Some(InvalidClaim)),
        (r#"["blue",7]"#, Some(InvalidClaim)),
        (r#"{"blue":1}"#, Some(InvalidClaim)),
        ("null", Some(MissingClaim)),
        ("7", Some(InvalidClaim)),
        ("true", Some(InvalidClaim)),
    ];
    check_claim(builder.clone(), "tenant", &table);
    check_claim(builder.clone(), "other", &[("1", Some(MissingClaim))]);
    let verifier = builder.claim_in("/org/plan", ["gold"]).build().unwrap();
    let both = token_of(usual_claims(
        "",
        &[("tenant", "\"red\""), ("org", r#"{"plan":"gold"}"#)],
    ));
    assert_eq!(refusal(&verifier, &both), None);
    let one = token_of(usual_claims(
        "",
        &[("tenant", "\"red\""), ("org", r#"{"plan":"free"}"#)],
    ));
    assert_eq!(refusal(&verifier, &one), Some(InvalidClaim));
    let twice = token_of(usual_claims(
        "",
        &[("tenant", "\"red\""), ("tenant", "\"red\"")],
    ));
    assert_eq!(refusal(&verifier, &twice), Some(Malformed));
}

#[test]
fn the_signature_is_checked_before_the_claims() {
    for payload in [
        usual_claims("exp", &[("exp", "0")]),
        usual_claims("iss", &[]),
        usual_claims("", &[("at_hash", "\"x\"")]),
        "not even JSON".to_owned(),
    ] {
        let forged = jwt(signing_key(Algorithm::HS256)).raw_claims(payload);
        let forged = forged.tampered().build();
        assert_eq!(refusal(&usual_verifier(), &forged), Some(BadSignature));
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_before_its_scopes_are_looked_at() {
    let app = Router::new()
        .route("/", get(|| async { "secret" }))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .layer(BearerAuthLayer::new(usual_verifier()).required_scopes(["use"]));
    let address = serve(app).await;
    let key = signing_key(Algorithm::HS256);
    for scopes in [vec![], vec!["use"], vec!["use", "admin"]] {
        let answer = get_with(address, &jwt(key).expired().scopes(scopes).build()).await;
        assert_eq!(answer.status.as_u16(), 401);
        assert_eq!(
            answer.header("www-authenticate"),
            Some(
                "Bearer error=\"invalid_token\", scope=\"use\", \
                 error_description=\"The access token expired\""
            )
        );
        assert_eq!(answer.json()["error"], "invalid_token");
    }
    let lacking = get_with(address, &jwt(key).scopes(["use"]).build()).await;
    assert_eq!(lacking.status.as_u16(), 403);
    assert_eq!(lacking.json()["error"], "insufficient_scope");
    let good = get_with(address, &jwt(key).scopes(["use", "admin"]).build()).await;
    assert_eq!((good.status.as_u16(), &*good.body), (200, "secret"));
}

#[test]
fn the_accessors_of_a_verified_token_return_its_claims() {
    #[derive(serde::Deserialize)]
    struct Borrowed<'a> {
        sub: &'a str,
        tenant: &'a str,
    }
    let payload = format!(
        " {{ \"iss\":\"{ISSUER}\" ,\n\"aud\":[\"x\",\"{AUDIENCE}\"],\"sub\":\"al\\u0069ce\",\
         \"exp\":1800003600.25,\"iat\":1799999999.5,\"jti\":\"id-1\",\"tenant\":\"blue\",\
         \"n\":18446744073709551615,\"nested\":{{\"roles\":[\"a\",\"b\"]}},\"twice\":{{\"x\":1,\"x\":2}} }} "
    );
    let jwt = token_of(payload.clone());
    let token = verify(&usual_verifier(), &jwt).unwrap();
    assert_eq!(token.token().as_str(), jwt);
    assert_eq!(token.subject(), Some("alice"));
    assert_eq!(token.issuer(), Some(ISSUER));
    assert!(token.audiences().eq(["x", AUDIENCE]));
    assert_eq!(token.jwt_id(), Some("id-1"));
    assert_eq!(token.client_id(), None);
    assert!(token.scopes().is_empty());
    let expiry = UNIX_EPOCH + Duration::from_millis(1_800_003_600_250);
    assert_eq!(token.expires_at(), Some(expiry));
    let issued = UNIX_EPOCH + Duration::from_millis(1_799_999_999_500);
    assert_eq!(token.issued_at(), Some(issued));

    assert_eq!(token.claim::<String>("tenant").as_deref(), Some("blue"));
    assert_eq!(token.claim::<u64>("n"), Some(u64::MAX));
    assert_eq!(token.claim::<u64>("tenant"), None);
    assert_eq!(token.claim::<Value>("absent"), None);
    assert_eq!(token.claim::<Value>("/twice/x"), None);
    let roles = token.claim::<Vec<String>>("/nested/roles");
    assert_eq!(roles, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(
        token.claims::<Value>().unwrap()["nested"],
        json!({"roles": ["a", "b"]})
    );
    assert!(token.claims::<Vec<String>>().is_err());
    assert_eq!(token.raw_claims(), payload);

    let plain = token_with("tenant", "\"blue\"");
    let token = verify(&usual_verifier(), &plain).unwrap();
    let borrowed = token.claims::<Borrowed<'_>>().unwrap();
    assert_eq!((borrowed.sub, borrowed.tenant), ("alice", "blue"));
    let shown = format!("{token:?}");
    assert!(
        !shown.contains("blue") && !shown.contains(&plain),
        "{shown}"
    );
}
