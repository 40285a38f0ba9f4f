//! A proof is used once at a tenant, whatever the route, and not at another tenant.

use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::routing::get as on_get;
use tower_bearer_auth::auth::LayerByRequest;
use tower_bearer_auth::possession::{Dpop, RequestHead};
use tower_bearer_auth::testing::{DpopKey, SigningKey};
use tower_bearer_auth::{
    Algorithm, BearerAuthLayer, Clock, JwtVerifier, ProtectedResource, StaticTokenVerifier,
};
use tower_layer::Layer;

use crate::support::{Answer, Inner, get, serve_axum, with_token};

const ISSUER: &str = "https://issuer.example.com";
const TENANTS: [&str; 2] = ["https://blue.example.com", "https://red.example.com"];

#[tokio::test]
async fn a_proof_that_was_used_at_a_tenant_is_refused_there_through_any_route() {
    let clock = Clock::manual(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let key = SigningKey::generate(Algorithm::ES256);
    let client = DpopKey::new();
    let layers = TENANTS.map(|url| {
        let resource = ProtectedResource::new(url).authorization_servers([ISSUER]);
        // The same issuer and audience, so that only the proof tells the tenants apart.
        let verifier = JwtVerifier::builder()
            .key(key.verifying_key())
            .issuer(ISSUER)
            .audience("https://api.example.com")
            .clock(clock.clone())
            .build()
            .unwrap();
        BearerAuthLayer::new(verifier)
            .resource(&resource)
            .dpop(Dpop::new().clock(clock.clone()))
    });
    let layers = LayerByRequest::new(move |head: RequestHead<'_>| {
        let authority = head.authority()?;
        let index = TENANTS
            .iter()
            .position(|url| url.ends_with(authority.as_str()))?;
        Some(layers[index].clone())
    });
    // Two servers, and on each of them two routes with the layer around each.
    let app = || {
        Router::new()
            .route(
                "/notes",
                on_get(|| async { "inside" }).layer(layers.clone()),
            )
            .route(
                "/{other}",
                on_get(|| async { "inside" }).layer(layers.clone()),
            )
    };
    let servers = [serve_axum(app()).await, serve_axum(app()).await];

    let token = key
        .token()
        .issuer(ISSUER)
        .audience("https://api.example.com")
        .clock(clock.clone())
        .bound_to(&client)
        .build();
    let authorization = format!("DPoP {token}");
    let send = async |server: usize, host: &str, path: &str, proof: &str| -> Answer {
        let headers = [
            ("host", host),
            ("authorization", &authorization),
            ("dpop", proof),
        ];
        get(servers[server], path, &headers).await
    };
    let blue = "blue.example.com";
    let url = "https://blue.example.com/notes";
    let proof = client.proof("GET", url, &token).clock(&clock).build();
    // At another tenant the proof is for another URL, and is not used up.
    let answer = send(0, "red.example.com", "/notes", &proof).await;
    assert_eq!(answer.json()["error"], "invalid_dpop_proof");
    send(0, blue, "/notes", &proof).await.assert_passed();
    for (server, path) in [(0, "/notes"), (1, "/notes"), (0, "/n%6ftes")] {
        let answer = send(server, blue, path, &proof).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.json()["error"], "invalid_dpop_proof");
    }
    let url = "https://red.example.com/notes";
    let proof = client.proof("GET", url, &token).clock(&clock).build();
    send(1, "red.example.com", "/notes", &proof)
        .await
        .assert_passed();
}

#[tokio::test]
async fn a_layer_that_does_not_know_its_url_is_a_500() {
    let layers = LayerByRequest::new(|_: RequestHead<'_>| {
        let verifier = StaticTokenVerifier::new(Vec::<(&str, _)>::new());
        Some(BearerAuthLayer::new(verifier).dpop(Dpop::new()))
    });
    let service = layers.layer(Inner::default());
    crate::support::answer_of(service, with_token("any"))
        .await
        .assert_no_layer();
}
