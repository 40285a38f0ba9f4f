//! The table of answers: each kind of request, and its challenges.

use serde_json::json;
use tower_bearer_auth::possession::DpopNonces;
use tower_bearer_auth::testing::DpopKey;
use tower_bearer_auth::{BearerAuthLayer, ProtectedResource, RequireScopesLayer};
use tower_layer::Layer;

use super::{ALGS, AUDIENCE, PATH, Server, World, assert_dpop_error, challenges};
use crate::support::{Answer, Inner, get, no_token, refused, serve};

/// Asserts the status, the challenges and the body.
#[track_caller]
fn assert_answer(answer: &Answer, status: u16, expected: &[&str], body: &serde_json::Value) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(challenges(answer), expected);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("dpop-nonce"), None);
    assert_eq!(answer.json(), *body);
}

const BOUND: &str = "The access token is bound to a key and cannot be used as a bearer token";
const NOT_BOUND: &str = "The access token must be bound to a key and sent with a DPoP proof";
const OTHER_KEY: &str = "The access token is bound to another key";
const REPEATED: &str = "The request has more than one Authorization header";

#[tokio::test]
async fn each_kind_of_request_gets_the_answer_of_the_table() {
    let world = World::new();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(world.dpop())).await;
    let offer = format!(r#"DPoP algs="{ALGS}""#);

    // Without a token: both schemes, no error.
    for headers in [
        vec![],
        vec![("authorization", "Basic eDp5")],
        vec![("dpop", "x")],
        vec![("authorization", "DPoP")],
        vec![("authorization", "Bearer")],
    ] {
        let answer = server.get(&headers).await;
        assert_answer(&answer, 401, &["Bearer", &offer], &no_token());
    }

    // Plain tokens are accepted as before, and a proof beside them is ignored.
    let plain = world.plain().build();
    let bearer = format!("Bearer {plain}");
    server
        .get(&[("authorization", &bearer)])
        .await
        .assert_passed();
    let proof = world.proof(&plain).build();
    let both = [("authorization", &*bearer), ("dpop", &*proof)];
    server.get(&both).await.assert_passed();

    // A bound token as Bearer, without a proof and with a good one.
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    let bearer = format!("Bearer {token}");
    let error = format!(r#"Bearer error="invalid_token", error_description="{BOUND}""#);
    for headers in [
        vec![("authorization", &*bearer)],
        vec![("authorization", &*bearer), ("dpop", &*proof)],
    ] {
        let answer = server.get(&headers).await;
        assert_answer(
            &answer,
            401,
            &[&error, &offer],
            &refused("invalid_token", BOUND),
        );
    }
    // That proof was not used up.
    server.get_with(&token, &proof).await.assert_passed();

    // A plain token as DPoP, and a token of another key.
    let answer = server.get_with(&plain, &world.proof(&plain).build()).await;
    assert_dpop_error(&answer, "invalid_token", NOT_BOUND);
    let stolen = world.plain().bound_to(&DpopKey::new()).build();
    let answer = server
        .get_with(&stolen, &world.proof(&stolen).build())
        .await;
    assert_dpop_error(&answer, "invalid_token", OTHER_KEY);

    // A bad token, in each scheme.
    let expired = world.bound().expired().build();
    let answer = server
        .get_with(&expired, &world.proof(&expired).build())
        .await;
    assert_dpop_error(&answer, "invalid_token", "The access token expired");
    let answer = server.get(&[("authorization", "DPoP a b")]).await;
    assert_dpop_error(&answer, "invalid_token", "The access token is malformed");
    let description = "The access token is malformed";
    let error = format!(r#"Bearer error="invalid_token", error_description="{description}""#);
    let answer = server.get(&[("authorization", "Bearer a b")]).await;
    let body = refused("invalid_token", description);
    assert_answer(&answer, 401, &[&error, &offer], &body);

    // Both schemes.
    let dpop = format!("DPoP {token}");
    let body = refused("invalid_request", REPEATED);
    let errors = [
        format!(r#"Bearer error="invalid_request", error_description="{REPEATED}""#),
        format!(r#"DPoP error="invalid_request", algs="{ALGS}", error_description="{REPEATED}""#),
    ];
    for pair in [[&dpop, &bearer], [&bearer, &dpop], [&dpop, &dpop]] {
        let headers = pair.map(|value| ("authorization", &**value));
        let answer = server.get(&headers).await;
        assert_answer(&answer, 400, &errors.each_ref().map(|e| &**e), &body);
    }
    assert_eq!(server.inner.calls(), 3);
}

#[tokio::test]
async fn a_layer_that_requires_bound_tokens_challenges_with_dpop_alone() {
    let world = World::new();
    let dpop = world.dpop().required();
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop)).await;
    let offer = format!(r#"DPoP algs="{ALGS}""#);
    let answer = server.get(&[]).await;
    assert_answer(&answer, 401, &[&offer], &no_token());
    // Good or bad, bound or not.
    for token in [world.plain(), world.bound(), world.plain().expired()] {
        let bearer = format!("Bearer {}", token.build());
        let answer = server.get(&[("authorization", &bearer)]).await;
        assert_dpop_error(&answer, "invalid_token", NOT_BOUND);
    }
    let answer = server.get(&[("authorization", "Bearer a b")]).await;
    assert_dpop_error(&answer, "invalid_token", "The access token is malformed");
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    server.get_with(&token, &proof).await.assert_passed();
}

#[tokio::test]
async fn an_optional_layer_passes_only_a_request_without_a_token() {
    let world = World::new();
    let layer = BearerAuthLayer::new(world.verifier());
    let server = Server::start(layer.dpop(world.dpop()).optional()).await;
    server.get(&[]).await.assert_passed();
    let token = world.bound().build();
    let answer = server
        .get(&[("authorization", &format!("DPoP {token}"))])
        .await;
    assert_dpop_error(
        &answer,
        "invalid_dpop_proof",
        "The request has no DPoP proof",
    );
    let answer = server
        .get(&[("authorization", &format!("Bearer {token}"))])
        .await;
    assert_eq!(answer.status, 401);
    let proof = world.proof(&token).build();
    server.get_with(&token, &proof).await.assert_passed();
}

#[tokio::test]
async fn too_little_scope_is_an_error_of_the_scheme_of_the_token() {
    let world = World::new();
    let layer = BearerAuthLayer::new(world.verifier())
        .realm("notes")
        .required_scopes(["read", "write"])
        .dpop(world.dpop());
    let server = Server::start(layer).await;
    let description = "The access token lacks a required scope";
    let body = refused("insufficient_scope", description);
    let error = |scheme: &str, algs: &str| {
        format!(
            r#"{scheme} realm="notes", error="insufficient_scope", {algs}scope="read write", error_description="{description}""#
        )
    };
    let token = world.bound().build();
    let answer = server.get_with(&token, &world.proof(&token).build()).await;
    let algs = format!(r#"algs="{ALGS}", "#);
    assert_answer(&answer, 403, &[&error("DPoP", &algs)], &body);
    let bearer = format!("Bearer {}", world.plain().build());
    let answer = server.get(&[("authorization", &bearer)]).await;
    assert_answer(&answer, 403, &[&error("Bearer", "")], &body);

    // The same for the refusal by an inner guard.
    let guarded = RequireScopesLayer::all(["write"]).layer(Inner::default());
    let layer = BearerAuthLayer::new(world.verifier()).dpop(world.dpop());
    let address = serve(layer.layer(guarded)).await;
    let authorization = format!("DPoP {token}");
    let proof = world.proof(&token).build();
    let headers = [("authorization", &*authorization), ("dpop", &*proof)];
    let answer = get(address, PATH, &headers).await;
    let error = format!(
        r#"DPoP error="insufficient_scope", algs="{ALGS}", scope="write", error_description="{description}""#
    );
    assert_answer(&answer, 403, &[&error], &body);
}

#[tokio::test]
async fn both_challenges_name_the_scopes_and_the_metadata() {
    let world = World::new();
    let resource = ProtectedResource::new("https://api.example.com/notes")
        .authorization_servers([ISSUER_URL])
        .scopes(["read"]);
    // The origin is that of the resource.
    let dpop = tower_bearer_auth::possession::Dpop::new().clock(world.clock.clone());
    let layer = BearerAuthLayer::new(world.verifier())
        .dpop(dpop)
        .resource(&resource);
    let server = Server::start(layer).await;
    let rest = r#"scope="read", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/notes""#;
    let answer = server.get(&[]).await;
    let both = [
        format!("Bearer {rest}"),
        format!(r#"DPoP algs="{ALGS}", {rest}"#),
    ];
    assert_answer(&answer, 401, &both.each_ref().map(|c| &**c), &no_token());
    let token = world.bound().build();
    let proof = world.proof(&token).build();
    server.get_with(&token, &proof).await.assert_passed();
}

const ISSUER_URL: &str = "https://issuer.example.com";

#[tokio::test]
async fn the_metadata_promises_what_the_layer_checks() {
    let world = World::new();
    let resource = ProtectedResource::new(AUDIENCE).authorization_servers([ISSUER_URL]);
    let layer = || BearerAuthLayer::new(world.verifier()).resource(&resource);
    let members = |resource: ProtectedResource| async move {
        let address = crate::support::serve_axum(resource.router()).await;
        let answer = get(address, "/.well-known/oauth-protected-resource", &[]).await;
        let document = answer.json();
        [
            "dpop_signing_alg_values_supported",
            "dpop_bound_access_tokens_required",
            "tls_client_certificate_bound_access_tokens",
        ]
        .map(|name| document[name].clone())
    };
    let nothing = [json!(null), json!(null), json!(null)];
    assert_eq!(members(resource.clone()).await, nothing);
    assert_eq!(members(layer().protected_resource()).await, nothing);
    let algorithms: Vec<_> = ALGS.split(' ').collect();
    let dpop = layer().dpop(world.dpop());
    assert_eq!(
        members(dpop.protected_resource()).await,
        [json!(algorithms), json!(null), json!(null)]
    );
    let one = world
        .dpop()
        .required()
        .algorithms([tower_bearer_auth::Algorithm::ES256]);
    let all = layer().client_certificates().dpop(one);
    assert_eq!(
        members(all.protected_resource()).await,
        [json!(["ES256"]), json!(true), json!(true)]
    );
    let certificates = layer().client_certificates();
    assert_eq!(
        members(certificates.protected_resource()).await,
        [json!(null), json!(null), json!(true)]
    );
}

#[tokio::test]
async fn a_nonce_is_required_once_and_replaced_before_it_expires() {
    let world = World::new();
    let dpop = world.dpop().nonces(DpopNonces::new([7; 32]));
    let server = Server::start(BearerAuthLayer::new(world.verifier()).dpop(dpop)).await;
    let token = world
        .bound()
        .expires_in(std::time::Duration::from_secs(3600))
        .build();
    let description = "The DPoP proof needs the nonce of this response";

    let demand = async |proof: String| {
        let answer = server.get_with(&token, &proof).await;
        assert_dpop_error(&answer, "use_dpop_nonce", description);
        answer.header("dpop-nonce").unwrap().to_owned()
    };
    let nonce = demand(world.proof(&token).build()).await;
    assert_eq!(
        demand(world.proof(&token).nonce("made up").build()).await,
        nonce
    );
    assert_eq!(demand(world.proof(&token).nonce("").build()).await, nonce);

    let answer = server
        .get_with(&token, &world.proof(&token).nonce(&*nonce).build())
        .await;
    answer.assert_passed();
    assert_eq!(answer.header("dpop-nonce"), None);
    // Past half of its lifetime.
    world.clock.advance(std::time::Duration::from_secs(200));
    let answer = server
        .get_with(&token, &world.proof(&token).nonce(&*nonce).build())
        .await;
    answer.assert_passed();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let next = answer.header("dpop-nonce").unwrap();
    assert_ne!(next, nonce);
    world.clock.advance(std::time::Duration::from_secs(200));
    assert_ne!(
        demand(world.proof(&token).nonce(&*nonce).build()).await,
        nonce
    );
    server
        .get_with(&token, &world.proof(&token).nonce(next).build())
        .await
        .assert_passed();
}

#[test]
#[should_panic(expected = "a layer that checks DPoP proofs has to know its URL")]
fn a_layer_without_an_origin_is_not_built() {
    let world = World::new();
    let dpop = tower_bearer_auth::possession::Dpop::new();
    let _ = BearerAuthLayer::new(world.verifier())
        .dpop(dpop)
        .layer(Inner::default());
}
