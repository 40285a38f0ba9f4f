//! The recipes in the documentation of `providers`, with tokens and responses in the form that the providers
//! document. Names and numbers are made up.

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer_auth::testing::SigningKey;
use tower_bearer_auth::{
    AccessToken, Algorithm, BearerToken, Clock, InvalidReason, JwtVerifier, JwtVerifierBuilder,
    Verifier, VerifyErrorKind,
};

mod accounts;
mod documentation;
mod entra;
mod grants;
mod odd_issuers;
mod opaque;
mod opaque_recipes;
mod recipes;
mod self_hosted;
mod services;
mod several;
mod token_exchange;
mod token_review;
mod workloads;

const NOW: u64 = 1_800_000_000;
const TENANT: &str = "8d1e6a3c-2f4b-4c5d-9e7f-0a1b2c3d4e5f";
const LEGACY_SECRET: &str = "a-legacy-secret-of-some-forty-characters";

/// The provider's key. All providers use key IDs, so it has one.
static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::ES256).with_key_id("key-1"));

fn clock() -> Clock {
    Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW))
}

/// A recipe's verifier with the provider's key as a local key, which never fetches.
fn verifier(recipe: fn(JwtVerifierBuilder) -> JwtVerifierBuilder) -> JwtVerifier {
    let builder = JwtVerifier::builder()
        .clock(clock())
        .key(KEY.verifying_key());
    recipe(builder).build().unwrap()
}

/// A token with these claims and the header `typ` `JWT`, issued now and valid for an hour.
fn jwt(claims: &Value) -> String {
    let token = KEY.token().clock(clock());
    token.claims(claims.clone()).build()
}

/// A token with another header `typ`, or without one.
fn jwt_of_type(token_type: Option<&str>, claims: &Value) -> String {
    let token = KEY.token().clock(clock()).claims(claims.clone());
    match token_type {
        Some(token_type) => token.token_type(token_type).build(),
        None => token.without_header("typ").build(),
    }
}

/// The claims with these changes. `null` removes a claim.
fn but(claims: &Value, changes: Value) -> Value {
    let mut claims = claims.clone();
    let Value::Object(changes) = changes else {
        panic!("changes are an object, not {changes}")
    };
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes {
        match value {
            Value::Null => drop(members.remove(&name)),
            value => drop(members.insert(name, value)),
        }
    }
    claims
}

fn verify(verifier: &impl Verifier, token: &str) -> Result<AccessToken, InvalidReason> {
    let token: BearerToken = token.parse().unwrap();
    let answer = pin!(verifier.clone().oneshot(token));
    let Poll::Ready(answer) = answer.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("keys are fetched")
    };
    answer.map_err(|error| match error.into().kind() {
        VerifyErrorKind::Invalid(reason) => reason,
        other => panic!("{other:?}"),
    })
}

/// Asserts that a token is accepted with this subject, client and scopes.
#[track_caller]
fn assert_taken(
    verifier: &impl Verifier,
    token: &str,
    (subject, client_id, scopes): (&str, Option<&str>, &str),
) -> AccessToken {
    let token = verify(verifier, token).unwrap();
    assert_eq!(token.subject(), Some(subject));
    assert_eq!(token.client_id(), client_id);
    assert_eq!(token.scopes().as_str(), scopes);
    token
}

#[track_caller]
fn assert_refused(verifier: &impl Verifier, token: &str, reason: InvalidReason) {
    assert_eq!(verify(verifier, token).unwrap_err(), reason);
}

/// Asserts that a token with changed claims is refused.
#[track_caller]
fn assert_refused_but(
    verifier: &impl Verifier,
    claims: &Value,
    changes: Value,
    reason: InvalidReason,
) {
    assert_refused(verifier, &jwt(&but(claims, changes)), reason);
}

/// The claims of an ID token for the client, which no recipe accepts.
fn id_token(claims: &Value, client_id: &str) -> Value {
    but(
        claims,
        json!({
            "aud": client_id,
            "nonce": "n-0S6_WzA2Mj",
            "email": "alice@example.com",
            "scope": null,
            "scp": null,
        }),
    )
}
