//! The table "Issuers that are slightly odd" of the guide to verifiers: each log line in it, and the setting that it
//! recommends.

use http::StatusCode;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::jwks::{HttpKeySource, JwksBuilder};
use tower_bearer_auth::testing::{Fault, SigningKey, TestIssuer};
use tower_bearer_auth::{
    AccessToken, Algorithm, ByIssuer, IntrospectionVerifier, Jwks, JwtVerifier, JwtVerifierBuilder,
    Verifier, VerifyError,
};

use super::{but, jwt, jwt_of_type, verifier};
use crate::support::PATIENCE;
use crate::telemetry::recorded::Recorded;

const GUIDE: &str = include_str!("../../../docs/choosing-a-verifier.md");
const ISSUER: &str = "https://odd.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// Asserts that one row of the table contains these texts.
#[track_caller]
fn assert_documented(texts: &[&str]) {
    let (_, section) = GUIDE
        .split_once("## Issuers that are slightly odd")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut rows = section.lines().filter(|line| line.starts_with('|'));
    assert!(
        rows.any(|row| texts.iter().all(|text| row.contains(text))),
        "no row has {texts:?}"
    );
}

/// Asserts that an event of this target has fields that start with these values, and that the guide lists the setting
/// beside its message.
#[track_caller]
fn assert_leads_to(recorded: &Recorded, target: &str, fields: &[(&str, &str)], setting: &str) {
    let events = recorded.events(&format!("tower_bearer_auth::{target}"));
    let has_them = |entry: &crate::telemetry::recorded::Entry| {
        fields.iter().all(|(name, value)| {
            entry
                .fields
                .get(name)
                .is_some_and(|text| text.starts_with(value))
        })
    };
    assert!(events.iter().any(has_them), "{events:#?}");
    let texts = fields.iter().map(|(_, text)| *text);
    assert_documented(&texts.chain([setting]).collect::<Vec<_>>());
}

async fn ask(verifier: &impl Verifier, token: &str) -> Result<AccessToken, VerifyError> {
    let answer = verifier.clone().oneshot(token.parse().unwrap()).await;
    answer.map_err(Into::into)
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "scope": "read"})
}

fn strict(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder.issuer(ISSUER).audience(AUDIENCE)
}

#[tokio::test]
async fn tokens_that_are_refused() {
    type Fields = &'static [(&'static str, &'static str)];
    type Setting = fn(JwtVerifierBuilder) -> JwtVerifierBuilder;
    let with = |changes| jwt(&but(&claims(), changes));
    let table: [(String, &str, Fields, &str, Setting); 3] = [
        (
            with(json!({"sub": 12345})),
            "verification",
            &[
                ("message", "the token is malformed"),
                ("member", "sub"),
                ("rule", "it is a number and not a string"),
            ],
            "`accept_numeric_subject()`",
            |builder| strict(builder).accept_numeric_subject(),
        ),
        (
            with(json!({"at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q"})),
            "claims",
            &[
                ("message", "a claim marks a token of another kind"),
                ("claim", "at_hash"),
            ],
            "`accept_hash_claims()`",
            |builder| strict(builder).accept_hash_claims(),
        ),
        (
            jwt_of_type(Some("JOSE"), &claims()),
            "verification",
            &[("message", "the header names another type of token")],
            "`also_token_types([\"JOSE\"])`",
            |builder| strict(builder).also_token_types(["JOSE"]),
        ),
    ];
    for (token, target, fields, setting, lenient) in table {
        let recorded = Recorded::start();
        ask(&verifier(strict), &token).await.unwrap_err();
        assert_leads_to(&recorded, target, fields, setting);
        ask(&verifier(lenient), &token).await.unwrap();
    }
}

/// Such tokens are accepted, but refused later for a missing scope.
#[tokio::test]
async fn scopes_that_are_not_found() {
    let commas = but(&claims(), json!({"scope": "read,write"}));
    let several = but(&claims(), json!({"scope": "read", "roles": ["write"]}));
    let by_commas = verifier(|builder| strict(builder).scope_delimiters([' ', ',']));
    let merged = verifier(|builder| {
        let builder = strict(builder).scope_claims(["scope", "roles"]);
        builder.merge_scope_claims()
    });
    let table = [
        (commas, by_commas, "`scope_delimiters([' ', ','])`"),
        (several, merged, "`merge_scope_claims()`"),
    ];
    for (claims, lenient, setting) in table {
        let recorded = Recorded::start();
        let token = ask(&verifier(strict), &jwt(&claims)).await.unwrap();
        token.require_scopes(["write"]).unwrap_err();
        let reason = ("reason", "insufficient_scope");
        assert_leads_to(&recorded, "audit", &[reason], setting);
        let token = ask(&lenient, &jwt(&claims)).await.unwrap();
        token.require_scopes(["read", "write"]).unwrap();
    }
}

fn keys_of(issuer: &TestIssuer, configure: impl FnOnce(JwksBuilder) -> JwksBuilder) -> Jwks {
    let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
    let jwks = Jwks::builder(source).fetch_timeout(PATIENCE);
    configure(jwks).build().unwrap()
}

fn by_keys(jwks: Jwks) -> JwtVerifierBuilder {
    strict(JwtVerifier::builder().jwks(jwks))
}

#[tokio::test]
async fn keys_that_are_not_used() {
    let issuer = TestIssuer::start().await;
    let others = || (0..7).map(|_| SigningKey::generate(Algorithm::ES256).jwk());
    let key = SigningKey::generate(Algorithm::ES256);
    let mut for_svids = key.jwk();
    for_svids["use"] = json!("jwt-svid");
    let token = key.token().claims(claims()).build();

    // The signer is the last of many keys, and the token has no `kid`.
    let recorded = Recorded::start();
    issuer.publish(Some(
        json!({"keys": others().chain([key.jwk()]).collect::<Vec<_>>()}),
    ));
    let error = ask(
        &by_keys(keys_of(&issuer, |jwks| jwks)).build().unwrap(),
        &token,
    )
    .await
    .unwrap_err();
    assert!(format!("{error:?}").contains("UnknownKey"), "{error:?}");
    assert_documented(&["`reason=\"unknown_key\"`", "`key_attempts(16)`"]);
    let patient = by_keys(keys_of(&issuer, |jwks| jwks)).key_attempts(16);
    ask(&patient.build().unwrap(), &token).await.unwrap();

    // A non-standard `use`.
    issuer.publish(Some(json!({"keys": [others().next(), for_svids]})));
    ask(
        &by_keys(keys_of(&issuer, |jwks| jwks)).build().unwrap(),
        &token,
    )
    .await
    .unwrap_err();
    let message = ("message", "keys for other purposes are left out");
    assert_leads_to(
        &recorded,
        "keys",
        &[message],
        "`key_uses([\"sig\", \"jwt-svid\"])`",
    );
    assert_documented(&[message.1, "not_for_verifying"]);
    issuer.publish(Some(json!({"keys": [for_svids]})));
    let alone = by_keys(keys_of(&issuer, |jwks| jwks)).build().unwrap();
    ask(&alone, &token).await.unwrap_err();
    let message = ("message", "keys cannot be fetched");
    assert_leads_to(
        &recorded,
        "keys",
        &[message],
        "`key_uses([\"sig\", \"jwt-svid\"])`",
    );
    let keys = keys_of(&issuer, |jwks| jwks.key_uses(["sig", "jwt-svid"]));
    ask(&by_keys(keys).build().unwrap(), &token).await.unwrap();

    // More keys than the limit.
    issuer.publish(Some(
        json!({"keys": others().chain([key.jwk()]).collect::<Vec<_>>()}),
    ));
    let few = keys_of(&issuer, |jwks| jwks.max_keys(3));
    ask(&by_keys(few).build().unwrap(), &token)
        .await
        .unwrap_err();
    let message = ("message", "keys of the document are left out");
    assert_leads_to(&recorded, "keys", &[message], "`max_keys(5_000)`");
    let which = recorded.events("tower_bearer_auth::keys");
    let which = which.iter().filter_map(|entry| entry.fields.get("which"));
    assert!(
        which
            .clone()
            .any(|which| which.ends_with("past max_keys: too_many"))
    );
    assert_documented(&[message.1, "past max_keys: too_many"]);
}

#[tokio::test]
async fn introspection_endpoints_that_answer_in_their_own_way() {
    let issuer = TestIssuer::start().await;
    let verifier = |configure: fn(IntrospectionVerifierBuilder) -> IntrospectionVerifierBuilder| {
        let builder = IntrospectionVerifier::builder(issuer.introspection_url())
            .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
            .audience(AUDIENCE);
        configure(builder).build().unwrap()
    };
    let reason = |error: VerifyError| format!("{:?}", error.kind());

    let eternal = issuer.opaque_token(json!({"aud": AUDIENCE, "sub": "alice", "exp": 0}));
    let error = ask(&verifier(|builder| builder), &eternal)
        .await
        .unwrap_err();
    assert_eq!(reason(error), "Invalid(Expired)");
    assert_documented(&["`reason=\"expired\"`", "`accept_zero_expiry()`"]);
    let lenient = verifier(|builder| builder.accept_zero_expiry());
    ask(&lenient, &eternal).await.unwrap();

    let recorded = Recorded::start();
    issuer.introspection_fault(Some(Fault::Status(StatusCode::UNAUTHORIZED)));
    let error = ask(&verifier(|builder| builder), "dead").await.unwrap_err();
    assert_eq!(reason(error), "Unavailable");
    let fields = [
        ("message", "tokens cannot be introspected"),
        ("error", "the introspection endpoint answers 401"),
    ];
    let setting = "`inactive_statuses([StatusCode::UNAUTHORIZED])`";
    assert_leads_to(&recorded, "introspection", &fields, setting);
    assert_documented(&[fields[0].1, "`backoff(min, max)`"]);
    let lenient = verifier(|builder| builder.inactive_statuses([StatusCode::UNAUTHORIZED]));
    let error = ask(&lenient, "dead").await.unwrap_err();
    assert_eq!(reason(error), "Invalid(Unrecognized)");
}

#[tokio::test]
async fn tenants_that_have_no_verifier_yet() {
    let claims = but(
        &claims(),
        json!({"iss": "https://odd.example.com/realms/staff"}),
    );
    let recorded = Recorded::start();
    let by_issuer = ByIssuer::new().issuer(ISSUER, verifier(strict));
    ask(&by_issuer, &jwt(&claims)).await.unwrap_err();
    let message = ("message", "there is no verifier for the token's issuer");
    assert_leads_to(&recorded, "claims", &[message], "`{tenant}`");
    let of_realm = |_: &str| {
        Some(verifier(|builder| {
            let builder = builder.issuer("https://odd.example.com/realms/staff");
            builder.audience(AUDIENCE)
        }))
    };
    let by_issuer = by_issuer.tenants("https://odd.example.com/realms/{tenant}", of_realm);
    ask(&by_issuer.unwrap(), &jwt(&claims)).await.unwrap();
}
