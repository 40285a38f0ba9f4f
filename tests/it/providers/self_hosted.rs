//! AD FS, Keycloak's realms, Dex and SPIFFE.

use std::collections::HashSet;

use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer_auth::InvalidReason::{
    BadSignature, InvalidClaim, MissingClaim, UnknownKey, WrongAudience, WrongIssuer, WrongType,
};
use tower_bearer_auth::jwks::{HttpKeySource, Jwks};
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerToken, InvalidReason, JwtVerifier, Verifier, VerifierExt,
    VerifyError, VerifyErrorKind,
};

use super::{
    KEY, assert_refused, assert_refused_but, assert_taken, but, jwt, jwt_of_type, recipes, verifier,
};

/// The result of a verifier that may first fetch its keys.
async fn ask(verifier: &impl Verifier, token: String) -> Result<AccessToken, InvalidReason> {
    let token: BearerToken = token.parse().unwrap();
    let answer = verifier.clone().oneshot(token).await;
    answer.map_err(|error| match error.into().kind() {
        VerifyErrorKind::Invalid(reason) => reason,
        other => panic!("{other:?}"),
    })
}

#[test]
fn ad_fs() {
    let ad_fs = verifier(recipes::ad_fs);
    let client = "5b2f1c0e-7a3d-4e8b-9c6a-1d2e3f4a5b6c";
    let subject = "Y9wLbBGUzX0LVZlxXKdDkvKRfbO0pGLZLU4FEDMhZ7c=";
    let claims = json!({
        "aud": "https://api.example.com",
        "iss": "http://adfs.example.com/adfs/services/trust",
        "nbf": 1_799_999_990,
        "sub": subject,
        "upn": "alice@example.com",
        "unique_name": "EXAMPLE\\alice",
        "apptype": "Public",
        "appid": client,
        "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "auth_time": "2027-01-15T08:00:00.000Z",
        "ver": "1.0",
        "scp": "openid notes.read",
    });
    let wanted = (subject, Some(client), "openid notes.read");
    assert_taken(&ad_fs, &jwt(&claims), wanted);

    // ID tokens have the issuer in the metadata, and the client as their audience.
    let id_token = json!({
        "iss": "https://adfs.example.com/adfs", "aud": client, "appid": null, "scp": null, "sid": "S-1-5-21",
    });
    assert_refused_but(&ad_fs, &claims, id_token, WrongIssuer);
    let https = json!({"iss": "https://adfs.example.com/adfs/services/trust"});
    assert_refused_but(&ad_fs, &claims, https, WrongIssuer);
    // The token of a client that requests no resource.
    let user_info = json!({"aud": "urn:microsoft:userinfo"});
    assert_refused_but(&ad_fs, &claims, user_info, WrongAudience);
    assert_refused_but(&ad_fs, &claims, json!({"appid": null}), MissingClaim);
}

#[tokio::test]
async fn keycloak_realms() {
    let keycloak = TestIssuer::start().await;
    let server = keycloak.issuer();
    let realm = |name: &str| format!("{server}/realms/{name}");
    keycloak.rename(realm("my%20staff"));
    keycloak.metadata_at("/realms/my%20staff/.well-known/openid-configuration");
    let realms = HashSet::from(["my%20staff".to_owned(), "partners".to_owned()]);
    let verifier = recipes::keycloak_realms(realm("{tenant}"), realms).unwrap();
    let subject = "ac4a1d2f-2b0b-4f6b-8a3d-5f8b9e7c6d5e";
    let claims = json!({
        "jti": "onrtac:d58f5dc8-fd8f-462b-8a19-716f8f83985b",
        "iss": realm("my%20staff"),
        "aud": ["notes-api", "account"],
        "sub": subject,
        "typ": "Bearer",
        "azp": "notes-web",
        "sid": "5b2f1c0e-7a3d-4e8b-9c6a-1d2e3f4a5b6c",
        "acr": "1",
        "realm_access": {"roles": ["offline_access"]},
        "scope": "profile notes:read",
    });
    let token = |changes: Value| keycloak.token().claims(but(&claims, changes)).build();

    let taken = ask(&verifier, token(json!({}))).await.unwrap();
    assert_eq!(taken.subject(), Some(subject));
    assert_eq!(taken.client_id(), Some("notes-web"));
    assert_eq!(taken.scopes().as_str(), "profile notes:read");
    assert_eq!(taken.issuer(), Some(realm("my%20staff").as_str()));
    let fetched = keycloak.metadata_requests();

    let table = [
        // A realm that the function does not know, an invalid realm name, and a realm of another server.
        (json!({"iss": realm("evil")}), WrongIssuer),
        (json!({"iss": realm("my staff")}), WrongIssuer),
        (json!({"iss": realm("my%20staff/")}), WrongIssuer),
        (json!({"iss": realm("{tenant}")}), WrongIssuer),
        (
            json!({"iss": "https://sso.example.net/realms/partners"}),
            WrongIssuer,
        ),
        // A token without an audience mapper.
        (json!({"aud": "account"}), WrongAudience),
        (json!({"aud": null}), MissingClaim),
        // A token of another known realm that is refused before the keys are fetched.
        (
            json!({"iss": realm("partners"), "aud": "account"}),
            WrongAudience,
        ),
        (json!({"typ": "ID", "aud": "notes-web"}), WrongType),
        (json!({"typ": "Refresh"}), WrongType),
    ];
    for (changes, reason) in table {
        let refusal = ask(&verifier, token(changes.clone())).await.unwrap_err();
        assert_eq!(refusal, reason, "{changes}");
    }
    assert_eq!(keycloak.metadata_requests(), fetched);
}

#[test]
fn dex() {
    let dex = verifier(recipes::dex);
    let subject = "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs";
    let claims = json!({
        "iss": "https://dex.example.com",
        "sub": subject,
        "aud": ["notes-api", "notes-web"],
        "azp": "notes-web",
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
        "email": "alice@example.com",
        "email_verified": true,
        "groups": ["reports"],
        "name": "alice",
    });
    let token = |claims: &Value| jwt_of_type(None, claims);
    let taken = assert_taken(&dex, &token(&claims), (subject, Some("notes-web"), ""));
    let groups: Vec<String> = taken.claim("groups").unwrap();
    assert_eq!(groups, ["reports"]);
    // An ID token for the same audience cannot be distinguished.
    let id_token = but(&claims, json!({"nonce": "n-0S6_WzA2Mj"}));
    assert_taken(&dex, &token(&id_token), (subject, Some("notes-web"), ""));

    let refused = |changes, reason| assert_refused(&dex, &token(&but(&claims, changes)), reason);
    // A login at the client, and a login at the API's own registration.
    refused(json!({"aud": "notes-web", "azp": null}), WrongAudience);
    refused(json!({"aud": "notes-api", "azp": null}), MissingClaim);
    refused(json!({"iss": "https://dex.example.com/"}), WrongIssuer);
    // Without the setting, all of its access tokens would be refused.
    let strict = verifier(|builder| {
        let builder = builder.issuer("https://dex.example.com");
        builder.audience("notes-api")
    });
    assert_refused(&strict, &token(&claims), WrongType);
}

/// The recipe in the documentation.
fn of_the_trust_domain(verifier: JwtVerifier) -> impl Verifier {
    verifier.check(|token| match token.subject() {
        Some(id) if id.starts_with("spiffe://example.com/") => Ok(()),
        _ => Err(VerifyError::invalid(InvalidClaim)),
    })
}

fn jwt_svid() -> Value {
    json!({"sub": "spiffe://example.com/reports", "aud": ["spiffe://example.com/notes"]})
}

#[test]
fn spiffe() {
    let spiffe = of_the_trust_domain(verifier(recipes::spiffe));
    let claims = jwt_svid();
    let wanted = ("spiffe://example.com/reports", None, "");
    for token_type in [None, Some("JWT"), Some("JOSE")] {
        assert_taken(&spiffe, &jwt_of_type(token_type, &claims), wanted);
    }
    let with_issuer = but(&claims, json!({"iss": "https://spire.example.com"}));
    assert_taken(&spiffe, &jwt(&with_issuer), wanted);

    let other_type = jwt_of_type(Some("logout+jwt"), &claims);
    assert_refused(&spiffe, &other_type, WrongType);
    let other_service = json!({"aud": ["spiffe://example.com/other"]});
    assert_refused_but(&spiffe, &claims, other_service, WrongAudience);
    assert_refused_but(&spiffe, &claims, json!({"aud": null}), MissingClaim);
    assert_refused_but(&spiffe, &claims, json!({"sub": null}), MissingClaim);
    let unlimited = KEY.token().claims(claims.clone()).without_claim("exp");
    assert_refused(&spiffe, &unlimited.build(), MissingClaim);
    for foreign in [
        "spiffe://example.net/reports",
        "spiffe://example.com.evil.example/reports",
        "spiffe://example.com",
        "reports",
    ] {
        assert_refused_but(&spiffe, &claims, json!({"sub": foreign}), InvalidClaim);
    }
}

#[tokio::test]
async fn spiffe_keys_come_from_the_bundle() {
    let spire = TestIssuer::start().await;
    let usable = |key: SigningKey, usage: &str| {
        let mut jwk = key.jwk();
        jwk["use"] = json!(usage);
        jwk
    };
    let x509 = SigningKey::generate(Algorithm::ES256).with_key_id("x509");
    let bundle = json!({
        "spiffe_sequence": 1,
        "spiffe_refresh_hint": 300,
        "keys": [usable(x509.clone(), "x509-svid"), usable(spire.key(), "jwt-svid")],
    });
    spire.publish(Some(bundle));
    let bundle = || HttpKeySource::builder(spire.jwks_url()).build().unwrap();
    let verifier = |jwks: Jwks| recipes::spiffe(JwtVerifier::builder().jwks(jwks)).build();
    let token = |key: &SigningKey| key.token().claims(jwt_svid()).build();

    let jwks = Jwks::builder(bundle()).key_uses(["sig", "jwt-svid"]);
    let spiffe = of_the_trust_domain(verifier(jwks.build().unwrap()).unwrap());
    let taken = ask(&spiffe, token(&spire.key())).await.unwrap();
    assert_eq!(taken.subject(), Some("spiffe://example.com/reports"));
    // The bundle's X.509 keys cannot verify tokens.
    assert_eq!(ask(&spiffe, token(&x509)).await.unwrap_err(), UnknownKey);
    let forger = SigningKey::generate(Algorithm::ES256).with_key_id("key-1");
    assert_eq!(
        ask(&spiffe, token(&forger)).await.unwrap_err(),
        BadSignature
    );
}
