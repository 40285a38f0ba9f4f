//! A proof is for one method and one URL, however the request spells its target (RFC 9112 §3.2).

use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use tower_bearer_auth::BearerAuthLayer;
use tower_layer::Layer;

use super::World;
use crate::support::{Inner, answer_of};

/// The status of a request with a proof for this method and URL.
async fn status(world: &World, request: (&str, &str), proof: (&str, &str)) -> u16 {
    let service = BearerAuthLayer::new(world.verifier())
        .dpop(world.dpop())
        .layer(Inner::default());
    let token = world.bound().build();
    let signed = world.client.proof(proof.0, proof.1, &token).htu(proof.1);
    let signed = signed.clock(&world.clock).build();
    let request = Request::builder()
        .method(Method::from_bytes(request.0.as_bytes()).unwrap())
        .uri(request.1.parse::<Uri>().unwrap())
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", HeaderValue::try_from(signed).unwrap())
        // None of these says what the client requested.
        .header("host", "evil.example.com")
        .header("x-forwarded-host", "evil.example.com")
        .header("x-forwarded-proto", "http")
        .header("x-http-method-override", "DELETE")
        .header("x-original-url", "/other");
    let request = request.body(Full::<bytes::Bytes>::default()).unwrap();
    let answer = answer_of(service, request).await;
    if answer.status != 200 {
        assert_eq!(answer.status, 401, "{answer:?}");
        // The answer to `HEAD` has no body.
        let challenge = answer.header("www-authenticate").unwrap();
        let error = r#"DPoP error="invalid_dpop_proof", "#;
        assert!(challenge.starts_with(error), "{answer:?}");
    }
    answer.status.as_u16()
}

#[tokio::test]
async fn the_origin_is_the_configured_one_in_every_form_of_target() {
    let world = World::new();
    let good = "https://api.example.com/notes";
    for (method, target, proof, expected) in [
        ("GET", "/notes", ("GET", good), 200),
        ("GET", "/notes?", ("GET", good), 200),
        (
            "GET",
            "/notes",
            ("GET", "https://api.example.com/notes?"),
            200,
        ),
        ("GET", "http://evil.example.com/notes", ("GET", good), 200),
        (
            "GET",
            "http://evil.example.com/notes",
            ("GET", "http://evil.example.com/notes"),
            401,
        ),
        ("GET", "https://api.example.com/notes", ("GET", good), 200),
        (
            "GET",
            "http://api.example.com:80",
            ("GET", "https://api.example.com"),
            200,
        ),
        ("GET", "http://api.example.com:80", ("GET", good), 401),
        ("CONNECT", "evil.example.com:443", ("CONNECT", good), 401),
        (
            "CONNECT",
            "evil.example.com:443",
            ("CONNECT", "https://evil.example.com/"),
            401,
        ),
        (
            "OPTIONS",
            "*",
            ("OPTIONS", "https://api.example.com/*"),
            401,
        ),
        ("OPTIONS", "*", ("OPTIONS", "https://api.example.com/"), 401),
        ("OPTIONS", "*", ("OPTIONS", "https://api.example.com*"), 401),
        ("GET", "//notes", ("GET", good), 401),
        (
            "GET",
            "//notes",
            ("GET", "https://api.example.com//notes"),
            200,
        ),
        ("GET", "/notes/", ("GET", good), 401),
        ("GET", "/Notes", ("GET", good), 401),
        ("GET", "/notes;v=1", ("GET", good), 401),
        (
            "GET",
            "/notes%2F",
            ("GET", "https://api.example.com/notes/"),
            401,
        ),
        (
            "GET",
            "/notes%3Fx",
            ("GET", "https://api.example.com/notes?x"),
            401,
        ),
        ("GET", "/notes%00", ("GET", good), 401),
    ] {
        let found = status(&world, (method, target), proof).await;
        assert_eq!(found, expected, "{method} {target} {proof:?}");
    }
}

#[tokio::test]
async fn the_method_is_compared_with_its_case() {
    let world = World::new();
    let url = "https://api.example.com/notes";
    for (method, proof, expected) in [
        ("HEAD", "HEAD", 200),
        ("HEAD", "GET", 401),
        ("GET", "HEAD", 401),
        ("GET", "get", 401),
        ("get", "GET", 401),
        ("get", "get", 200),
        ("POST", "DELETE", 401),
        ("OPTIONS", "OPTIONS", 200),
        ("GET", "GET ", 401),
        ("GET", "", 401),
    ] {
        let found = status(&world, (method, "/notes"), (proof, url)).await;
        assert_eq!(found, expected, "{method} {proof}");
    }
}

#[tokio::test]
async fn a_url_of_another_origin_never_matches() {
    let world = World::new();
    for url in [
        "https://api.example.com.evil.example/notes",
        "https://api.example.com:8443/notes",
        "https://api.example.com:443443/notes",
        "https://api.example.com:0443/notes",
        "https://api.example.com./notes",
        "https://api.example.com@evil.example/notes",
        "https://evil.example@api.example.com/notes",
        "https://@api.example.com/notes",
        "https://api.example.com\\@evil.example/notes",
        "https://evil.example/https://api.example.com/notes",
        "https://evil.example#https://api.example.com/notes",
        "https:/api.example.com/notes",
        "https:api.example.com/notes",
        "//api.example.com/notes",
        "/notes",
        "notes",
        "",
        "http://api.example.com/notes",
        "http://api.example.com:443/notes",
        "wss://api.example.com/notes",
        "https://api.example.com\t/notes",
        " https://api.example.com/notes",
        "https://api.example.com/notes ",
        "https://api.example.com/notes\n",
        "https://аpi.example.com/notes",
        "https://api。example.com/notes",
        "https://api%00.example.com/notes",
        "https://api.example.com%2Fnotes",
        "https://[::ffff:7f00:1%25eth0]/notes",
        "https://api.example.com/\u{ff0f}notes",
        "https://api.example.com/n\u{0307}otes",
    ] {
        let found = status(&world, ("GET", "/notes"), ("GET", url)).await;
        assert_eq!(found, 401, "{url:?}");
    }
    // The same URL in other spellings (RFC 3986 §6.2.2, §6.2.3).
    for url in [
        "HTTPS://API.example.COM:443/notes",
        "https://api.example.com:/notes#x",
        "https://api.ex%61mple.com/n%6ftes",
        "https://api.example.com/x/../notes",
    ] {
        let found = status(&world, ("GET", "/notes"), ("GET", url)).await;
        assert_eq!(found, 200, "{url:?}");
    }
}
