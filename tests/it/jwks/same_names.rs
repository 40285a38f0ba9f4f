//! Several keys with the same key ID, and keys and tokens without one.

use serde_json::json;

use super::{Fixture, refused};
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{Algorithm, InvalidReason};

fn named(algorithm: Algorithm, key_id: &str) -> SigningKey {
    SigningKey::generate(algorithm).with_key_id(key_id)
}

fn unnamed(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm)
}

async fn publishing<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.issuer.publish(Some(SigningKey::jwk_set(keys)));
    fixture
}

#[tokio::test]
async fn keys_of_different_algorithms_may_share_a_name() {
    let (rsa, ec) = (named(Algorithm::RS256, "a"), named(Algorithm::ES256, "a"));
    let fixture = publishing([&rsa, &ec]).await;
    for key in [&rsa, &ec] {
        fixture.accept(fixture.signed_by(key)).await;
        let tampered = fixture.signed_by(key).tampered().build();
        assert_eq!(
            refused(fixture.verify(&tampered).await),
            InvalidReason::BadSignature
        );
    }
    // A bad signature causes a fetch, because the issuer may have replaced the key under its key ID.
    assert_eq!(fixture.fetches(), 1 + 2);
}

#[tokio::test]
async fn up_to_four_keys_of_one_name_are_tried() {
    let keys: Vec<_> = (0..5).map(|_| named(Algorithm::ES256, "a")).collect();
    let fixture = publishing(&keys).await;
    for key in &keys[..4] {
        fixture.accept(fixture.signed_by(key)).await;
    }
    let fifth = fixture.signed_by(&keys[4]).build();
    assert_eq!(
        refused(fixture.verify(&fifth).await),
        InvalidReason::BadSignature
    );
    assert_eq!(fixture.fetches(), 1 + 1);
}

#[tokio::test]
async fn a_token_without_name_finds_its_key_among_one_and_among_several() {
    let keys = [Algorithm::ES256, Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| named(algorithm, "x"));
    for count in 1..=keys.len() {
        let fixture = publishing(&keys[..count]).await;
        for key in &keys[..count] {
            fixture
                .accept(fixture.signed_by(key).without_header("kid"))
                .await;
        }
        assert_eq!(fixture.fetches(), 1);
    }
}

#[tokio::test]
async fn a_token_without_name_may_be_signed_by_a_key_that_is_new() {
    let fixture = Fixture::loaded().await;
    fixture.issuer.rotate();
    let token = fixture.token().without_header("kid");
    fixture.accept(token).await;
    assert_eq!(fixture.fetches(), 2);
}

#[tokio::test]
async fn a_token_without_name_that_no_key_signed_counts_as_an_unknown_key() {
    let fixture = Fixture::loaded().await;
    let foreign = unnamed(Algorithm::ES256);
    for _ in 0..5 {
        let token = fixture.signed_by(&foreign).issued_at(fixture.an_hour_ago());
        assert_eq!(
            refused(fixture.verify(&token.build()).await),
            InvalidReason::UnknownKey
        );
    }
    assert_eq!(fixture.fetches(), 1 + 2);
    fixture.at_once(&fixture.token().build()).unwrap();
}

#[tokio::test]
async fn a_key_without_name_fits_every_token() {
    let (plain, other) = (unnamed(Algorithm::ES256), named(Algorithm::ES256, "a"));
    let fixture = publishing([&other, &plain]).await;
    fixture.accept(fixture.signed_by(&plain)).await;
    assert_eq!(fixture.jwks.status().keys(), 2);
    for name in ["a", "b"] {
        let token = fixture.signed_by(&plain).key_id(name).build();
        fixture.at_once(&token).unwrap();
    }
    let foreign = named(Algorithm::ES256, "a");
    let token = fixture.signed_by(&foreign).build();
    assert_eq!(
        refused(fixture.verify(&token).await),
        InvalidReason::BadSignature
    );
}

#[tokio::test]
async fn names_are_compared_to_the_byte() {
    let fixture = publishing([&named(Algorithm::ES256, "Key")]).await;
    fixture.jwks.refresh().await.unwrap();
    let key = named(Algorithm::ES256, "");
    for name in ["key", "Key ", "Key\0", "../Key", "' OR 1=1", ""] {
        let token = fixture.signed_by(&key).issued_at(fixture.an_hour_ago());
        let token = token.key_id(name).build();
        let reason = refused(fixture.verify(&token).await);
        assert_eq!(reason, InvalidReason::UnknownKey, "{name:?}");
    }
}

#[tokio::test]
async fn a_certificate_chain_beside_a_key_changes_nothing() {
    let fixture = Fixture::new().await;
    let mut jwk = fixture.issuer.key().jwk();
    jwk["x5c"] = json!(["MIIB"]);
    jwk["x5t"] = json!("bm90aGluZw");
    jwk["key_ops"] = json!(["verify", "sign"]);
    jwk["unheard-of"] = json!({"a": 1});
    fixture
        .issuer
        .publish(Some(json!({"keys": [jwk], "extra": true})));
    fixture.accept(fixture.token()).await;
}
