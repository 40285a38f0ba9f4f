//! Hostile header fields.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use http_body_util::Full;
use tower_bearer_auth::mcp::SessionBindingLayer;
use tower_bearer_auth::{BearerAuthLayer, StaticToken, StaticTokenVerifier};
use tower_layer::Layer;

use super::super::scenarios::Call;
use super::super::{Nothing, answer, authorization, request};
use super::Pair;
use super::bodies::{post, records};
use super::tokens::{TOKEN, bearer};

pub(crate) const HEADERS: &[Pair] = &[
    Pair {
        name: "a long text with a token's dots",
        base: "a long text with a token's dots",
        size: TOKEN,
        harmless: |size| bearer(&"a".repeat(size)),
        hostile: |size| bearer(&".".repeat(size)),
    },
    Pair {
        name: "a header field of equals signs",
        base: "a header field of equals signs",
        size: TOKEN,
        harmless: |size| bearer(&"a".repeat(size)),
        hostile: |size| bearer(&"=".repeat(size)),
    },
    Pair {
        name: "padding that ends in the middle",
        base: "padding that ends in the middle",
        size: TOKEN,
        harmless: |size| bearer(&"a".repeat(size)),
        hostile: |size| bearer(&format!("{}a=", "=".repeat(size - 2))),
    },
    Pair {
        name: "spaces before the token",
        base: "spaces before the token",
        size: TOKEN,
        harmless: |size| bearer(&"a".repeat(size)),
        hostile: |size| bearer(&format!("{}a", " ".repeat(size - 1))),
    },
    Pair {
        name: "parameters of a content type",
        base: "parameters of a content type",
        size: 240,
        harmless: |size| content_type(&format!("application/json;x={}", "a".repeat(size - 19))),
        hostile: |size| content_type(&format!("application/json{}", ";x=y".repeat(size / 4 - 4))),
    },
    Pair {
        name: "parameters of a content type without end",
        base: "parameters of a content type without end",
        size: TOKEN,
        harmless: |size| content_type(&format!("application/json;x={}", "a".repeat(size - 19))),
        hostile: |size| content_type(&format!("application/json{}", ";x=y".repeat(size / 4 - 4))),
    },
    Pair {
        name: "a wrapped name",
        base: "a wrapped name",
        size: 8_000,
        harmless: |size| called(&"a".repeat(size), &"a".repeat(size)),
        hostile: |size| {
            let wrapped = format!("=?base64?{}?=", "YWFh".repeat(size.div_ceil(3)));
            called(&"a".repeat(size.div_ceil(3) * 3), &wrapped)
        },
    },
    Pair {
        name: "a wrapped name of another length",
        base: "a wrapped name of another length",
        size: TOKEN,
        harmless: |size| called("note_add", &"a".repeat(size)),
        hostile: |size| {
            called(
                "note_add",
                &format!("=?base64?{}?=", "YWFh".repeat(size / 4)),
            )
        },
    },
    Pair {
        name: "a long session ID",
        base: "a long session ID",
        size: 1 << 10,
        harmless: |size| in_session(&"a".repeat(size)),
        hostile: |size| in_session(&format!("{}.{}", "a".repeat(size), "A".repeat(43))),
    },
    Pair {
        name: "a session ID without end",
        base: "a session ID without end",
        size: TOKEN,
        harmless: |size| in_session(&"a".repeat(size)),
        hostile: |size| in_session(&format!("{}.{}", "a".repeat(size), "A".repeat(43))),
    },
];

fn content_type(value: &str) -> Call {
    let header = (CONTENT_TYPE, value.parse().unwrap());
    post(records(1_000).into(), Some(header), None)
}

/// A call to the tool of this name, with a header that names a tool.
fn called(name: &str, header: &str) -> Call {
    let body = format!(r#"{{"id":7,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
    let header = (HeaderName::from_static("mcp-name"), header.parse().unwrap());
    post(body.into(), Some(header), None)
}

fn in_session(id: &str) -> Call {
    let verifier = StaticTokenVerifier::new([("t", StaticToken::new("bench"))]);
    let mut service =
        BearerAuthLayer::new(verifier).layer(SessionBindingLayer::new().layer(Nothing));
    let (bearer, id) = (authorization("t"), HeaderValue::from_str(id).unwrap());
    Box::new(move || {
        let mut request = request(&bearer, Full::<Bytes>::default());
        request.headers_mut().insert("mcp-session-id", id.clone());
        assert_eq!(answer(&mut service, request).status(), 404);
    })
}
