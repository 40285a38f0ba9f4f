//! The answers that have the next nonce for a client, and the nonces that a server refuses.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower::{ServiceExt, service_fn};
use tower_bearer_auth::possession::DpopNonces;
use tower_bearer_auth::{BearerAuthLayer, JwtVerifier, RequireScopesLayer};
use tower_layer::Layer;

use super::{PATH, URL, World};

/// An inner service whose answers may be cached, and have a nonce of its own.
async fn inner(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = Response::builder()
        .header("content-type", "text/event-stream")
        .header("cache-control", "public, max-age=3600")
        .header("cache-control", "immutable")
        .header("dpop-nonce", "of-the-handler");
    Ok(response.body(Full::from("data: 1\n\n")).unwrap())
}

fn request(world: &World, method: &str, nonce: Option<&str>) -> Request<Full<Bytes>> {
    let token = world.bound().build();
    let proof = world.client.proof(method, URL, &token).clock(&world.clock);
    let proof = match nonce {
        Some(nonce) => proof.nonce(nonce).build(),
        None => proof.build(),
    };
    Request::builder()
        .method(method)
        .uri(PATH)
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", HeaderValue::try_from(proof).unwrap())
        .body(Full::default())
        .unwrap()
}

fn layer(world: &World) -> BearerAuthLayer<JwtVerifier> {
    let dpop = world.dpop().nonces(DpopNonces::new([7; 32]));
    BearerAuthLayer::new(world.verifier()).dpop(dpop)
}

fn values<B>(response: &Response<B>, name: &str) -> Vec<String> {
    let values = response.headers().get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_response_with_a_new_nonce_has_only_that_nonce_and_must_not_be_cached() {
    let world = World::new();
    let plain = layer(&world).layer(service_fn(inner));
    let closing = layer(&world)
        .close_streams_at_expiry()
        .layer(service_fn(inner));
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        let refused = plain
            .clone()
            .oneshot(request(&world, method, None))
            .await
            .unwrap();
        assert_eq!(refused.status(), 401);
        let [nonce] = &values(&refused, "dpop-nonce")[..] else {
            panic!("{refused:?}");
        };
        assert_eq!(values(&refused, "cache-control"), ["no-store"]);

        let answer = plain
            .clone()
            .oneshot(request(&world, method, Some(nonce)))
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(values(&answer, "dpop-nonce"), ["of-the-handler"]);
        assert_eq!(values(&answer, "cache-control").len(), 2);

        // Half of its lifetime later.
        world.clock.advance(Duration::from_secs(151));
        for service in [&plain, &closing] {
            let answer = service
                .clone()
                .oneshot(request(&world, method, Some(nonce)));
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            let next = values(&answer, "dpop-nonce");
            assert!(
                next.len() == 1 && next[0].len() == 32 && next[0] != *nonce,
                "{next:?}"
            );
            assert_eq!(values(&answer, "cache-control"), ["no-store"]);
        }
        // The answer of a guard behind the layer has it too.
        let guard = RequireScopesLayer::all(["admin"]).layer(service_fn(inner));
        let guarded = layer(&world).layer(guard);
        let answer = guarded
            .oneshot(request(&world, method, Some(nonce)))
            .await
            .unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(values(&answer, "dpop-nonce").len(), 1);
        assert_eq!(values(&answer, "cache-control"), ["no-store"]);
        let [challenge] = &values(&answer, "www-authenticate")[..] else {
            panic!("{answer:?}");
        };
        assert!(challenge.starts_with(r#"DPoP error="insufficient_scope", algs=""#));
    }
}

#[tokio::test]
async fn a_nonce_of_another_server_or_of_the_future_is_not_accepted() {
    let world = World::new();
    let service = layer(&world).layer(service_fn(inner));
    let nonce = async |secret: u8| {
        let dpop = world.dpop().nonces(DpopNonces::new([secret; 32]));
        let layer = BearerAuthLayer::new(world.verifier()).dpop(dpop);
        let service = layer.layer(service_fn(inner));
        let refused = service.oneshot(request(&world, "GET", None)).await.unwrap();
        values(&refused, "dpop-nonce").remove(0)
    };
    let ahead = World::new();
    ahead.clock.advance(Duration::from_secs(60));
    let refused = layer(&ahead).layer(service_fn(inner));
    let refused = refused.oneshot(request(&ahead, "GET", None)).await.unwrap();
    let of_the_future = values(&refused, "dpop-nonce").remove(0);
    for bad in [
        &nonce(8).await,
        &of_the_future,
        "",
        "a",
        &"A".repeat(32),
        &"A".repeat(10_000),
    ] {
        let answer = service
            .clone()
            .oneshot(request(&world, "GET", Some(bad)))
            .await
            .unwrap();
        assert_eq!(answer.status(), 401, "{bad}");
        let [challenge] = &values(&answer, "www-authenticate")[..] else {
            panic!("{answer:?}");
        };
        assert!(challenge.starts_with(r#"DPoP error="use_dpop_nonce", algs=""#));
    }
    let good = nonce(7).await;
    let answer = service
        .oneshot(request(&world, "GET", Some(&good)))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}
