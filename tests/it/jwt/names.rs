//! Names of verifiers, which keep the principals of different verifiers apart.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use tower::{Layer as _, ServiceExt};
use tower_bearer_auth::jwks::{HttpKeySource, Jwks};
use tower_bearer_auth::testing::{SigningKey, TestIssuer};
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerAuthLayer, Clock, JwtVerifier, JwtVerifierBuilder, Principal,
    StaticToken, StaticTokenVerifier, Verifier, verify_fn,
};

use super::config::assert_problems;
use super::{AUDIENCE, ISSUER, NOW, at, hs256_builder, jwt, signing_key, usual_verifier, verify};
use crate::support::{Inner, answer_of, with_token};
use crate::telemetry::recorded::Recorded;

fn any_issuer(key: &SigningKey) -> JwtVerifierBuilder {
    JwtVerifier::builder()
        .key(key.verifying_key())
        .accept_any_issuer()
        .audience(AUDIENCE)
        .clock(Clock::manual(at(NOW)))
}

/// The principal of a token with fixed claims, signed with this key.
fn principal(builder: JwtVerifierBuilder, key: &SigningKey) -> Principal {
    let token = verify(&builder.build().unwrap(), &jwt(key).build()).unwrap();
    token.principal().unwrap()
}

async fn ask(verifier: impl Verifier, token: &str) -> AccessToken {
    let answer = verifier.oneshot(token.parse().unwrap()).await;
    answer.map_err(Into::into).unwrap()
}

#[track_caller]
fn assert_all_differ(principals: &[Principal]) {
    let bytes: HashSet<_> = principals.iter().map(Principal::to_bytes).collect();
    assert_eq!(bytes.len(), principals.len(), "{principals:?}");
    let different: HashSet<_> = principals.iter().collect();
    assert_eq!(different.len(), principals.len(), "{principals:?}");
}

#[test]
fn verifiers_that_accept_any_issuer_have_distinct_principals() {
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::HS256));
    let [one, two] = &keys;
    assert_all_differ(&[
        principal(any_issuer(one), one),
        principal(any_issuer(two), two),
        principal(any_issuer(one).name("one"), one),
        principal(any_issuer(two).name("two"), two),
        // A verifier that checks the issuer, which the tokens of the others only claim to have.
        principal(hs256_builder(), signing_key(Algorithm::HS256)),
        principal(hs256_builder().name("three"), signing_key(Algorithm::HS256)),
        // A verifier with more keys.
        principal(any_issuer(one).key(two.verifying_key()), one),
    ]);
}

#[test]
fn a_principal_is_the_same_in_every_process_with_the_same_configuration() {
    let [one, two] = [(); 2].map(|()| SigningKey::generate(Algorithm::HS256));
    let both = || any_issuer(&one).key(two.verifying_key());
    let reversed = any_issuer(&two).key(one.verifying_key());
    assert_eq!(principal(both(), &one), principal(both(), &one));
    assert_eq!(principal(both(), &one), principal(reversed, &one));
    // For each key that may have made the signature.
    assert_eq!(principal(both(), &one), principal(both(), &two));
    // With a name, principals survive a change of keys.
    let named = |key| principal(any_issuer(key).name("staff"), key);
    assert_eq!(named(&one), named(&two));
    // With an issuer, they survive it as well.
    let pinned = |key: &SigningKey| {
        let builder = super::jwt_builder().key(key.verifying_key());
        principal(builder, key)
    };
    assert_eq!(pinned(&one), pinned(&two));
}

#[test]
fn debug_of_a_principal_shows_no_digest_of_a_key() {
    let key = signing_key(Algorithm::HS256);
    let any = format!("{:?}", principal(any_issuer(key), key));
    let pinned = format!("{:?}", principal(hs256_builder(), key));
    assert_eq!(any, pinned);
}

#[tokio::test]
async fn principals_of_any_issuer_differ_by_the_source_of_the_keys() {
    let issuers = [TestIssuer::start().await, TestIssuer::start().await];
    let mut principals = Vec::new();
    for issuer in &issuers {
        let source = HttpKeySource::builder(issuer.jwks_url()).build().unwrap();
        let verifier = JwtVerifier::builder()
            .jwks(Jwks::builder(source).build().unwrap())
            .accept_any_issuer()
            .audience(AUDIENCE)
            .build()
            .unwrap();
        let token = issuer.token().issuer(ISSUER).audience(AUDIENCE);
        let token = ask(verifier, &token.subject("alice").build()).await;
        principals.push(token.principal().unwrap());
    }
    assert_all_differ(&principals);
}

#[tokio::test]
async fn key_urls_that_differ_only_in_their_query_are_distinct() {
    let issuer = TestIssuer::start().await;
    let mut principals = Vec::new();
    for query in ["", "?tenant=a", "?tenant=b", "?tenant=a@b", "?tenant=b@b"] {
        let verifier = JwtVerifier::builder()
            .jwks_url(format!("{}{query}", issuer.jwks_url()))
            .accept_any_issuer()
            .audience(AUDIENCE)
            .build()
            .unwrap();
        let token = issuer.token().issuer(ISSUER).audience(AUDIENCE);
        let token = ask(verifier, &token.subject("alice").build()).await;
        principals.push(token.principal().unwrap());
    }
    assert_all_differ(&principals);
}

#[tokio::test]
async fn token_tables_and_custom_verifiers_have_names_as_well() {
    let table = || StaticTokenVerifier::new([("dev", StaticToken::new("dev"))]);
    let unnamed = ask(table(), "dev").await;
    let one = ask(table().name("one"), "dev").await;
    let two = ask(table().name(String::from("two")), "dev").await;
    assert_eq!(
        [&unnamed, &one, &two].map(AccessToken::verifier),
        ["static", "one", "two"]
    );
    let custom = |name: &'static str| {
        let token = AccessToken::builder("dev".parse().unwrap()).client_id("dev");
        token.verifier(name).build()
    };
    let closure = |name: Option<&'static str>| {
        let verifier = verify_fn(move |token| async move {
            let token = AccessToken::builder(token).client_id("dev");
            Ok(match name {
                Some(name) => token.verifier(name).build(),
                None => token.build(),
            })
        });
        verifier.name("five")
    };
    let five = ask(closure(None), "dev").await;
    assert_eq!(five.verifier(), "five");
    // The closure names its token itself.
    let six = ask(closure(Some("six")), "dev").await;
    assert_eq!(six.verifier(), "six");
    let tokens = [
        unnamed,
        one,
        two,
        custom("three"),
        custom("four"),
        five,
        six,
    ];
    assert_all_differ(&tokens.map(|token| token.principal().unwrap()));
}

#[test]
#[should_panic(expected = "a verifier's name is not empty")]
fn a_table_with_an_empty_name_panics() {
    let _ = StaticTokenVerifier::new([("dev", StaticToken::new("dev"))]).name("");
}

#[test]
#[should_panic(expected = "a verifier's name is not empty")]
fn a_closure_with_an_empty_name_panics() {
    let verifier = verify_fn(|token| async move { Ok(AccessToken::builder(token).build()) });
    let _ = verifier.name("");
}

#[tokio::test]
async fn the_name_of_a_closure_is_in_the_audit_event() {
    let verifier = || {
        verify_fn(|token| async move { Ok(AccessToken::builder(token).client_id("dev").build()) })
    };
    for (verifier, wanted) in [(verifier(), "custom"), (verifier().name("keys"), "keys")] {
        let recorded = Recorded::start();
        let service = BearerAuthLayer::new(verifier).layer(Inner::default());
        answer_of(service, with_token("dev")).await.assert_passed();
        assert_eq!(recorded.decisions()[0]["verifier"], wanted);
    }
}

#[tokio::test]
async fn the_name_is_in_the_audit_event() {
    let key = signing_key(Algorithm::HS256);
    let named = Arc::new(hs256_builder().name("staff").build().unwrap());
    for (verifier, wanted) in [
        (JwtVerifier::clone(&named), "staff"),
        (usual_verifier(), "jwt"),
        (any_issuer(key).build().unwrap(), "jwt"),
    ] {
        let recorded = Recorded::start();
        let service = BearerAuthLayer::new(verifier).layer(Inner::default());
        let token = jwt(key).claim("x", json!(null)).build();
        answer_of(service, with_token(&token)).await.assert_passed();
        assert_eq!(recorded.decisions()[0]["verifier"], wanted);
    }
}

#[test]
fn an_empty_name_and_the_default_name_for_any_issuer_are_refused() {
    assert_problems(hs256_builder().name(""), &["name(..) is empty"]);
    assert_problems(hs256_builder().name("jwt"), &[]);
    assert_problems(hs256_builder().name("staff"), &[]);
    let any = JwtVerifier::builder()
        .key(signing_key(Algorithm::HS256).verifying_key())
        .accept_any_issuer()
        .audience(AUDIENCE);
    assert_problems(any.clone(), &[]);
    assert_problems(any.clone().name("staff"), &[]);
    for name in ["jwt", "static", "custom", "introspection https://h.test/"] {
        let problem = format!("name({name:?}) is what other verifiers");
        assert_problems(any.clone().name(name), &[&problem]);
    }
}
