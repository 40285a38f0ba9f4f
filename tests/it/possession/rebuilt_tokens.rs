//! A token that a verifier of the application's own makes from another verifier's token stays bound to its key.

use serde_json::Value;
use tower::ServiceExt;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, Verifier, VerifierExt, VerifyError, verify_fn,
};

use super::{Server, World};

/// How an application makes its token from the verified one.
type Rebuild = fn(BearerToken, AccessToken) -> AccessToken;

fn rebuilding(world: &World, rebuild: Rebuild) -> impl Verifier + use<> {
    let jwt = world.verifier();
    verify_fn(move |token: BearerToken| {
        let jwt = jwt.clone();
        async move {
            let verified = jwt.oneshot(token.clone()).await?;
            Ok::<_, VerifyError>(rebuild(token, verified))
        }
    })
}

#[tokio::test]
async fn a_verifier_that_drops_the_key_does_not_unbind_the_token() {
    let world = World::new();
    let rebuilds: [(&str, Rebuild); 4] = [
        ("a new token", |token, verified| {
            let subject = verified.subject().unwrap_or_default();
            AccessToken::builder(token).subject(subject).build()
        }),
        ("other claims", |_, verified| {
            let builder = verified.to_builder().raw_claims(r#"{"plan":"gold"}"#);
            builder.unwrap().build()
        }),
        ("the token as text", |token, _| {
            let token: BearerToken = token.as_str().parse().unwrap();
            AccessToken::builder(token).subject("alice").build()
        }),
        ("null", |_, verified| {
            verified.to_builder().claim("cnf", Value::Null).build()
        }),
    ];
    for (how, rebuild) in rebuilds {
        let verifier = rebuilding(&world, rebuild);
        let cached = BearerAuthLayer::new(verifier.clone().cached(10)).dpop(world.dpop());
        let cached = Server::start(cached).await;
        let server = Server::start(BearerAuthLayer::new(verifier).dpop(world.dpop())).await;
        let bearer = format!("Bearer {}", world.bound().build());
        for server in [&server, &cached, &cached] {
            let answer = server.get(&[("authorization", &bearer)]).await;
            assert_eq!(answer.status, 401, "{how}: {answer:?}");
            assert!(answer.body.contains("invalid_token"), "{answer:?}");
            assert_eq!(server.inner.calls(), 0, "{how}");
        }
        // Tokens that are not bound pass as before.
        if how != "null" {
            let bearer = format!("Bearer {}", world.plain().build());
            server
                .get(&[("authorization", &bearer)])
                .await
                .assert_passed();
        }
    }
}

#[tokio::test]
async fn a_verifier_that_adds_to_a_token_keeps_its_key() {
    let world = World::new();
    let verifier = rebuilding(&world, |_, verified| {
        verified.to_builder().claim("plan", "gold").build()
    });
    let server = Server::start(BearerAuthLayer::new(verifier).dpop(world.dpop())).await;
    let token = world.bound().build();
    let bearer = format!("Bearer {token}");
    assert_eq!(server.get(&[("authorization", &bearer)]).await.status, 401);
    let proof = world.proof(&token).build();
    server.get_with(&token, &proof).await.assert_passed();
}
