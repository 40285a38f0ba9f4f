//! Tenants that are identified by their issuer alone, such as realms.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{Algorithm, ByIssuer, InvalidReason, JwtVerifier};

use super::{AUDIENCE, jwts, refused, verify};

const REALMS: &str = "https://id.test/realms/{tenant}";

fn in_realm(template: &str, realm: &str) -> String {
    template.replace("{tenant}", realm)
}

/// A verifier for the realms of one server, which share a key, and a list of the realms that were looked up.
fn realms(key: &SigningKey, known: &'static [&'static str]) -> (ByIssuer, Arc<Mutex<Vec<String>>>) {
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let (key, log) = (key.clone(), Arc::clone(&requests));
    let verifier = ByIssuer::new()
        .tenants(REALMS, move |realm| {
            log.lock().unwrap().push(realm.to_owned());
            let issuer = in_realm(REALMS, realm);
            known.contains(&realm).then(|| jwts(&issuer, &key))
        })
        .unwrap();
    (verifier, requests)
}

fn of_realm(key: &SigningKey, realm: &str) -> String {
    let token = key.token().issuer(in_realm(REALMS, realm));
    token.audience(AUDIENCE).build()
}

#[tokio::test]
async fn a_realm_is_known_by_the_issuer_alone_and_resolved_once() {
    let key = SigningKey::generate(Algorithm::ES256);
    let known = &["staff", "my%20realm", "a.b_c-d", "%20"];
    let (verifier, requests) = realms(&key, known);
    for _ in 0..3 {
        for realm in known {
            let token = verify(&verifier, &of_realm(&key, realm)).await.unwrap();
            assert_eq!(token.issuer(), Some(&*in_realm(REALMS, realm)));
        }
    }
    // The name exactly as in the token, not percent-decoded.
    assert_eq!(*requests.lock().unwrap(), known);
    // A different `tid` is ignored.
    let token = key.token().issuer(in_realm(REALMS, "staff"));
    let token = token.audience(AUDIENCE).claim("tid", "other").build();
    verify(&verifier, &token).await.unwrap();
    let token = key.token().issuer(in_realm(REALMS, "staff"));
    let token = token.audience(AUDIENCE).claim("tid", json!(null)).build();
    verify(&verifier, &token).await.unwrap();
}

#[tokio::test]
async fn an_invalid_realm_segment_causes_no_look_up() {
    let key = SigningKey::generate(Algorithm::ES256);
    let (verifier, requests) = realms(&key, &["staff"]);
    let long = "x".repeat(65);
    let long_by_encoding = "%20".repeat(22);
    for realm in [
        "",
        ".",
        "..",
        "a/b",
        "../staff",
        "staff/..",
        "my realm",
        "my+realm",
        "a%2fb",
        "a%2Fb",
        "%2e%2e",
        "a%00",
        "a%25",
        "a%2",
        "%",
        "a%2520b",
        "staff?x",
        "staff#x",
        "staff@evil.test",
        "staff:443",
        "stäff",
        "{tenant}",
        &long,
        &long_by_encoding,
    ] {
        let reason = refused(verify(&verifier, &of_realm(&key, realm)).await);
        assert_eq!(reason, InvalidReason::WrongIssuer, "{realm}");
    }
    for issuer in [
        "https://id.test/realms/staff/",
        "https://id.test/realms",
        "https://id.test/REALMS/staff",
        "https://ID.test/realms/staff",
        "http://id.test/realms/staff",
        "https://id.test.evil.test/realms/staff",
        "https://evil.test/https://id.test/realms/staff",
    ] {
        let token = key.token().issuer(issuer).audience(AUDIENCE).build();
        let reason = refused(verify(&verifier, &token).await);
        assert!(reason == InvalidReason::WrongIssuer, "{issuer}");
    }
    // The trailing slash adds a second segment, which is refused above without a look-up.
    assert_eq!(*requests.lock().unwrap(), [""; 0]);
    let unknown = verify(&verifier, &of_realm(&key, "unknown")).await;
    assert_eq!(refused(unknown), InvalidReason::WrongIssuer);
    assert_eq!(*requests.lock().unwrap(), ["unknown"]);
}

#[tokio::test]
async fn an_unknown_realm_causes_no_fetch() {
    let issuer = TestIssuer::start().await;
    let url = issuer.jwks_url();
    let verifier = ByIssuer::new()
        .tenants(REALMS, move |realm| {
            let known = realm == "staff";
            known.then(|| {
                JwtVerifier::builder()
                    .jwks_url(&url)
                    .issuer(in_realm(REALMS, realm))
                    .audience(AUDIENCE)
                    .build()
                    .unwrap()
            })
        })
        .unwrap();
    for realm in ["red", "my%20realm", "staff%20"] {
        let token = of_realm(&issuer.key(), realm);
        refused(verify(&verifier, &token).await);
    }
    assert_eq!(issuer.jwks_requests(), 0);
    let token = of_realm(&issuer.key(), "staff");
    verify(&verifier, &token).await.unwrap();
    assert_eq!(issuer.jwks_requests(), 1);
}

#[tokio::test]
async fn both_kinds_of_placeholder_can_be_combined() {
    let key = SigningKey::generate(Algorithm::ES256);
    let [entra, keycloak] = [(); 2].map(|()| key.clone());
    let template = "https://login.test/{tenantid}/v2.0";
    let verifier = ByIssuer::new()
        .tenants(template, move |tenant| {
            Some(jwts(&template.replace("{tenantid}", tenant), &entra))
        })
        .unwrap()
        .tenants(REALMS, move |realm| {
            Some(jwts(&in_realm(REALMS, realm), &keycloak))
        })
        .unwrap();
    verify(&verifier, &of_realm(&key, "blue")).await.unwrap();
    let entra = |tenant: &str| {
        let token = key.token().issuer(template.replace("{tenantid}", tenant));
        token.audience(AUDIENCE)
    };
    // The other template still requires a matching `tid`, and accepts no encoded space.
    let good = entra("blue").claim("tid", "blue").build();
    verify(&verifier, &good).await.unwrap();
    for bad in [
        entra("blue").build(),
        entra("blue").claim("tid", "green").build(),
        entra("a%20b").claim("tid", "a%20b").build(),
    ] {
        let reason = refused(verify(&verifier, &bad).await);
        assert_eq!(reason, InvalidReason::WrongIssuer);
    }
}

#[test]
fn a_template_must_have_exactly_one_placeholder() {
    let none = |_: &str| None::<JwtVerifier>;
    for template in [
        "https://id.test/realms/",
        "https://id.test/{tenant}/{tenant}",
        "https://id.test/{tenant}/{tenantid}",
        "https://id.test/{tenantid}/{tenant}",
        "https://id.test/{Tenant}",
        "https://id.test/{realm}",
        "https://id.test/{tenant",
    ] {
        let error = ByIssuer::new().tenants(template, none).unwrap_err();
        let error = error.to_string();
        assert_eq!(
            error,
            format!(
                "the issuer template {template:?} does not have {{tenantid}} or {{tenant}} once"
            )
        );
    }
    let one = ByIssuer::new().tenants(REALMS, none).unwrap();
    for same in [REALMS, "https://id.test/realms/{tenantid}"] {
        let error = one.clone().tenants(same, none).unwrap_err().to_string();
        assert!(error.contains(same) && error.contains("twice"), "{error}");
    }
    let _ = one
        .tenants("https://id.test/realms/{tenant}/", none)
        .unwrap();
}
