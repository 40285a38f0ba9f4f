//! What is sent of a mapped response.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use tower::ServiceExt;
use tower_bearer_auth::reject::ReplyBody;
use tower_bearer_auth::{BearerAuthLayer, Refused, StaticTokenVerifier};
use tower_layer::Layer;

use super::{Headers, answer, auth, request, values, with_dpop};
use crate::support::Inner;
use crate::telemetry::recorded::Recorded;

const BEARER: &str = r#"Bearer realm="notes""#;

/// A response with this status and nothing else.
fn plain(status: u16) -> Response<&'static str> {
    let response = Response::builder().status(status);
    response.body("my own").unwrap()
}

#[tokio::test]
async fn every_kind_of_body_is_sent_whole() {
    fn text(response: Response<ReplyBody>) -> Response<String> {
        response.map(|_| "gr\u{fc}n".to_owned())
    }
    let answers = [
        answer(
            auth().map_refusal(|_, r| text(r)).layer(Inner::default()),
            &[],
        )
        .await,
        answer(
            auth()
                .map_refusal(|_, r| r.map(|_| "gr\u{fc}n"))
                .layer(Inner::default()),
            &[],
        )
        .await,
        answer(
            auth()
                .map_refusal(|_, r| text(r).map(String::into_bytes))
                .layer(Inner::default()),
            &[],
        )
        .await,
        answer(
            auth()
                .map_refusal(|_, r| text(r).map(Bytes::from))
                .layer(Inner::default()),
            &[],
        )
        .await,
        answer(
            auth()
                .map_refusal(|_, r| text(r).map(ReplyBody::from))
                .layer(Inner::default()),
            &[],
        )
        .await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body, "gr\u{fc}n");
        assert_eq!(answer.header("www-authenticate"), Some(BEARER));
    }
    let empty = auth()
        .map_refusal(|_, r| r.map(|_| ""))
        .layer(Inner::default());
    assert_eq!(answer(empty, &[]).await.body, "");
}

#[tokio::test]
async fn a_dropped_challenge_is_put_back_into_a_401_or_403_alone() {
    for status in [200, 204, 302, 400, 404, 429, 500, 503] {
        let layer = auth().map_refusal(move |_, _| plain(status));
        let answer = answer(layer.layer(Inner::default()), &[]).await;
        assert_eq!(answer.status, status);
        assert!(answer.header("www-authenticate").is_none(), "{status}");
        assert_eq!(answer.body, "my own");
    }
    for status in [401, 403] {
        let layer = auth().map_refusal(move |_, _| plain(status));
        let answer = answer(layer.layer(Inner::default()), &[]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("www-authenticate"), Some(BEARER));
        assert_eq!(answer.body, "my own");
    }
    // A refusal without a challenge gets none.
    let layer = auth().map_refusal(|_, _| plain(401));
    let down: Headers = &[("authorization", "Bearer down")];
    let answer = answer(layer.layer(Inner::default()), down).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").is_none());
}

#[tokio::test]
async fn a_kept_challenge_is_not_doubled() {
    let default = answer(with_dpop().layer(Inner::default()), &[]).await;
    let [bearer, dpop] = values(&default, "www-authenticate")[..] else {
        panic!("{default:?}");
    };
    assert_eq!(bearer, BEARER);
    assert!(dpop.starts_with("DPoP "), "{dpop}");

    // What the mapping leaves in the header, and what is sent.
    let own = "Negotiate";
    let table: &[(&[&str], &[&str])] = &[
        (&[bearer, dpop], &[bearer, dpop]),
        (&[dpop, bearer], &[dpop, bearer]),
        (&[], &[bearer, dpop]),
        (&[bearer], &[bearer, dpop]),
        (&[dpop], &[dpop, bearer]),
        (&[own], &[own, bearer, dpop]),
        (&[own, dpop], &[own, dpop, bearer]),
        (&[bearer, bearer], &[bearer, bearer, dpop]),
        (&["Bearer"], &["Bearer", bearer, dpop]),
    ];
    for (left, sent) in table {
        let left: Vec<HeaderValue> = left.iter().map(|value| value.parse().unwrap()).collect();
        let layer = with_dpop().map_refusal(move |_, mut response| {
            response.headers_mut().remove(WWW_AUTHENTICATE);
            for value in &left {
                response
                    .headers_mut()
                    .append(WWW_AUTHENTICATE, value.clone());
            }
            response
        });
        let answer = answer(layer.layer(Inner::default()), &[]).await;
        assert_eq!(answer.status, 401);
        assert_eq!(values(&answer, "www-authenticate"), *sent);
    }
}

#[tokio::test]
async fn a_grpc_response_stays_without_a_dropped_challenge() {
    for (content_type, has_challenge) in [
        ("application/grpc", false),
        ("application/grpc+proto", false),
        ("APPLICATION/GRPC; charset=utf-8", false),
        ("application/grpc-web", true),
        ("application/json", true),
    ] {
        let layer = auth().map_refusal(move |_, _| {
            let response = Response::builder().status(401);
            let response = response.header("content-type", content_type);
            response.body("").unwrap()
        });
        let answer = answer(layer.layer(Inner::default()), &[]).await;
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.is_some(), has_challenge, "{content_type}");
    }
}

#[tokio::test]
async fn fields_and_statuses_are_sent_as_the_mapping_leaves_them() {
    let layer = with_dpop().map_refusal(|refused, mut response| {
        *response.status_mut() = StatusCode::SEE_OTHER;
        let login = HeaderValue::from_static("https://login.test/");
        response.headers_mut().insert(LOCATION, login);
        let reason = refused.reason().parse().unwrap();
        response.headers_mut().insert("x-reason", reason);
        response
    });
    let answer = answer(layer.layer(Inner::default()), &[]).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("https://login.test/"));
    assert_eq!(answer.header("x-reason"), Some("no_token"));
    // What it did not touch.
    assert_eq!(values(&answer, "www-authenticate").len(), 2);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_length_of_another_body_is_not_sent() {
    for lengths in [&["4096"][..], &["0"], &["6", "7"], &["-1"], &["06"]] {
        let layer = auth().map_refusal(move |_, response| {
            let mut response = response.map(|_| "my own");
            for length in lengths {
                let length = HeaderValue::from_static(length);
                response.headers_mut().append(CONTENT_LENGTH, length);
            }
            response
        });
        let answer = answer(layer.layer(Inner::default()), &[]).await;
        assert!(answer.header("content-length").is_none(), "{lengths:?}");
        assert_eq!(answer.body, "my own");
    }
    let layer = auth().map_refusal(|_, _| {
        let response = Response::builder().header("content-length", "6");
        response.body("my own").unwrap()
    });
    let answer = answer(layer.layer(Inner::default()), &[]).await;
    assert_eq!(answer.header("content-length"), Some("6"));
}

#[tokio::test]
async fn refused_stays_an_extension_whatever_the_mapping_returns() {
    let service = auth()
        .map_refusal(|_, _| plain(200))
        .layer(Inner::default());
    let response = service.oneshot(request("GET", &[], "")).await.unwrap();
    assert_eq!(response.status(), 200);
    let refused = response.extensions().get::<Refused>().unwrap();
    assert_eq!(refused.reason(), "no_token");
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn the_audit_event_has_the_status_of_the_refusal() {
    let recorded = Recorded::start();
    let service = auth()
        .map_refusal(|_, _| plain(200))
        .layer(Inner::default());
    answer(service, &[]).await;
    let [decision] = &recorded.decisions()[..] else {
        panic!("not one decision");
    };
    assert_eq!(decision["outcome"], "refused");
    assert_eq!(decision["status"], "401");
}

#[tokio::test]
async fn a_later_mapping_replaces_an_earlier_one() {
    let layer = auth()
        .map_refusal(|_, _| plain(418))
        .map_refusal(|_, _| plain(200));
    // A clone before a change keeps its own.
    let before = layer.clone();
    let after = layer.map_refusal(|_, _| plain(404));
    assert_eq!(
        answer(before.layer(Inner::default()), &[]).await.status,
        200
    );
    assert_eq!(answer(after.layer(Inner::default()), &[]).await.status, 404);
}

#[test]
fn debug_shows_nothing_of_a_mapping() {
    let secret = "xyzzy".to_owned();
    let verifier = StaticTokenVerifier::new(Vec::<(&str, _)>::new());
    let layer = BearerAuthLayer::new(verifier).map_refusal(move |_, _| {
        let secret = secret.clone();
        Response::new(secret)
    });
    let shown = format!("{layer:?}");
    assert!(shown.contains("RefusalMap"), "{shown}");
    assert!(!shown.contains("xyzzy"), "{shown}");
}

#[tokio::test]
async fn a_request_that_passes_is_not_mapped() {
    let inner = Inner::default();
    let service = auth().map_refusal(|_, _| plain(500)).layer(inner.clone());
    let passed = answer(service, &[super::GOOD]).await;
    passed.assert_passed();
    assert_eq!(inner.calls(), 1);
}
