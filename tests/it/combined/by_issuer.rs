//! `by_issuer` sends each token to the verifier of its issuer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{
    AccessToken, Algorithm, ByIssuer, InvalidReason, Jwks, JwtVerifier, VerifierExt, verify_fn,
};

use super::{AUDIENCE, Calls, jwts, refused, verify};

const TEMPLATE: &str = "https://login.test/{tenantid}/v2.0";

#[tokio::test]
async fn a_token_is_verified_with_the_keys_of_the_issuer_that_it_names() {
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256));
    let names = ["https://one.test", "https://two.test"];
    let verifier = ByIssuer::new()
        .issuer(names[0], jwts(names[0], &keys[0]))
        .issuer(names[1], jwts(names[1], &keys[1]));
    for (name, key) in names.iter().zip(&keys) {
        let good = key.token().issuer(*name).audience(AUDIENCE).build();
        assert_eq!(
            verify(&verifier, &good).await.unwrap().issuer(),
            Some(*name)
        );
        // Signed with the other issuer's key.
        for other in &keys {
            if other.public_key_pem() != key.public_key_pem() {
                let forged = other.token().issuer(*name).audience(AUDIENCE).build();
                let forged = verify(&verifier, &forged).await;
                assert_eq!(refused(forged), InvalidReason::BadSignature);
            }
        }
    }
}

#[tokio::test]
async fn a_token_of_an_unknown_issuer_reaches_no_verifier() {
    let calls = Calls::default();
    let verifier = ByIssuer::new().issuer("https://one.test", calls.always(Ok("alice")));
    let key = SigningKey::generate(Algorithm::ES256);
    let issued_by = |issuer: &str| key.token().issuer(issuer).audience(AUDIENCE).build();
    for other in [
        "https://two.test",
        "https://one.test/",
        "https://ONE.test",
        "https://one.test.evil.test",
        "https://one.tes",
        "",
    ] {
        let refused = refused(verify(&verifier, &issued_by(other)).await);
        assert_eq!(refused, InvalidReason::WrongIssuer, "{other}");
    }
    let reason = refused(verify(&verifier, "opaque").await);
    assert_eq!(reason, InvalidReason::Malformed);
    let nameless = key.token().audience(AUDIENCE).build();
    let reason = refused(verify(&verifier, &nameless).await);
    assert_eq!(reason, InvalidReason::MissingClaim);
    let null = key.token().claim("iss", json!(null)).build();
    let reason = refused(verify(&verifier, &null).await);
    assert_eq!(reason, InvalidReason::MissingClaim);
    for iss in [json!(["https://one.test"]), json!(1)] {
        let odd = key.token().claim("iss", iss).build();
        let reason = refused(verify(&verifier, &odd).await);
        assert_eq!(reason, InvalidReason::Malformed);
    }
    // An issuer that occurs twice, so that two parsers could read different ones.
    let twice = r#"{"iss":"https://two.test","iss":"https://one.test"}"#;
    let twice = key.token().raw_claims(twice).build();
    assert_eq!(
        refused(verify(&verifier, &twice).await),
        InvalidReason::Malformed
    );
    assert_eq!(calls.count(), 0);

    assert!(
        verify(&verifier, &issued_by("https://one.test"))
            .await
            .is_ok()
    );
    assert_eq!(calls.count(), 1);
}

#[tokio::test]
async fn a_result_with_another_issuer_is_refused() {
    let confused = verify_fn(|token| async move {
        Ok(AccessToken::builder(token)
            .issuer("https://two.test")
            .build())
    });
    let verifier = ByIssuer::new().issuer("https://one.test", confused);
    let key = SigningKey::generate(Algorithm::ES256);
    let token = key.token().issuer("https://one.test").build();
    let reason = refused(verify(&verifier, &token).await);
    assert_eq!(reason, InvalidReason::WrongIssuer);
}

#[tokio::test]
async fn an_outage_of_one_issuer_does_not_affect_others() {
    let (up, down) = (TestIssuer::start().await, TestIssuer::start().await);
    let jwts = |issuer: &TestIssuer| {
        let builder = JwtVerifier::builder().discover(issuer.issuer());
        builder.audience(AUDIENCE).build().unwrap()
    };
    let verifier = ByIssuer::new()
        .issuer(up.issuer(), jwts(&up))
        .issuer(down.issuer(), jwts(&down));
    let of = |issuer: &TestIssuer| issuer.token().audience(AUDIENCE).build();
    let (good, orphan) = (of(&up), of(&down));
    drop(down);
    super::assert_unavailable(verify(&verifier, &orphan).await);
    verify(&verifier, &good).await.unwrap();
}

/// A verifier for the tenants of one provider, which share its key, and a list of the tenants that were looked up.
fn tenants(key: &SigningKey) -> (ByIssuer, Arc<Mutex<Vec<String>>>) {
    let customers = BTreeSet::from(["blue".to_owned(), "green".to_owned()]);
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let (key, log) = (key.clone(), Arc::clone(&requests));
    let verifier = ByIssuer::new()
        .tenants(TEMPLATE, move |tenant| {
            log.lock().unwrap().push(tenant.to_owned());
            let issuer = TEMPLATE.replace("{tenantid}", tenant);
            customers.contains(tenant).then(|| jwts(&issuer, &key))
        })
        .unwrap();
    (verifier, requests)
}

fn of_tenant(key: &SigningKey, tid: &str, in_issuer: &str) -> String {
    key.token()
        .issuer(TEMPLATE.replace("{tenantid}", in_issuer))
        .audience(AUDIENCE)
        .claim("tid", tid)
        .build()
}

#[tokio::test]
async fn a_tenant_is_resolved_once_and_then_cached() {
    let key = SigningKey::generate(Algorithm::ES256);
    let (verifier, requests) = tenants(&key);
    for _ in 0..3 {
        for tenant in ["blue", "green"] {
            let token = of_tenant(&key, tenant, tenant);
            verify(&verifier, &token).await.unwrap();
        }
    }
    assert_eq!(*requests.lock().unwrap(), ["blue", "green"]);
}

#[tokio::test]
async fn an_unknown_or_contradictory_tenant_is_refused() {
    let key = SigningKey::generate(Algorithm::ES256);
    let (verifier, requests) = tenants(&key);
    let red = verify(&verifier, &of_tenant(&key, "red", "red")).await;
    assert_eq!(refused(red), InvalidReason::WrongIssuer);
    assert_eq!(*requests.lock().unwrap(), ["red"]);

    let long = "x".repeat(65);
    for (tid, in_issuer) in [
        ("blue", "green"),
        ("blue", "BLUE"),
        ("", ""),
        ("..", ".."),
        (".", "."),
        ("blue/x", "blue/x"),
        ("blue/../green", "blue/../green"),
        ("blu\u{e9}", "blu\u{e9}"),
        ("blue%2f", "blue%2f"),
        (long.as_str(), long.as_str()),
    ] {
        let token = of_tenant(&key, tid, in_issuer);
        let reason = refused(verify(&verifier, &token).await);
        assert_eq!(reason, InvalidReason::WrongIssuer, "{tid} {in_issuer}");
    }
    let without = key.token().issuer(TEMPLATE.replace("{tenantid}", "blue"));
    let without = verify(&verifier, &without.audience(AUDIENCE).build()).await;
    assert_eq!(refused(without), InvalidReason::WrongIssuer);
    assert_eq!(*requests.lock().unwrap(), ["red"]);
}

#[tokio::test]
async fn a_tenant_cannot_issue_tokens_for_another_tenant() {
    // Each tenant has its own keys.
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256));
    let [blue, green] = keys.clone();
    let verifier = ByIssuer::new()
        .tenants(TEMPLATE, move |tenant| {
            let key = if tenant == "blue" { &blue } else { &green };
            Some(jwts(&TEMPLATE.replace("{tenantid}", tenant), key))
        })
        .unwrap();
    verify(&verifier, &of_tenant(&keys[0], "blue", "blue"))
        .await
        .unwrap();
    let forged = verify(&verifier, &of_tenant(&keys[0], "green", "green")).await;
    assert_eq!(refused(forged), InvalidReason::BadSignature);
}

#[tokio::test]
async fn tenants_that_share_a_key_set_share_its_fetches() {
    let issuer = TestIssuer::start().await;
    let keys = Jwks::from_url(issuer.jwks_url()).unwrap();
    let verifier = ByIssuer::new()
        .tenants(TEMPLATE, move |tenant| {
            JwtVerifier::builder()
                .jwks(keys.clone())
                .issuer(TEMPLATE.replace("{tenantid}", tenant))
                .audience(AUDIENCE)
                .build()
                .ok()
        })
        .unwrap();
    for tenant in 0..20 {
        let tenant = format!("tenant-{tenant}");
        let token = of_tenant(&issuer.key(), &tenant, &tenant);
        verify(&verifier, &token).await.unwrap();
    }
    assert_eq!(issuer.jwks_requests(), 1);
}

#[test]
fn wrong_combinations_are_reported() {
    let none = |_: &str| None::<JwtVerifier>;
    for template in [
        "https://login.test",
        "",
        "{tenantid}/{tenantid}",
        "{TENANTID}",
    ] {
        let error = ByIssuer::new().tenants(template, none).unwrap_err();
        assert!(error.to_string().contains(template), "{error}");
    }
    let twice = ByIssuer::new().tenants(TEMPLATE, none).unwrap();
    let twice = twice.tenants("https://sts.test/{tenantid}/", none).unwrap();
    assert!(twice.tenants(TEMPLATE, none).is_err());
}

#[test]
#[should_panic(expected = "has two verifiers")]
fn an_issuer_with_two_verifiers_panics() {
    let one = || Calls::default().always(Ok("alice"));
    let _ = ByIssuer::new()
        .issuer("https://one.test", one())
        .issuer("https://one.test", one().erased());
}

#[test]
#[should_panic(expected = "the issuer is empty")]
fn an_issuer_without_a_name_panics() {
    let _ = ByIssuer::new().issuer("", Calls::default().always(Ok("alice")));
}

#[tokio::test]
async fn claims_that_are_checked_twice_are_the_same_each_time() {
    let key = SigningKey::generate(Algorithm::ES256);
    let jwts = JwtVerifier::builder()
        .key(key.verifying_key())
        .issuer("https://one.test")
        .key_attempts(5);
    let checked = jwts.clone().audience(AUDIENCE).build().unwrap();
    let unchecked = jwts.accept_any_audience().build().unwrap();
    let token = key.token().issuer("https://one.test").audience(AUDIENCE);
    let token = token.build();
    for jwts in [checked, unchecked] {
        let verifier = ByIssuer::new().issuer("https://one.test", jwts);
        let verified = verify(&verifier, &token).await.unwrap();
        assert!(verified.audiences().eq([AUDIENCE]));
    }
}

#[tokio::test]
async fn a_number_out_of_range_reaches_no_verifier() {
    let calls = Calls::default();
    let verifier = ByIssuer::new().issuer("https://one.test", calls.always(Ok("alice")));
    let key = SigningKey::generate(Algorithm::ES256);
    for number in [
        "1e999",
        r#"{"$serde_json::private::Number":"1e999"}"#,
        r#"{"$serde_json::private::Number":"x"}"#,
    ] {
        for claim in ["sub", "other"] {
            let claims = format!(r#"{{"iss":"https://one.test","{claim}":{number}}}"#);
            let token = key.token().raw_claims(&*claims).build();
            let reason = refused(verify(&verifier, &token).await);
            assert_eq!(reason, InvalidReason::Malformed, "{claims}");
        }
    }
    assert_eq!(calls.count(), 0);
}
