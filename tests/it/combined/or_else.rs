//! One verifier for each kind of token.

use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, Algorithm, ByIssuer, InvalidReason, Scopes, StaticToken, StaticTokenVerifier,
    VerifierExt, VerifyError, VerifyErrorKind,
};

use super::{AUDIENCE, Calls, assert_unavailable, jwts, refused, verify};

#[tokio::test]
async fn the_fallback_receives_only_tokens_that_the_first_does_not_recognize() {
    use InvalidReason as Reason;
    let another_kind = [Reason::Malformed, Reason::Unrecognized, Reason::WrongIssuer];
    let terminal = [
        Reason::TooLong,
        Reason::UnsupportedAlgorithm,
        Reason::UnknownKey,
        Reason::BadSignature,
        Reason::Expired,
        Reason::NotYetValid,
        Reason::WrongAudience,
        Reason::WrongType,
        Reason::MissingClaim,
        Reason::InvalidClaim,
        Reason::BoundToKey,
        Reason::Revoked,
        Reason::Other("closed account"),
    ];
    for reason in another_kind {
        let (first, second) = (Calls::default(), Calls::default());
        let verifier = first
            .always(Err(VerifyError::invalid(reason)))
            .or_else(second.always(Ok("second")));
        let token = verify(&verifier, "token").await.unwrap();
        assert_eq!(token.subject(), Some("second"), "{reason:?}");
        assert_eq!(token.token().as_str(), "token");
        assert_eq!((first.count(), second.count()), (1, 1));
    }
    for reason in terminal {
        let second = Calls::default();
        let verifier = Calls::default()
            .always(Err(VerifyError::invalid(reason)))
            .or_else(second.always(Ok("second")));
        assert_eq!(refused(verify(&verifier, "token").await), reason);
        assert_eq!(second.count(), 0, "{reason:?}");
    }
}

#[tokio::test]
async fn a_verifier_can_prevent_a_fallback() {
    use InvalidReason as Reason;
    for reason in [
        Reason::Malformed,
        Reason::Unrecognized,
        Reason::WrongIssuer,
        Reason::Expired,
        Reason::Other("closed account"),
    ] {
        let error = VerifyError::invalid(reason).without_fallback();
        assert!(!error.allows_fallback(), "{reason:?}");
        assert_eq!(error.to_string(), reason.description());
        let second = Calls::default();
        let first = Calls::default().always(Err(error));
        let verifier = first.or_else(second.always(Ok("second")));
        assert_eq!(refused(verify(&verifier, "token").await), reason);
        assert_eq!(second.count(), 0, "{reason:?}");
    }
    let scopes = Scopes::parse("admin").unwrap();
    let lacking = VerifyError::insufficient_scope(scopes).without_fallback();
    assert!(matches!(
        lacking.kind(),
        VerifyErrorKind::InsufficientScope(_)
    ));
    let outage = VerifyError::unavailable("down").without_fallback();
    assert!(matches!(outage.kind(), VerifyErrorKind::Unavailable));
}

#[tokio::test]
async fn an_outage_or_a_missing_scope_causes_no_fallback() {
    let second = Calls::default();
    let outage = Calls::default().always(Err(VerifyError::unavailable("down")));
    assert_unavailable(verify(&outage.or_else(second.always(Ok("second"))), "token").await);

    let scopes = Scopes::parse("admin").unwrap();
    let lacking = Calls::default().always(Err(VerifyError::insufficient_scope(scopes)));
    let error = verify(&lacking.or_else(second.always(Ok("second"))), "token")
        .await
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        VerifyErrorKind::InsufficientScope(_)
    ));
    assert_eq!(second.count(), 0);

    // An accepted token does not reach the fallback.
    let first = Calls::default().always(Ok("first"));
    let token = verify(&first.or_else(second.always(Ok("second"))), "token").await;
    assert_eq!(token.unwrap().subject(), Some("first"));
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn the_last_verifier_determines_the_reason() {
    let unknown = Calls::default().always(Err(VerifyError::invalid(InvalidReason::Unrecognized)));
    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = unknown.or_else(jwts("https://one.test", &key));
    let reason = refused(verify(&verifier, "opaque").await);
    assert_eq!(reason, InvalidReason::Malformed);
}

#[tokio::test]
async fn a_token_of_another_issuer_is_recognized_before_its_signature_is_checked() {
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256));
    let verifier = jwts("https://one.test", &keys[0]).or_else(jwts("https://two.test", &keys[1]));
    for (issuer, key) in [
        ("https://one.test", &keys[0]),
        ("https://two.test", &keys[1]),
    ] {
        let good = key.token().issuer(issuer).audience(AUDIENCE);
        let token = verify(&verifier, &good.build()).await.unwrap();
        assert_eq!(token.issuer(), Some(issuer));
    }
    // A token that would also be refused for another reason still goes to the fallback.
    let odd = keys[1]
        .token()
        .issuer("https://two.test")
        .audience(AUDIENCE);
    let odd = odd.token_type("dpop+jwt").build();
    let first = jwts("https://one.test", &keys[0]);
    assert_eq!(
        refused(verify(&first, &odd).await),
        InvalidReason::WrongIssuer
    );

    // A token with the verifier's own issuer does not go to the fallback.
    let forged = keys[1]
        .token()
        .issuer("https://one.test")
        .audience(AUDIENCE);
    let forged = verify(&verifier, &forged.build()).await;
    assert_eq!(refused(forged), InvalidReason::BadSignature);
    let expired = keys[0]
        .token()
        .issuer("https://one.test")
        .audience(AUDIENCE);
    let expired = verify(&verifier, &expired.expired().build()).await;
    assert_eq!(refused(expired), InvalidReason::Expired);
}

#[tokio::test]
async fn jwts_and_api_keys_have_separate_verifiers() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let api_keys = StaticTokenVerifier::new([("key-1", StaticToken::new("reports"))]);
    let verifier = jwts("https://one.test", &key).or_else(api_keys).erased();
    let token = verify(&verifier, "key-1").await.unwrap();
    assert_eq!(token.client_id(), Some("reports"));
    let jwt = key.token().issuer("https://one.test").audience(AUDIENCE);
    verify(&verifier, &jwt.build()).await.unwrap();
    let unknown = verify(&verifier, "key-2").await;
    assert_eq!(refused(unknown), InvalidReason::Unrecognized);
}

#[tokio::test]
async fn another_spelling_of_a_refused_jwt_causes_no_fallback() {
    let key = SigningKey::generate(Algorithm::ES256);
    let second = Calls::default();
    let verifier = jwts("https://one.test", &key).or_else(second.always(Ok("second")));
    let good = key.token().issuer("https://one.test").audience(AUDIENCE);
    let good = good.token_type("dpop+jwt").build();
    let (signed, _) = good.rsplit_once('.').unwrap();
    for spelling in [
        good.clone(),
        format!("{good}="),
        format!("{good}=="),
        format!("{signed}."),
        format!("{signed}.A"),
    ] {
        verify(&verifier, &spelling).await.unwrap_err();
    }
    assert_eq!(second.count(), 0);
}

/// Malformed JWTs, and tokens that are not JWTs.
fn odd_tokens(key: &SigningKey) -> Vec<String> {
    let issuer = "https://one.test";
    let good = key.token().issuer(issuer).audience(AUDIENCE).build();
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let payload_of = |json: &str| key.token().raw_claims(json).build();
    vec![
        format!("{good}="),
        format!("{header}.{payload}~.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!("{header}~.{payload}.{signature}"),
        format!("x{header}.{payload}.{signature}"),
        format!("{good}.{signature}"),
        payload_of("{}"),
        payload_of("[]"),
        payload_of("no JSON"),
        payload_of("{\"iss\":7}"),
        payload_of("{\"iss\":null}"),
        payload_of("{\"iss\":\"https://one.test\",\"iss\":\"https://one.test\"}"),
        payload_of("{\"iss\":\"https://one.test\",\"x\":1e400}"),
        payload_of("{\"iss\":\"https://one.test\",\"sub\":7}"),
        payload_of("{\"iss\":\"https://two.test\",\"sub\":7}"),
        payload_of("{\"iss\":\"https://one.test\",\"tid\":1,\"tid\":2}"),
        key.token().raw_header("{}").issuer(issuer).build(),
        key.token().raw_header("no JSON").issuer(issuer).build(),
        "..".to_owned(),
        "opaque".to_owned(),
        "a.b.c".to_owned(),
        good,
    ]
}

#[tokio::test]
async fn by_issuer_falls_back_for_the_same_tokens_as_its_verifiers() {
    let key = SigningKey::generate(Algorithm::ES256);
    let alone = || jwts("https://one.test", &key);
    for token in odd_tokens(&key) {
        let seconds = [Calls::default(), Calls::default()];
        let [second, third] = seconds.clone();
        let by_one = alone().or_else(second.always(Ok("second")));
        let by_several = ByIssuer::new()
            .issuer("https://one.test", alone())
            .or_else(third.always(Ok("second")));
        let subject = |it: Result<AccessToken, VerifyError>| {
            it.ok().map(|token| token.subject().map(str::to_owned))
        };
        let by_one = subject(verify(&by_one, &token).await);
        let by_several = subject(verify(&by_several, &token).await);
        assert_eq!(by_one, by_several, "{token}");
        let [by_one, by_several] = seconds.map(|calls| calls.count());
        assert_eq!(by_one, by_several, "{token}");
    }
}

#[tokio::test]
async fn a_refused_condition_prevents_a_fallback() {
    for reason in [
        InvalidReason::Malformed,
        InvalidReason::Unrecognized,
        InvalidReason::WrongIssuer,
    ] {
        let second = Calls::default();
        let checked = Calls::default()
            .always(Ok("first"))
            .check(move |_| Err(VerifyError::invalid(reason)));
        let verifier = checked.or_else(second.always(Ok("second")));
        assert_eq!(refused(verify(&verifier, "token").await), reason);
        assert_eq!(second.count(), 0, "{reason:?}");
    }
}

#[tokio::test]
async fn another_issuer_than_the_one_that_selected_the_verifier_prevents_a_fallback() {
    let key = SigningKey::generate(Algorithm::ES256);
    let token = key.token().issuer("https://a.example.com").build();
    for (reason, fallbacks) in [
        (InvalidReason::WrongIssuer, 0),
        (InvalidReason::Malformed, 1),
        (InvalidReason::Unrecognized, 1),
    ] {
        let second = Calls::default();
        let of_issuer = Calls::default().always(Err(VerifyError::invalid(reason)));
        let verifier = ByIssuer::new()
            .issuer("https://a.example.com", of_issuer)
            .or_else(second.always(Ok("second")));
        let verified = verify(&verifier, &token).await;
        assert_eq!(verified.is_ok(), fallbacks == 1, "{reason:?}");
        assert_eq!(second.count(), fallbacks, "{reason:?}");
    }
}
