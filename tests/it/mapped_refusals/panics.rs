//! Mappings that panic.

use std::panic::panic_any;

use http::Response;
use tower::ServiceExt;
use tower_bearer_auth::reject::ReplyBody;
use tower_bearer_auth::{Refused, reject};
use tower_layer::Layer;

use super::components::all;
use super::{Map, answer, auth, request};
use crate::support::{Answer, Inner, Logs, read, refused, send, serve};

fn panics(_: &Refused, _: Response<ReplyBody>) -> Response<ReplyBody> {
    panic!("the key is xyzzy")
}

#[track_caller]
fn assert_server_error(answer: &Answer) {
    let body = refused("server_error", "The server cannot answer this request");
    answer.assert_refusal(500, None, &body);
}

#[tokio::test]
async fn a_panic_is_a_500_for_every_component() {
    let map: Map = std::sync::Arc::new(panics);
    for case in all(Some(&map)) {
        let sent = request(case.method, case.headers, case.body);
        let response = case.service.oneshot(sent).await.unwrap();
        // It says what was refused, not what is sent.
        let refused = response.extensions().get::<Refused>().unwrap().clone();
        assert_eq!(refused.status(), case.status);
        assert_eq!(refused.component(), case.component);
        assert_server_error(&read(response).await);
    }
}

#[tokio::test]
async fn the_request_is_not_passed_on() {
    let inner = Inner::default();
    let layer = auth().map_refusal(panics);
    assert_server_error(&answer(layer.layer(inner.clone()), &[]).await);
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn the_log_names_the_component_and_not_the_text_of_the_panic() {
    let logs = Logs::capture();
    let layer = auth().map_refusal(panics);
    assert_server_error(&answer(layer.layer(Inner::default()), &[]).await);
    let text = logs.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
    let [line] = lines[..] else {
        panic!("{text}");
    };
    assert!(line.contains("tower_bearer_auth::setup"), "{line}");
    assert!(line.contains(r#"by="BearerAuthLayer""#), "{line}");
    assert!(line.contains("map_refusal"), "{line}");
    assert!(!text.contains("xyzzy"), "{text}");
}

#[tokio::test]
async fn a_body_that_panics_when_it_is_converted_is_a_500() {
    struct Broken;
    impl From<Broken> for ReplyBody {
        fn from(_: Broken) -> Self {
            panic!("the key is xyzzy")
        }
    }
    let layer = auth().map_refusal(|_, response| response.map(|_| Broken));
    assert_server_error(&answer(layer.layer(Inner::default()), &[]).await);
}

#[tokio::test]
async fn a_panic_without_a_text_is_a_500_too() {
    let layer = auth().map_refusal(|refused, response| {
        if refused.status() == 401 {
            panic_any(7);
        }
        response
    });
    assert_server_error(&answer(layer.layer(Inner::default()), &[]).await);
}

#[tokio::test]
async fn the_connection_and_the_layer_survive_a_panic() {
    let layer = auth().map_refusal(|refused, response| match refused.reason() {
        "no_token" => panic!("the key is xyzzy"),
        _ => reject::problem_details(refused, response),
    });
    let server = serve(layer.layer(Inner::default())).await;
    let stream = tokio::net::TcpStream::connect(server).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        for (token, status) in [
            (None, 500),
            (Some("Bearer bad"), 401),
            (Some("Bearer x"), 200),
        ] {
            let mut request = http::Request::post("/").header("host", "api.test");
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let body = http_body_util::Full::new(bytes::Bytes::from_static(b"a body"));
            client.ready().await.unwrap();
            let response = client.send_request(request.body(body).unwrap()).await;
            let answer = read(response.unwrap()).await;
            assert_eq!(answer.status, status);
            assert!(answer.header("connection").is_none());
        }
    }
    // A connection of its own.
    let request = http::Request::get("/").body(Default::default()).unwrap();
    assert_server_error(&send(server, request).await);
}
