//! Introspection answers that are signed JWTs (RFC 9701).

use std::time::{Duration, UNIX_EPOCH};

use http::Response;
use serde_json::{Value, json};
use tower_bearer_auth::introspection::IntrospectionVerifierBuilder;
use tower_bearer_auth::testing::{SigningKey, TestIssuer, TokenBuilder};
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, Clock, IntrospectionResponseVerifier, IntrospectionVerifier,
    InvalidReason, JwtVerifier, JwtVerifierBuilder,
};
use tower_layer::Layer;

use super::{AUDIENCE, assert_unavailable, refused, verify};
use crate::support::{Inner, Logs, get_with, serve};

/// The keys of the issuer, for answers to the client of the test issuer.
fn settings(issuer: &TestIssuer) -> JwtVerifierBuilder {
    JwtVerifier::builder()
        .key(issuer.key().verifying_key())
        .issuer(issuer.issuer())
        .audience(TestIssuer::CLIENT_ID)
}

fn builder(issuer: &TestIssuer, responses: JwtVerifierBuilder) -> IntrospectionVerifierBuilder {
    IntrospectionVerifier::builder(issuer.introspection_url())
        .client_secret_basic(TestIssuer::CLIENT_ID, TestIssuer::CLIENT_SECRET)
        .audience(AUDIENCE)
        .without_backoff()
        .signed_responses(IntrospectionResponseVerifier::new(responses).unwrap())
}

/// Answers every request with this JWT.
fn answer(issuer: &TestIssuer, jwt: String) {
    let response = Response::builder()
        .header(
            "content-type",
            "application/token-introspection+jwt; charset=utf-8",
        )
        .body(jwt.into());
    issuer.introspection_response(Some(response.unwrap()));
}

fn alice() -> Value {
    json!({"active": true, "sub": "alice", "aud": AUDIENCE, "exp": 4_000_000_000_u64})
}

#[tokio::test]
async fn a_signed_answer_means_what_a_plain_one_means() {
    let issuer = TestIssuer::start().await;
    let verifier = builder(&issuer, settings(&issuer)).build().unwrap();
    let token =
        issuer.opaque_token(json!({"sub": "alice", "aud": AUDIENCE, "scope": "read write"}));
    let verified = verify(&verifier, &token).await.unwrap();
    assert_eq!(verified.subject(), Some("alice"));
    assert!(verified.has_scope("write"));
    // The claims are those of the token, and not those of the answer.
    assert_eq!(verified.issued_at(), None);
    assert_eq!(verified.claim::<Value>("token_introspection"), None);

    issuer.revoke(&token);
    assert_eq!(
        refused(verify(&verifier, &token).await),
        InvalidReason::Unrecognized
    );
    let other = issuer.opaque_token(json!({"sub": "alice", "aud": "https://other.test"}));
    assert_eq!(
        refused(verify(&verifier, &other).await),
        InvalidReason::WrongAudience
    );
    let expired = issuer.opaque_token(json!({"aud": AUDIENCE, "exp": 1}));
    assert_eq!(
        refused(verify(&verifier, &expired).await),
        InvalidReason::Expired
    );
}

/// A server that can answer in the place of the endpoint has no key of the issuer.
#[tokio::test]
async fn an_answer_that_is_not_signed_is_an_outage() {
    let issuer = TestIssuer::start().await;
    let verifier = builder(&issuer, settings(&issuer)).build().unwrap();
    let logs = Logs::capture();
    let signed = issuer.signed_introspection(alice()).build();
    for (content_type, body) in [
        (Some("application/json"), alice().to_string()),
        (None, alice().to_string()),
        (Some("application/json"), signed.clone()),
        (Some("application/jwt"), signed.clone()),
        (
            Some("application/token-introspection+jwt"),
            alice().to_string(),
        ),
        (Some("application/token-introspection+jwt"), String::new()),
        (Some("application/token-introspection+jwt"), "a.b".into()),
        (
            Some("application/token-introspection+jwt"),
            format!("{signed}.e.f"),
        ),
    ] {
        let mut response = Response::builder();
        if let Some(content_type) = content_type {
            response = response.header("content-type", content_type);
        }
        issuer.introspection_response(Some(response.body(body.into()).unwrap()));
        assert_unavailable(verify(&verifier, "any").await);
    }
    assert!(
        logs.text().contains("its answer is not signed"),
        "{}",
        logs.text()
    );

    // White space around the JWT, as some servers send it, is harmless.
    answer(&issuer, format!("{signed}\n"));
    verify(&verifier, "any").await.unwrap();
}

#[tokio::test]
async fn an_answer_of_another_kind_issuer_key_or_client_is_an_outage() {
    let issuer = TestIssuer::start().await;
    let verifier = builder(&issuer, settings(&issuer)).build().unwrap();
    let stranger = SigningKey::generate(Algorithm::ES256);
    let start = || issuer.signed_introspection(alice());
    let by_stranger = TokenBuilder::new(&stranger)
        .token_type("token-introspection+jwt")
        .issuer(issuer.issuer())
        .audience(TestIssuer::CLIENT_ID)
        .claim("token_introspection", alice());
    let table: [(&str, TokenBuilder); 14] = [
        ("another key", by_stranger),
        ("tampered", start().tampered()),
        ("unsigned", start().unsigned()),
        ("no signature", start().stripped_signature()),
        ("an access token", start().token_type("at+jwt")),
        ("a JWT", start().token_type("JWT")),
        ("no type", start().without_header("typ")),
        ("another issuer", start().issuer("https://other.test")),
        ("no issuer", start().without_claim("iss")),
        ("another client", start().audience("another-client")),
        ("no audience", start().without_claim("aud")),
        ("no date", start().without_claim("iat")),
        ("no members", start().without_claim("token_introspection")),
        (
            "members of another type",
            start().claim("token_introspection", json!("active")),
        ),
    ];
    for (what, jwt) in table {
        answer(&issuer, jwt.build());
        assert_unavailable(verify(&verifier, "any").await);
        println!("{what} is refused");
    }
    answer(&issuer, start().build());
    verify(&verifier, "any").await.unwrap();
}

#[tokio::test]
async fn an_old_answer_is_an_outage() {
    let issuer = TestIssuer::start().await;
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = Clock::manual(start);
    let verifier = builder(&issuer, settings(&issuer).clock(clock.clone()));
    let verifier = verifier.clock(clock.clone()).build().unwrap();
    let jwt = issuer.signed_introspection(alice()).issued_at(start);
    answer(&issuer, jwt.build());
    // Five minutes, and a leeway of one.
    for (seconds, is_good) in [(0, true), (360, true), (1, false), (100, false)] {
        clock.advance(Duration::from_secs(seconds));
        let verified = verify(&verifier, "any").await;
        match is_good {
            true => assert_eq!(verified.unwrap().subject(), Some("alice")),
            false => assert_unavailable(verified),
        }
    }
    let jwt = issuer.signed_introspection(alice());
    answer(
        &issuer,
        jwt.issued_at(clock.now() + Duration::from_secs(61)).build(),
    );
    assert_unavailable(verify(&verifier, "any").await);
}

/// The members of a signed answer are read by the same rules as those of a plain one, from the same text.
#[tokio::test]
async fn the_members_of_an_answer_are_read_as_they_are_written() {
    let issuer = TestIssuer::start().await;
    let verifier = builder(&issuer, settings(&issuer))
        .accept_numeric_subject()
        .build()
        .unwrap();
    let answer_with = |members: &str| {
        let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
        let (iss, aud) = (issuer.issuer(), TestIssuer::CLIENT_ID);
        let claims = format!(
            r#"{{"iss":"{iss}","aud":"{aud}","iat":{now},"token_introspection":{{{members}}}}}"#
        );
        answer(
            &issuer,
            issuer
                .signed_introspection(json!({}))
                .raw_claims(claims)
                .build(),
        );
    };
    let rest = format!(r#""aud":"{AUDIENCE}","exp":4000000000"#);
    for twice in [
        r#""active":false,"active":true"#,
        r#""active":false,"\u0061ctive":true"#,
    ] {
        answer_with(&format!("{twice},{rest}"));
        assert_unavailable(verify(&verifier, "any").await);
    }
    answer_with(&format!(r#""active":true,"sub":"a","sub":"b",{rest}"#));
    assert_eq!(
        refused(verify(&verifier, "any").await),
        InvalidReason::InvalidClaim
    );
    // More digits than a float has.
    answer_with(&format!(
        r#""active":true,"sub":99999999999999999998,"id":123456789012345678901,{rest}"#
    ));
    let verified = verify(&verifier, "any").await.unwrap();
    assert_eq!(verified.subject(), Some("99999999999999999998"));
    let id = r#""id":123456789012345678901"#;
    assert!(
        verified.raw_claims().contains(id),
        "{}",
        verified.raw_claims()
    );
}

/// A client sees 503 and no details, and the log has them without the token.
#[tokio::test]
async fn the_log_says_what_is_wrong_with_an_answer() {
    let issuer = TestIssuer::start().await;
    let verifier = builder(&issuer, settings(&issuer)).build().unwrap();
    let server = serve(BearerAuthLayer::new(verifier).layer(Inner::default())).await;
    let logs = Logs::capture();
    answer(
        &issuer,
        issuer.signed_introspection(alice()).tampered().build(),
    );
    get_with(server, "opaque-token").await.assert_outage();
    let text = logs.text();
    assert!(
        text.contains("the signed answer of the introspection endpoint is refused: bad_signature"),
        "{text}"
    );
    assert!(!text.contains("opaque-token"), "{text}");
}

#[tokio::test]
async fn keys_that_are_out_of_reach_are_an_outage() {
    let issuer = TestIssuer::start().await;
    let responses = JwtVerifier::builder()
        .jwks_url(issuer.jwks_url())
        .issuer(issuer.issuer())
        .audience(TestIssuer::CLIENT_ID);
    issuer.publish(Some(json!("no key set")));
    let verifier = builder(&issuer, responses).build().unwrap();
    let token = issuer.opaque_token(json!({"sub": "alice", "aud": AUDIENCE}));
    assert_unavailable(verify(&verifier, &token).await);
}

/// Nor does an access token of the same issuer pass as an answer.
#[tokio::test]
async fn an_answer_is_no_access_token() {
    let issuer = TestIssuer::start().await;
    let jwt = issuer.signed_introspection(alice());
    let jwt = jwt.claim("sub", "alice").claim("exp", 4_000_000_000_u64);
    let verifier = settings(&issuer).build().unwrap();
    assert_eq!(
        refused(verify(&verifier, &jwt.clone().build()).await),
        InvalidReason::WrongType
    );
    // An issuer that does not set the type that RFC 9701 requires.
    for token_type in ["JWT", "at+jwt"] {
        let jwt = jwt.clone().token_type(token_type).build();
        let reason = refused(verify(&verifier, &jwt).await);
        assert_eq!(reason, InvalidReason::WrongType, "{token_type}");
    }
}

#[test]
fn settings_of_another_profile_are_refused() {
    let settings = JwtVerifier::builder()
        .secret(Algorithm::HS256, [7; 32])
        .issuer("https://issuer.test")
        .audience("client")
        .rfc9068();
    let error = IntrospectionResponseVerifier::new(settings).unwrap_err();
    assert!(error.to_string().contains("rfc9068()"), "{error}");
}
