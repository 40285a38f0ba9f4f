//! A gateway of several tenants: the key of one tenant does not verify a token of another.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer_auth::testing::{SigningKey, TokenBuilder};
use tower_bearer_auth::{Algorithm, BearerAuthLayer, ByIssuer, CacheLayer};
use tower_layer::Layer;

use super::AUDIENCE;
use crate::support::{Inner, get_with, jwts, serve};

const TEMPLATE: &str = "https://login.example.com/{tenantid}/v2.0";

fn issuer(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

/// A token with this issuer and tenant ID, signed by `key`.
fn token(key: &SigningKey, iss: impl Into<Value>, tid: impl Into<Value>) -> TokenBuilder {
    key.token()
        .audience(AUDIENCE)
        .claim("iss", iss)
        .claim("tid", tid)
}

/// RFC 8725 §3.8: the key must belong to the issuer (CVE-2026-32301, CVE-2025-30144).
#[tokio::test]
async fn no_tenant_gets_in_as_another() {
    let key = |id: &str| SigningKey::generate(Algorithm::ES256).with_key_id(id);
    // Each issuer chooses its key IDs, so two issuers may have the same one.
    let (one, two, same) = (key("one"), key("two"), key("two"));
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let resolve = {
        let (requests, keys) = (Arc::clone(&requests), [one.clone(), two.clone()]);
        move |tenant: &str| {
            requests.lock().unwrap().push(tenant.to_owned());
            let known = ["one", "two"].iter().position(|known| *known == tenant)?;
            Some(jwts(&issuer(tenant), AUDIENCE, &keys[known]))
        }
    };
    let listed = "https://issuer.example.com";
    let gateway = ByIssuer::new()
        .issuer(listed, jwts(listed, AUDIENCE, &key("listed")))
        .tenants(TEMPLATE, resolve)
        .unwrap();
    let gateway = CacheLayer::new(100)
        .remember_refusals(Duration::from_secs(60))
        .layer(gateway);
    let inner = Inner::default();
    let address = serve(BearerAuthLayer::new(gateway).layer(inner.clone())).await;

    let attacks = [
        ("one's key", token(&one, issuer("two"), "two")),
        (
            "one's key, without a name",
            token(&one, issuer("two"), "two").without_header("kid"),
        ),
        (
            "one's key under two's name",
            token(&one, issuer("two"), "two").key_id("two"),
        ),
        (
            "an unknown key under two's name",
            token(&same, issuer("two"), "two"),
        ),
        (
            "one's token that says two in tid",
            token(&one, issuer("one"), "two"),
        ),
        (
            "one's token that says two in iss",
            token(&one, issuer("two"), "one"),
        ),
        (
            "no tid",
            token(&one, issuer("one"), "one").without_claim("tid"),
        ),
        (
            "tid twice over",
            token(&one, issuer("one"), json!(["one", "two"])),
        ),
        (
            "both issuers",
            token(&one, json!([issuer("one"), issuer("two")]), "one"),
        ),
        ("a listed issuer", token(&one, listed, "one")),
        ("the template itself", token(&one, TEMPLATE, "{tenantid}")),
        (
            "a tenant in another case",
            token(&one, issuer("ONE"), "ONE"),
        ),
        ("an unknown tenant", token(&one, issuer("three"), "three")),
        ("no tenant", token(&one, issuer(""), "")),
        ("a path", token(&one, issuer("two/../one"), "two/../one")),
        (
            "an encoded path",
            token(&one, issuer("two%2f..%2fone"), "two%2f..%2fone"),
        ),
        (
            "another host",
            token(&one, issuer("one@evil.example"), "one@evil.example"),
        ),
        ("a NUL", token(&one, issuer("one\0"), "one\0")),
        (
            "a slash behind",
            token(&one, format!("{}/", issuer("one")), "one"),
        ),
        (
            "a longer host",
            token(&one, issuer("one").replace(".com", ".com.evil"), "one"),
        ),
    ];
    for (attack, token) in attacks {
        let token = token.build();
        // The second response comes from the cache, and must be the same.
        for _ in 0..2 {
            let answer = get_with(address, &token).await;
            assert_eq!(answer.status, 401, "{attack}: {answer:?}");
            assert_eq!(answer.json()["error"], "invalid_token", "{attack}");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(
                challenge.starts_with(r#"Bearer error="invalid_token""#),
                "{attack}: {challenge}"
            );
            assert!(
                !challenge.contains("login.example.com"),
                "{attack}: {challenge}"
            );
            assert_eq!(inner.calls(), 0, "{attack} got through");
        }
    }
    // Only valid tenant names reach the look-up.
    for tenant in requests.lock().unwrap().iter() {
        assert!(
            ["one", "two", "three", "ONE"].contains(&&**tenant),
            "{tenant:?}"
        );
    }

    for (key, tenant) in [(&one, "one"), (&two, "two")] {
        let token = token(key, issuer(tenant), tenant).build();
        get_with(address, &token).await.assert_passed();
    }
}
