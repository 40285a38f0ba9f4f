//! A bound token is refused without its proof, with every verifier, cache and combination of layers.

use std::sync::Arc;
use std::time::Duration;

use axum::{Router, routing::get as route};
use http::{HeaderValue, Request};
use serde_json::json;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tower_bearer_auth::possession::Confirmation;
use tower_bearer_auth::testing::TestCertificate;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, ByIssuer, CacheLayer, IntrospectionVerifier, InvalidReason,
    JwtVerifier, StaticToken, StaticTokenVerifier, Verifier, VerifierExt, VerifyErrorKind,
    verify_fn,
};
use tower_layer::Layer;

use super::{AUDIENCE, ISSUER, PATH, Server, World, assert_dpop_error};
use crate::support::{Inner, answer_of, get, serve, serve_axum};

const BOUND: &str = "The access token is bound to a key and cannot be used as a bearer token";

/// Asserts that a layer without checks refuses the token in both schemes, and that a layer with DPoP accepts it with
/// its proof and only then.
async fn assert_needs_proof(world: &World, verifier: impl Verifier, token: &str) {
    let checking = || BearerAuthLayer::new(verifier.clone()).dpop(world.dpop());
    // One after the other, so that each layer finds what an earlier one has cached.
    for round in 0..2 {
        let plain = Server::start(BearerAuthLayer::new(verifier.clone())).await;
        let bearer = format!("Bearer {token}");
        let answer = plain.get(&[("authorization", &bearer)]).await;
        answer.assert_invalid_token(BOUND);
        let proof = world.proof(token).build();
        assert_eq!(plain.get_with(token, &proof).await.status, 401);
        assert_eq!(plain.inner.calls(), 0);

        let server = Server::start(checking()).await;
        let answer = server.get(&[("authorization", &bearer)]).await;
        assert_eq!(answer.status, 401, "round {round}: {answer:?}");
        let dpop = format!("DPoP {token}");
        let answer = server.get(&[("authorization", &dpop)]).await;
        assert_dpop_error(
            &answer,
            "invalid_dpop_proof",
            "The request has no DPoP proof",
        );
        let answer = server.get_with(token, &proof).await;
        assert_eq!(answer.status, 200, "round {round}: {answer:?}");
        assert_eq!(server.inner.calls(), 1);

        let optional = Server::start(BearerAuthLayer::new(verifier.clone()).optional()).await;
        let answer = optional.get(&[("authorization", &bearer)]).await;
        answer.assert_invalid_token(BOUND);
        let optional = Server::start(checking().optional()).await;
        assert_eq!(
            optional.get(&[("authorization", &bearer)]).await.status,
            401
        );
        assert_eq!(optional.inner.calls(), 0);

        // A layer that checks certificates only.
        let certificates = BearerAuthLayer::new(verifier.clone()).client_certificates();
        let certificates = Server::start(certificates).await;
        let answer = certificates.get(&[("authorization", &bearer)]).await;
        answer.assert_invalid_token(BOUND);
    }
}

#[tokio::test]
async fn every_verifier_needs_the_proof_of_a_bound_token() {
    let world = World::new();
    let token = world.bound().build();
    let jwt = world.verifier();
    assert_needs_proof(&world, jwt.clone(), &token).await;
    assert_needs_proof(&world, jwt.clone().cached(100), &token).await;
    let remembers = CacheLayer::new(100).remember_refusals(Duration::from_secs(60));
    assert_needs_proof(&world, remembers.layer(jwt.clone()), &token).await;
    let keys = || StaticTokenVerifier::new([("key-1", StaticToken::new("reports"))]);
    assert_needs_proof(&world, jwt.clone().or_else(keys()), &token).await;
    assert_needs_proof(&world, keys().or_else(jwt.clone()), &token).await;
    assert_needs_proof(&world, jwt.clone().erased(), &token).await;
    assert_needs_proof(&world, jwt.clone().check(|_| Ok(())), &token).await;
    let by_issuer = ByIssuer::new().issuer(ISSUER, jwt.clone());
    assert_needs_proof(&world, by_issuer.clone(), &token).await;
    assert_needs_proof(&world, by_issuer.cached(100), &token).await;

    let cnf = json!({"jkt": world.client.thumbprint()});
    let meaning = StaticToken::new("reports").claim("cnf", cnf.clone());
    let table = StaticTokenVerifier::new([("opaque", meaning)]);
    assert_needs_proof(&world, table, "opaque").await;
    let raw = format!(r#"{{"sub":"alice","cnf":{cnf}}}"#);
    let hand_made = verify_fn(move |token| {
        let builder = AccessToken::builder(token).raw_claims(raw.clone());
        async move { Ok::<_, tower_bearer_auth::VerifyError>(builder.unwrap().build()) }
    });
    assert_needs_proof(&world, hand_made, "opaque").await;
}

#[tokio::test]
async fn an_introspected_token_needs_its_proof_if_the_answer_names_a_key() {
    let world = World::new();
    let jkt = world.client.thumbprint();
    for (members, needs_proof) in [
        (json!({"cnf": {"jkt": jkt}, "token_type": "DPoP"}), true),
        (json!({"cnf": {"jkt": jkt}, "token_type": "dpop"}), true),
        (json!({"cnf": {"jkt": jkt}}), true),
        (
            json!({"cnf": {"jkt": jkt}, "token_type": "access_token"}),
            true,
        ),
        // The answer contradicts itself, or names a key that this crate does not know.
        (json!({"cnf": {"jkt": jkt}, "token_type": "Bearer"}), false),
        (json!({"token_type": "DPoP"}), false),
        (
            json!({"cnf": {"jkt": jkt, "kid": "1"}, "token_type": "DPoP"}),
            false,
        ),
        (json!({"cnf": {"jwk": {}}, "token_type": "DPoP"}), false),
        (json!({"cnf": null}), false),
    ] {
        let mut answer =
            json!({"active": true, "sub": "alice", "aud": AUDIENCE, "exp": 4_000_000_000_u64});
        answer
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let answer = answer.to_string();
        let endpoint = Router::new().route(
            "/",
            axum::routing::post(move || {
                let answer = answer.clone();
                async move { ([("content-type", "application/json")], answer) }
            }),
        );
        let endpoint = serve_axum(endpoint).await;
        let verifier = IntrospectionVerifier::builder(format!("http://{endpoint}/"))
            .client_secret_basic("server", "secret")
            .audience(AUDIENCE)
            .build()
            .unwrap();
        if needs_proof {
            assert_needs_proof(&world, verifier.clone(), "opaque").await;
            assert_needs_proof(&world, verifier.cached(10), "opaque").await;
        } else {
            let server = BearerAuthLayer::new(verifier).dpop(world.dpop());
            let server = Server::start(server).await;
            let answer = server
                .get_with("opaque", &world.proof("opaque").build())
                .await;
            assert_eq!(answer.status, 401, "{members}");
            let bearer = [("authorization", "Bearer opaque")];
            assert_eq!(server.get(&bearer).await.status, 401, "{members}");
            assert_eq!(server.inner.calls(), 0);
        }
    }
}

#[tokio::test]
async fn a_verifier_alone_refuses_a_bound_token() {
    let world = World::new();
    for verifier in [
        world.verifier().erased(),
        world.verifier().cached(10).erased(),
    ] {
        let token = world.bound().build().parse().unwrap();
        let error = verifier.oneshot(token).await.unwrap_err();
        assert!(matches!(
            error.kind(),
            VerifyErrorKind::Invalid(InvalidReason::BoundToKey)
        ));
    }
}

#[tokio::test]
async fn a_token_with_a_binding_that_no_check_proves_is_refused() {
    let world = World::new();
    let layer = BearerAuthLayer::new(world.verifier())
        .dpop(world.dpop())
        .client_certificates();
    let server = Server::start(layer).await;
    let jkt = world.client.thumbprint();
    for cnf in [
        json!(null),
        json!({}),
        json!([]),
        json!({"jkt": jkt, "x": 1}),
        json!({"jkt": [jkt]}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"jwk": {"kty": "EC"}}),
        json!({"kid": "1"}),
        json!({"x5t": jkt}),
        json!({"x5t#S256": "short"}),
        json!({"jku": "https://example.com"}),
    ] {
        let token = world.plain().claim("cnf", cnf.clone()).build();
        for scheme in ["DPoP", "Bearer"] {
            let proof = world.proof(&token).build();
            let headers = [
                ("authorization", &*format!("{scheme} {token}")),
                ("dpop", &*proof),
            ];
            let answer = server.get(&headers).await;
            assert_eq!(answer.status, 401, "{cnf}");
            assert!(answer.body.contains("invalid_token"), "{answer:?}");
        }
    }
    assert_eq!(server.inner.calls(), 0);
}

#[tokio::test]
async fn a_token_that_is_bound_twice_needs_both() {
    let world = World::new();
    let certificate = TestCertificate::generate("client");
    let presented = certificate.client_certificate();
    let token = world.bound().bound_to_certificate(&presented).build();
    let both = || {
        BearerAuthLayer::new(world.verifier())
            .dpop(world.dpop())
            .client_certificates()
    };
    let request = |has_certificate: bool, proof: Option<String>| {
        let mut request = Request::get(PATH)
            .header("authorization", format!("DPoP {token}"))
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .unwrap();
        if let Some(proof) = proof {
            let proof = HeaderValue::try_from(proof).unwrap();
            request.headers_mut().insert("dpop", proof);
        }
        if has_certificate {
            request.extensions_mut().insert(presented.clone());
        }
        request
    };
    let service = both().layer(Inner::default());
    for (has_certificate, has_proof, status) in [
        (true, true, 200),
        (false, true, 401),
        (true, false, 401),
        (false, false, 401),
    ] {
        let proof = has_proof.then(|| world.proof(&token).build());
        let answer = answer_of(service.clone(), request(has_certificate, proof)).await;
        assert_eq!(answer.status, status, "{has_certificate} {has_proof}");
    }
    // A layer that checks only one of the two proves only half.
    let half = BearerAuthLayer::new(world.verifier()).dpop(world.dpop());
    let service = half.layer(Inner::default());
    let proof = world.proof(&token).build();
    let answer = answer_of(service, request(true, Some(proof))).await;
    assert_dpop_error(&answer, "invalid_token", BOUND);
}

#[tokio::test]
async fn a_waiver_applies_only_to_what_the_layer_does_not_check() {
    let world = World::new();
    let verifier = JwtVerifier::builder()
        .key(world.issuer.verifying_key())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(world.clock.clone())
        .accept_unchecked_confirmation()
        .build()
        .unwrap()
        .cached(10);
    let token = world.bound().build();
    let bearer = format!("Bearer {token}");
    let server = Server::start(BearerAuthLayer::new(verifier.clone())).await;
    server
        .get(&[("authorization", &bearer)])
        .await
        .assert_passed();
    let server = Server::start(BearerAuthLayer::new(verifier.clone()).dpop(world.dpop())).await;
    assert_eq!(server.get(&[("authorization", &bearer)]).await.status, 401);
    server
        .get_with(&token, &world.proof(&token).build())
        .await
        .assert_passed();
    // What this layer does not check is waived as before.
    let certificate = TestCertificate::generate("client").client_certificate();
    let bearer = format!(
        "Bearer {}",
        world.plain().bound_to_certificate(&certificate).build()
    );
    server
        .get(&[("authorization", &bearer)])
        .await
        .assert_passed();
}

#[tokio::test]
async fn handlers_see_the_keys_and_not_the_proof_of_another_layer() {
    let world = World::new();
    let expected = world.client.thumbprint();
    let handler = move |token: AccessToken| {
        let keys: Vec<_> = token.confirmations().collect();
        assert_eq!(keys, [Confirmation::JwkThumbprint(&expected)]);
        async { "inside" }
    };
    let outer = BearerAuthLayer::new(world.verifier()).dpop(world.dpop());
    // An inner layer without DPoP does not take over what the outer one proved.
    let inner = BearerAuthLayer::new(world.verifier());
    let app = Router::new()
        .route(PATH, route(handler))
        .route("/nested", route(|| async { "inside" }).layer(inner.clone()))
        .layer(outer.clone());
    let address = serve_axum(app).await;
    let token = world.bound().build();
    let authorization = format!("DPoP {token}");
    let proof = world.proof(&token).build();
    let headers = [("authorization", &*authorization), ("dpop", &*proof)];
    get(address, PATH, &headers).await.assert_passed();
    let url = "https://api.example.com/nested";
    let proof = world.proof(&token).htu(url).build();
    let headers = [("authorization", &*authorization), ("dpop", &*proof)];
    assert_eq!(get(address, "/nested", &headers).await.status, 401);

    let forwarding = outer
        .forward_authorization()
        .layer(inner.layer(Inner::default()));
    let address = serve(forwarding).await;
    let proof = world.proof(&token).build();
    let headers = [("authorization", &*authorization), ("dpop", &*proof)];
    assert_eq!(get(address, PATH, &headers).await.status, 401);
}

#[tokio::test]
async fn a_nested_router_is_called_by_the_url_that_the_client_uses() {
    let world = World::new();
    let layer = BearerAuthLayer::new(world.verifier()).dpop(world.dpop());
    let nested = Router::new()
        .route("/{id}", route(|| async { "inside" }))
        .layer(layer);
    let app = Router::new().nest("/api", Router::new().nest("/notes", nested));
    let address = serve_axum(app).await;
    let token = world.bound().build();
    let authorization = format!("DPoP {token}");
    let request = async |htu: &str| {
        let proof = world.proof(&token).htu(htu).build();
        let headers = [("authorization", &*authorization), ("dpop", &*proof)];
        get(address, "/api/notes/7?x=1", &headers).await
    };
    let answer = request("https://api.example.com/7").await;
    let description = "The DPoP proof is for another method or URL";
    assert_dpop_error(&answer, "invalid_dpop_proof", description);
    request("https://api.example.com/api/notes/7")
        .await
        .assert_passed();
    request("https://api.example.com/api/notes/7?x=2#y")
        .await
        .assert_passed();
}

#[tokio::test]
async fn two_layers_with_and_without_proofs_share_no_verification() {
    let world = World::new();
    let (jwt, calls) = (world.verifier(), Arc::new(Semaphore::new(0)));
    let release = Arc::new(Semaphore::new(0));
    let slow = verify_fn({
        let (calls, release) = (Arc::clone(&calls), Arc::clone(&release));
        move |token| {
            let (calls, release) = (Arc::clone(&calls), Arc::clone(&release));
            let verified = jwt.clone().oneshot(token);
            async move {
                calls.add_permits(1);
                release.acquire().await.unwrap().forget();
                verified.await
            }
        }
    });
    let verifier = CacheLayer::new(10)
        .remember_refusals(Duration::from_secs(60))
        .layer(slow);
    let plain = Server::start(BearerAuthLayer::new(verifier.clone())).await;
    let checking = Server::start(BearerAuthLayer::new(verifier).dpop(world.dpop())).await;
    let token = world.bound().build();
    let bearer = format!("Bearer {token}");
    let proofs = [(); 3].map(|()| world.proof(&token).build());

    let refused = async || plain.get(&[("authorization", &bearer)]).await;
    let both_begun = async {
        calls.acquire_many(2).await.unwrap().forget();
        release.add_permits(2);
    };
    let (first, second, ()) =
        tokio::join!(refused(), checking.get_with(&token, &proofs[0]), both_begun);
    first.assert_invalid_token(BOUND);
    second.assert_passed();
    // Now both results are cached.
    refused().await.assert_invalid_token(BOUND);
    checking.get_with(&token, &proofs[1]).await.assert_passed();
    refused().await.assert_invalid_token(BOUND);
    checking.get_with(&token, &proofs[2]).await.assert_passed();
    assert_eq!(calls.available_permits(), 0, "no further verification");
}
