//! A header with the token alone, and the `Authorization` header beside other sources.

use http::Method;
use tower_bearer_auth::{BearerAuthLayer, TokenSource};

use super::{Server, VERSIONS, assert_no_token, assert_passed, assert_two_tokens, values};
use crate::support::table;

const NAME: &str = "x-auth-request-access-token";

#[tokio::test]
async fn the_header_has_the_token_and_no_scheme() {
    let layer = BearerAuthLayer::new(table())
        .max_token_length(16)
        .token_sources([TokenSource::header("X-Auth-Request-Access-Token")]);
    let server = Server::start(layer.clone()).await;
    let optional = Server::start(layer.optional()).await;
    for version in VERSIONS {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let answer = server.send(version, &method, &[(NAME, "reader")]).await;
            assert_passed(&answer);
            assert!(!server.reached().contains_key(NAME));
        }
        for (value, description) in [
            ("Bearer reader", "The access token is malformed"),
            ("DPoP reader", "The access token is malformed"),
            ("reader, reader", "The access token is malformed"),
            ("\"reader\"", "The access token is malformed"),
            ("readerreaderreader", "The access token is too long"),
            ("who", "The access token is not recognized"),
        ] {
            for server in [&server, &optional] {
                let answer = server.get(version, &[(NAME, value)]).await;
                answer.assert_invalid_token(description);
                server.assert_nothing_reached();
            }
        }
        assert_no_token(&server.get(version, &[]).await);
        assert_no_token(&server.get(version, &[(NAME, "")]).await);
        assert_eq!(optional.get(version, &[(NAME, "")]).await.body, "anonymous");
        assert!(!optional.reached().contains_key(NAME));
        for values in [
            ["reader", "reader"],
            ["reader", ""],
            ["", ""],
            ["?", "reader"],
        ] {
            let twice = values.map(|value| (NAME, value));
            assert_two_tokens(&server.get(version, &twice).await);
            server.assert_nothing_reached();
        }
    }
}

#[tokio::test]
async fn without_the_authorization_source_that_header_is_left_alone() {
    let layer = || BearerAuthLayer::new(table()).token_sources([TokenSource::header(NAME)]);
    for layer in [layer(), layer().forward_authorization()] {
        let server = Server::start(layer).await;
        for version in VERSIONS {
            for fields in [
                &["Bearer writer"][..],
                &["Basic eDp5"],
                &["Bearer a", "Bearer b"],
            ] {
                let authorization = fields.iter().map(|value| ("authorization", *value));
                let headers: Vec<_> = authorization.collect();
                assert_no_token(&server.get(version, &headers).await);
                let headers: Vec<_> = headers.into_iter().chain([(NAME, "reader")]).collect();
                assert_passed(&server.get(version, &headers).await);
                let reached = server.reached();
                assert_eq!(values(&reached, "authorization"), fields);
                assert!(!reached.contains_key(NAME));
            }
        }
    }
}

#[tokio::test]
async fn the_authorization_header_is_read_as_without_sources() {
    let sources = || [TokenSource::authorization(), TokenSource::header(NAME)];
    let layer = || BearerAuthLayer::new(table()).token_sources(sources());
    let server = Server::start(layer()).await;
    let forwarding = Server::start(layer().forward_authorization()).await;
    for version in VERSIONS {
        let token = [("authorization", "bearer reader")];
        assert_passed(&server.get(version, &token).await);
        assert!(!server.reached().contains_key("authorization"));
        assert_passed(&forwarding.get(version, &token).await);
        assert_eq!(forwarding.reached()["authorization"], "bearer reader");

        // Credentials of another scheme are no token, and are removed.
        for other in ["Basic eDp5", "DPoP reader", "Bearer", ""] {
            let other = ("authorization", other);
            assert_no_token(&server.get(version, &[other]).await);
        }
        for other in ["Basic eDp5", "Bearer", ""] {
            let headers = [("authorization", other), (NAME, "reader")];
            assert_passed(&server.get(version, &headers).await);
            assert!(!server.reached().contains_key("authorization"));
            assert_passed(&forwarding.get(version, &headers).await);
            assert_eq!(forwarding.reached()["authorization"], other);
        }
        let twice = [token[0], token[0]];
        let answer = server.get(version, &twice).await;
        let description = "The request has more than one Authorization header";
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["error_description"], description);
    }
}
