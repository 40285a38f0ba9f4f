//! Which layer a request gets, by its authority, its path or a header.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::{get as on_get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};
use tower_bearer_auth::auth::LayerByRequest;
use tower_bearer_auth::possession::RequestHead;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, Refused, RequireScopesLayer, StaticTokenVerifier, VerifyError,
    reject, verify_fn,
};
use tower_layer::Layer;

use super::{layer, unknown};
use crate::support::{Inner, Logs, answer_of, get, no_token, read, serve, serve_axum};

type Tenants = HashMap<&'static str, BearerAuthLayer<StaticTokenVerifier>>;

fn tenants() -> Tenants {
    ["blue", "red"]
        .map(|name| (name, layer(name)))
        .into_iter()
        .collect()
}

fn by_host() -> LayerByRequest<StaticTokenVerifier> {
    let tenants = tenants();
    LayerByRequest::new(move |head: RequestHead<'_>| {
        let authority = head.authority()?;
        let name = authority.host().strip_suffix(".example.com")?;
        tenants.get(name).cloned()
    })
}

const BLUE: &str = "Bearer token-of-blue";
const RED: &str = "Bearer token-of-red";

#[tokio::test]
async fn a_token_passes_at_its_own_tenant_and_no_other() {
    let inner = Inner::default();
    let server = serve(by_host().layer(inner.clone())).await;
    for (host, token, passes) in [
        ("blue.example.com", BLUE, true),
        ("red.example.com", RED, true),
        ("blue.example.com", RED, false),
        ("red.example.com", BLUE, false),
        ("red.example.com:8443", RED, true),
    ] {
        let answer = get(server, "/", &[("host", host), ("authorization", token)]).await;
        match passes {
            true => answer.assert_passed(),
            false => {
                let name = host.split('.').next().unwrap();
                let description = "The access token is not known";
                assert_eq!(answer.status, 401);
                let challenge = answer.header("www-authenticate").unwrap();
                let start = format!(r#"Bearer realm="{name}", error="invalid_token""#);
                assert!(challenge.starts_with(&start), "{challenge} {description}");
            }
        }
    }
    assert_eq!(inner.calls(), 3);
    let answer = get(server, "/", &[("host", "red.example.com")]).await;
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Bearer realm="red""#)
    );
}

#[tokio::test]
async fn a_request_for_an_unknown_tenant_is_not_found_with_or_without_a_token() {
    let inner = Inner::default();
    let server = serve(by_host().layer(inner.clone())).await;
    for host in [
        "green.example.com",
        "example.com",
        "",
        "blue.example.com@red",
        // A handler that reads the field itself could take this for the host of red.
        "red.example.com@blue.example.com",
        "red.example.com:80@blue.example.com",
    ] {
        for token in [None, Some(BLUE)] {
            let headers: Vec<_> = [("host", host)]
                .into_iter()
                .chain(token.map(|token| ("authorization", token)))
                .collect();
            let answer = get(server, "/", &headers).await;
            answer.assert_refusal(404, None, &unknown());
        }
    }
    // Two hosts, and a host that contradicts the URI.
    let request = |uri: &str, hosts: &[&str]| {
        let mut request = Request::get(uri).header("authorization", BLUE);
        for host in hosts {
            request = request.header("host", *host);
        }
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let blue = "blue.example.com";
    for (uri, hosts) in [
        ("/", &[blue, blue][..]),
        ("/", &[blue, "red.example.com"]),
        ("http://red.example.com/", &[blue]),
        ("http://blue.example.com/", &["red.example.com"]),
    ] {
        let service = by_host().layer(inner.clone());
        let response = service.oneshot(request(uri, hosts)).await.unwrap();
        let refused = response.extensions().get::<Refused>().unwrap();
        assert_eq!(
            (refused.reason(), refused.component(), refused.status()),
            (
                "unknown_tenant",
                "LayerByRequest",
                http::StatusCode::NOT_FOUND
            )
        );
        assert_eq!(refused.challenges().count(), 0);
        read(response).await.assert_refusal(404, None, &unknown());
    }
    assert_eq!(inner.calls(), 0);
    let service = by_host().layer(inner);
    answer_of(service, request("http://blue.example.com/", &[blue]))
        .await
        .assert_passed();
}

#[tokio::test]
async fn over_http_2_the_authority_chooses() {
    let app = Router::new()
        .route("/", on_get(|| async { "inside" }))
        .layer(by_host());
    let server = serve_axum(app).await;
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for (uri, status) in [
        ("http://blue.example.com/", 200),
        ("http://red.example.com/", 401),
        ("http://green.example.com/", 404),
    ] {
        let request = Request::get(uri)
            .header("authorization", BLUE)
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = read(client.send_request(request).await.unwrap()).await;
        assert_eq!(answer.status, status, "{uri}");
    }
}

#[tokio::test]
async fn a_path_or_a_header_chooses_too() {
    let by_path = {
        let tenants = tenants();
        LayerByRequest::new(move |head: RequestHead<'_>| {
            let name = head.uri.path().split('/').nth(1)?;
            tenants.get(name).cloned()
        })
    };
    let server = serve(by_path.layer(Inner::default())).await;
    for (path, token, status) in [
        ("/blue/notes", BLUE, 200),
        ("/red", RED, 200),
        ("/red/notes", BLUE, 401),
        ("//blue", BLUE, 404),
        ("/", BLUE, 404),
        ("/Blue", BLUE, 404),
    ] {
        let answer = get(server, path, &[("authorization", token)]).await;
        assert_eq!(answer.status, status, "{path}");
    }

    let by_header = {
        let tenants = tenants();
        LayerByRequest::new(move |head: RequestHead<'_>| {
            let mut names = head.headers.get_all("x-tenant").iter();
            let (Some(name), None) = (names.next(), names.next()) else {
                return None;
            };
            tenants.get(name.to_str().ok()?).cloned()
        })
    };
    let server = serve(by_header.layer(Inner::default())).await;
    for (names, status) in [
        (&["blue"][..], 200),
        (&["red"], 401),
        (&["blue", "blue"], 404),
        (&[], 404),
    ] {
        let tenants = names.iter().map(|name| ("x-tenant", *name));
        let headers: Vec<_> = tenants.chain([("authorization", BLUE)]).collect();
        let answer = get(server, "/", &headers).await;
        assert_eq!(answer.status, status, "{names:?}");
    }
}

/// The layers are built once, so that what they remember outlives a request.
#[tokio::test]
async fn each_request_gets_a_clone_of_the_same_layer() {
    use tower_bearer_auth::VerifierExt;

    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let verifier = verify_fn(move |token| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, VerifyError>(AccessToken::builder(token).subject("alice").build()) }
    });
    let layer = BearerAuthLayer::new(verifier.cached(10));
    let layers = LayerByRequest::new(move |_| Some(layer.clone()));
    let server = serve(layers.layer(Inner::default())).await;
    for _ in 0..5 {
        let answer = get(server, "/", &[("authorization", "Bearer any")]).await;
        answer.assert_passed();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn guards_and_handlers_behind_it_use_the_layer_of_the_tenant() {
    let app = Router::new()
        .route("/scoped", on_get(|| async { "inside" }))
        .route_layer(RequireScopesLayer::all(["admin"]))
        .route(
            "/",
            on_get(|token: AccessToken| async move { token.client_id().unwrap().to_owned() }),
        )
        .layer(by_host());
    let server = serve_axum(app).await;
    let headers = [("host", "red.example.com"), ("authorization", RED)];
    let answer = get(server, "/", &headers).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "cli"));
    let answer = get(server, "/scoped", &headers).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            r#"Bearer realm="red", error="insufficient_scope", scope="admin", error_description="The access token lacks a required scope""#
        )
    );
}

/// An identity from further out must not pass, and neither must one that the client cannot have sent.
#[tokio::test]
async fn an_optional_layer_of_one_tenant_opens_no_other() {
    let layers = LayerByRequest::new(|head: RequestHead<'_>| match head.uri.path() {
        "/open" => Some(layer("open").optional()),
        "/closed" => Some(layer("closed")),
        _ => None,
    });
    let app = Router::new()
        .fallback(
            |token: Option<Extension<AccessToken>>| async move { format!("{}", token.is_some()) },
        )
        .layer(layers);
    let server = serve_axum(app).await;
    let answer = get(server, "/open", &[]).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "false"));
    assert_eq!(get(server, "/closed", &[]).await.status, 401);
    assert_eq!(get(server, "/other", &[]).await.status, 404);
}

#[tokio::test]
async fn a_function_that_panics_is_a_500_and_passes_no_request() {
    let logs = Logs::capture();
    let layers = LayerByRequest::new(|head: RequestHead<'_>| match head.uri.path() {
        "/good" => Some(layer("good")),
        _ => panic!("the table is broken"),
    });
    let inner = Inner::default();
    let service = layers.layer(inner.clone());
    let request = |path: &str| {
        Request::get(path)
            .header("authorization", "Bearer token-of-good")
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let answer = answer_of(service.clone(), request("/bad")).await;
    answer.assert_no_layer();
    assert_eq!(inner.calls(), 0);
    answer_of(service, request("/good")).await.assert_passed();
    let text = logs.text();
    assert!(text.contains("ERROR"), "{text}");
    assert!(
        text.contains("the function that chooses the layer has panicked"),
        "{text}"
    );
    assert!(!text.contains("token-of-good"), "{text}");
}

#[tokio::test]
async fn a_request_for_no_tenant_can_get_an_answer_of_your_own() {
    let layers = by_host().map_refusal(reject::problem_details);
    let server = serve(layers.layer(Inner::default())).await;
    let answer = get(server, "/", &[("host", "green.example.com")]).await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(
        answer.json()["detail"],
        "The server has nothing at this address"
    );
    // Each tenant has its own.
    let answer = get(server, "/", &[("host", "red.example.com")]).await;
    answer.assert_refusal(401, Some(r#"Bearer realm="red""#), &no_token());
}

/// The client's connection stays usable, as behind every layer.
#[tokio::test]
async fn the_body_of_a_request_for_no_tenant_is_read() {
    let app = Router::new()
        .route("/", post(|| async { "inside" }))
        .layer(by_host());
    let server = serve_axum(app).await;
    let client = reqwest::Client::new();
    for _ in 0..3 {
        let answer = client
            .post(format!("http://{server}/"))
            .header("host", "green.example.com")
            .body(vec![b'x'; 10_000])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404);
        assert!(!answer.headers().contains_key("connection"));
    }
}

/// As behind a layer of one tenant.
#[tokio::test]
async fn a_refused_request_gives_its_inner_permit_back() {
    let permits = Arc::new(Semaphore::new(1));
    let inner = Inner::default();
    let limited = ConcurrencyLimit::with_semaphore(inner.clone(), Arc::clone(&permits));
    let panics = LayerByRequest::<StaticTokenVerifier>::new(|_| panic!("no layer"));
    for layer in [by_host(), panics] {
        let mut service = layer.layer(limited.clone());
        for host in ["green.example.com", "blue.example.com"] {
            let request = Request::get("/").header("host", host);
            let request = request.body(Full::<Bytes>::default()).unwrap();
            let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut service).await;
            let response = ready.unwrap().call(request);
            assert_eq!(permits.available_permits(), 1, "{host}");
            assert!(!response.await.unwrap().status().is_success());
        }
    }
    assert_eq!(inner.calls(), 0);
}
