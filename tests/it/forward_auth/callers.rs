//! The headers that say who the caller is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Server, assert_passed, assert_refused, identity};
use crate::support::Answer;

/// The headers of the caller, decoded as their reader does.
fn caller(answer: &Answer) -> BTreeMap<String, String> {
    let decoded = |name: &str| {
        let value = answer.header(name).unwrap();
        assert!(
            value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~% ".contains(&byte)),
            "{name}: {value}"
        );
        // A form has `+` for a space, and no value has a `+`.
        let text = format!("x={value}");
        let (_, decoded) = form_urlencoded::parse(text.as_bytes()).next().unwrap();
        decoded.into_owned()
    };
    let names = identity::NAMES.map(|name| name.as_str().to_owned());
    names
        .into_iter()
        .map(|name| (name.clone(), decoded(&name)))
        .collect()
}

#[tokio::test]
async fn each_part_of_the_caller_has_a_header() {
    let server = Server::start(&[]).await;
    let token = server
        .token()
        .client_id("web")
        .jwt_id("t-1")
        .scopes(["notes:read", "a%2Cb", "c,d", "e;f=g"])
        .expires_in(Duration::from_secs(600))
        .build();
    let answer = server.about("/", Some(&token)).await;
    assert_passed(&answer, Some("alice"));
    assert_eq!(
        answer.header("x-auth-scopes"),
        Some("notes%3Aread a%252Cb c%2Cd e%3Bf%3Dg")
    );
    let caller = caller(&answer);
    for (name, value) in [
        ("x-auth-client", "web"),
        ("x-auth-issuer", &*server.issuer.issuer()),
        ("x-auth-scopes", "notes:read a%2Cb c,d e;f=g"),
        ("x-auth-token-id", "t-1"),
    ] {
        assert_eq!(caller[name], value);
    }
    let expiry: u64 = caller["x-auth-expires"].parse().unwrap();
    assert!(expiry > 1_700_000_000, "{expiry}");
}

#[tokio::test]
async fn a_text_of_the_token_stays_inside_its_header() {
    let server = Server::start(&[]).await;
    let long = "é,".repeat(500);
    for subject in [
        "bob\r\nx-auth-scopes: admin",
        "bob\nx-auth-subject: root",
        "bob, root",
        "a;b=c \"d\" <e> \\ '",
        "jürgen 你好 🦀",
        "%61lice",
        "a%0d%0ab",
        "100%",
        "a+b c",
        "\u{0}\u{7f}\u{85}\u{2028}",
        "auth0|123",
        " alice ",
        &long,
    ] {
        let token = server
            .token()
            .subject(subject)
            .client_id(subject)
            .jwt_id(subject);
        let answer = server.about("/", Some(&token.build())).await;
        assert_eq!(answer.status, 200, "{subject:?}");
        let caller = caller(&answer);
        for name in ["x-auth-subject", "x-auth-client", "x-auth-token-id"] {
            assert_eq!(caller[name], subject);
        }
        assert_eq!(caller["x-auth-scopes"], "");
    }
}

#[tokio::test]
async fn what_the_token_lacks_is_empty() {
    let server = Server::start(&[("ANONYMOUS", "/")]).await;
    let token = server.token().without_claim("sub").build();
    let answer = server.about("/", Some(&token)).await;
    assert_eq!(answer.header("x-auth-result"), Some("verified"));
    for name in ["subject", "client", "scopes", "token-id"] {
        assert_eq!(answer.header(&format!("x-auth-{name}")), Some(""), "{name}");
    }
    let answer = server.about("/", None).await;
    assert_passed(&answer, None);
    let filled: Vec<_> = caller(&answer)
        .into_values()
        .filter(|value| !value.is_empty())
        .collect();
    assert_eq!(filled, ["anonymous"]);
}

#[tokio::test]
async fn what_the_client_sends_is_in_no_answer() {
    let server = Server::start(&[("ANONYMOUS", "/public")]).await;
    let good = format!("Bearer {}", server.token().build());
    for (uri, authorization) in [
        ("/", Some(&*good)),
        ("/", Some("Bearer forged")),
        ("/", None),
        ("/public", None),
        ("/#forged", None),
        ("https://forged.example.com/", None),
    ] {
        let mut headers = vec![("x-original-method", "GET"), ("x-original-uri", uri)];
        headers.extend(authorization.map(|value| ("authorization", value)));
        for name in [
            "x-auth-subject",
            "x-auth-scopes",
            "x-auth-result",
            "x-auth-status",
            "www-authenticate",
            "x-other",
        ] {
            headers.push((name, "forged"));
        }
        let answer = server.ask(&headers).await;
        let shown = format!("{answer:?}");
        assert!(!shown.contains("forged"), "{uri} {shown}");
        match answer.status.as_u16() {
            200 => assert_passed(&answer, authorization.map(|_| "alice")),
            status => assert_refused(
                &answer,
                answer
                    .header("x-auth-status")
                    .unwrap()
                    .parse()
                    .unwrap_or(status),
                answer
                    .json()
                    .get("error")
                    .map(|error| error.as_str().unwrap()),
            ),
        }
    }
}

#[tokio::test]
async fn an_expiry_in_the_year_9999_is_passed_on() {
    let server = Server::start(&[]).await;
    let token = server
        .token()
        .claims(json!({ "exp": 253_402_300_799_u64 }))
        .build();
    let answer = server.about("/", Some(&token)).await;
    assert_eq!(
        answer.header("x-auth-expires"),
        Some("253402300799"),
        "{answer:?}"
    );
}
