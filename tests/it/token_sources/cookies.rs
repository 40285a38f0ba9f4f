//! What is read from the `Cookie` fields, and what is left of them.

use http::Method;
use tower_bearer_auth::{BearerAuthLayer, TokenSource};

use super::{
    SAME_ORIGIN, Server, VERSIONS, assert_cross_site, assert_no_token, assert_passed,
    assert_two_tokens, values,
};
use crate::support::table;

fn layer() -> BearerAuthLayer<impl tower_bearer_auth::Verifier> {
    BearerAuthLayer::new(table())
        .max_token_length(16)
        .token_sources([TokenSource::cookie("__Host-token")])
}

#[tokio::test]
async fn the_cookie_is_taken_out_and_all_others_reach_the_handler_as_they_were() {
    let server = Server::start(layer()).await;
    for version in VERSIONS {
        for (fields, left) in [
            (&["__Host-token=reader"][..], &[][..]),
            (&["a=1; __Host-token=reader; b=2"], &["a=1; b=2"]),
            (&["a=1", "__Host-token=reader", "b=2"], &["a=1", "b=2"]),
            (
                &["__host-token=x;  b=\"2\" ;__Host-token=reader"],
                &["__host-token=x;  b=\"2\" "],
            ),
            (
                &["a=__Host-token=x", "__Host-token=reader"],
                &["a=__Host-token=x"],
            ),
        ] {
            let headers: Vec<_> = fields.iter().map(|field| ("cookie", *field)).collect();
            assert_passed(&server.get(version, &headers).await);
            // hyper removes the white space at the end of a field.
            let left: Vec<_> = left.iter().map(|field: &&str| field.trim_end()).collect();
            let reached = server.reached();
            let found: Vec<_> = values(&reached, "cookie")
                .iter()
                .map(|v| v.trim_end())
                .collect();
            assert_eq!(found, left, "{version:?} {fields:?}");
        }
    }
}

#[tokio::test]
async fn a_cookie_that_is_no_token_is_refused_and_still_taken_out() {
    let server = Server::start(layer()).await;
    let optional = Server::start(layer().optional()).await;
    for version in VERSIONS {
        for (fields, description) in [
            (
                &["__Host-token=\"reader\""][..],
                "The access token is malformed",
            ),
            (
                &["__Host-token=Bearer reader"],
                "The access token is malformed",
            ),
            (
                &["a=1; __Host-token= reader"],
                "The access token is malformed",
            ),
            (
                &["__Host-token=readerreaderreader"],
                "The access token is too long",
            ),
            (&["__Host-token=stale"], "The access token expired"),
        ] {
            let headers: Vec<_> = fields.iter().map(|field| ("cookie", *field)).collect();
            for server in [&server, &optional] {
                server
                    .get(version, &headers)
                    .await
                    .assert_invalid_token(description);
                server.assert_nothing_reached();
            }
        }
        for fields in [
            &[][..],
            &["a=1"],
            &["__Host-token="],
            &["__Host-token"],
            &["__host-token=reader"],
        ] {
            let headers: Vec<_> = fields.iter().map(|field| ("cookie", *field)).collect();
            assert_no_token(&server.get(version, &headers).await);
            let answer = optional.get(version, &headers).await;
            assert_eq!(answer.body, "anonymous");
            let reached = optional.reached();
            let left = values(&reached, "cookie");
            assert!(
                left.iter()
                    .all(|field| !field.contains("token=") || field.contains("__host"))
            );
        }
        for fields in [
            &["__Host-token=reader; __Host-token=reader"][..],
            &["__Host-token=reader; a=1; __Host-token=writer"],
            &["__Host-token=reader", "__Host-token=reader"],
            &["__Host-token=reader", "a=1; __Host-token="],
            &["__Host-token=?; __Host-token=reader"],
        ] {
            let headers: Vec<_> = fields.iter().map(|field| ("cookie", *field)).collect();
            for server in [&server, &optional] {
                assert_two_tokens(&server.get(version, &headers).await);
                server.assert_nothing_reached();
            }
        }
    }
}

#[tokio::test]
async fn every_method_takes_a_cookie_from_the_servers_own_pages() {
    let server = Server::start(layer()).await;
    let cookie = ("cookie", "__Host-token=reader");
    let methods = [
        "GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE", "PURGE",
    ];
    for version in VERSIONS {
        for (index, method) in methods.iter().enumerate() {
            let method: Method = method.parse().unwrap();
            let answer = server.send(version, &method, &[cookie, SAME_ORIGIN]).await;
            assert_eq!(answer.status, 200, "{method}");
            assert!(!server.reached().contains_key("cookie"));
            // Without any sign of the page, only the safe methods pass.
            let answer = server.send(version, &method, &[cookie]).await;
            if index < 4 {
                assert_eq!(answer.status, 200, "{method}");
                server.reached();
            } else {
                assert_cross_site(&answer);
                server.assert_nothing_reached();
            }
        }
    }
}
