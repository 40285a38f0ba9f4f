//! Bodies of MCP requests: the guard passes an allowed body on byte for byte. No parser of that body, `rmcp` above all,
//! finds a call in it that the token must not make.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::vec;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::mcp::tool_scopes::ReplayBody;
use tower_bearer_auth::mcp::{ScopeRules, ToolScopesLayer};
use tower_bearer_auth::{BearerAuthLayer, ScopeRequirement, StaticToken, StaticTokenVerifier};

use crate::json::Json;
use crate::poll;

mod lenient;
mod readers;

pub const REACHES: &[&str] = &[
    "passed, and not a message of rmcp",
    "passed to rmcp",
    "lacks a scope",
    "refused, -32700",
    "refused, -32600",
    "refused, -32602",
];

/// Targets that need a scope which the token lacks have `secret` in their name; see [`readers`].
static RULES: LazyLock<ScopeRules> = LazyLock::new(|| {
    let scope = || ScopeRequirement::all(["secret"]);
    ScopeRules::builder()
        .tool("secret", scope())
        .prompt("secret*", scope())
        .resource("file:///secret/*", scope())
        .resource("file:///public/secret", scope())
        .resource("https://docs.example.com/secret/*", scope())
        .task("secret*", scope())
        .method("vendor/secret", scope())
        .default_rule(ScopeRequirement::token())
        .build()
        .expect("good rules")
});

static VERIFIER: LazyLock<StaticTokenVerifier> = LazyLock::new(|| {
    StaticTokenVerifier::new([("user", StaticToken::new("cli").scopes(["open"]))])
});

/// The input is the body.
pub fn run(body: &[u8]) -> &'static str {
    let passed = Arc::<Mutex<Option<Bytes>>>::default();
    let inner = {
        let passed = Arc::clone(&passed);
        service_fn(move |request: Request<ReplayBody<Pieces>>| {
            let passed = Arc::clone(&passed);
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                *passed.lock().expect("no panic") = Some(body);
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        })
    };
    let guarded = ToolScopesLayer::new(RULES.clone()).layer(inner);
    let service = BearerAuthLayer::new(VERIFIER.clone()).layer(guarded);
    let mut request = Request::post("/")
        .body(Pieces::of(body))
        .expect("a request");
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer user"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = poll::now(service.oneshot(request)).expect("infallible");

    let passed = passed.lock().expect("no panic").take();
    let Some(passed) = passed else {
        return refused(response, body);
    };
    assert_eq!(response.status(), 200);
    assert_eq!(passed, body, "another body");
    assert_eq!(readers::rmcp(&passed), None, "rmcp runs a forbidden call");
    assert_eq!(
        readers::lenient_server(&passed),
        None,
        "a lenient server runs a forbidden call"
    );
    match readers::is_for_rmcp(&passed) {
        true => "passed to rmcp",
        false => "passed, and not a message of rmcp",
    }
}

/// Asserts that the response gives the reason in fixed words, and repeats only the ID that JSON-RPC requires.
fn refused<B>(response: Response<B>, body: &[u8]) -> &'static str
where
    B: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let status = response.status().as_u16();
    let challenge = response.headers().get(WWW_AUTHENTICATE).cloned();
    let answer = poll::now(response.into_body().collect()).expect("a body of our own");
    let answer: Value = serde_json::from_slice(&answer.to_bytes()).expect("JSON");
    if status == 403 {
        let expected = r#"Bearer error="insufficient_scope", scope="secret", error_description="The access token lacks a required scope""#;
        assert_eq!(challenge.expect("a challenge"), expected);
        assert_eq!(answer["error"], "insufficient_scope");
        return "lacks a scope";
    }
    assert_eq!(status, 400);
    assert!(challenge.is_none());
    let id = &answer["id"];
    let json = lenient::parse(body);
    let ids = json
        .as_ref()
        .and_then(Json::as_members)
        .unwrap_or_default()
        .iter();
    let mut ids = ids
        .filter(|(name, _)| name == "id")
        .map(|(_, id)| id.to_value());
    assert!(
        id.is_null() || ids.any(|sent| sent == *id),
        "an invented ID"
    );

    let mut expected = answer.clone();
    expected["id"] = Value::Null;
    let known = WORDS.iter().any(|(code, message)| {
        let error = serde_json::json!({"code": code, "message": message});
        expected == serde_json::json!({"jsonrpc": "2.0", "id": null, "error": error})
    });
    assert!(
        known,
        "other words than those that are written down: {answer}"
    );
    match answer["error"]["code"].as_i64() {
        Some(-32700) => "refused, -32700",
        Some(-32600) => "refused, -32600",
        _ => "refused, -32602",
    }
}

/// The reasons to refuse a body.
const WORDS: [(i32, &str); 31] = [
    (-32700, "the body is not JSON"),
    (-32600, "a member occurs twice, or looks like another one"),
    (-32600, "a member has a name that a parser keeps for itself"),
    (-32600, "the batch is empty"),
    (-32600, "the batch is too long"),
    (-32600, "an object has too many members"),
    (-32600, "it is neither a call nor a response"),
    (-32600, "it is both a call and a response"),
    (-32600, "the method is too long, or has a control character"),
    (-32600, "the method is not a string"),
    (-32602, "there are too many resources"),
    (-32602, "a name is too long, or has a control character"),
    (-32602, "the parameters do not clearly name the target"),
    (
        -32602,
        "the URI is not canonical: it begins or ends with white space",
    ),
    (-32602, "the URI is not canonical: it has a backslash"),
    (
        -32602,
        "the URI is not canonical: it has an encoded control character",
    ),
    (
        -32602,
        "the URI is not canonical: it has a `.` or `..` segment",
    ),
    (-32602, "the URI is not canonical: it has an encoded `.`"),
    (
        -32602,
        "the URI is not canonical: it has an encoded delimiter",
    ),
    (
        -32602,
        "the URI is not canonical: its scheme or authority has an encoded delimiter",
    ),
    (
        -32602,
        "the URI is not canonical: it is percent-encoded twice",
    ),
    (
        -32602,
        "the URI is not canonical: its percent-encoding is not of UTF-8",
    ),
    (
        -32602,
        "the URI is not canonical: its authority is not ASCII",
    ),
    (
        -32602,
        "the URI is not canonical: a URL parser would rewrite its scheme or host",
    ),
    (
        -32602,
        "the URI is not canonical: its host is an IP address that is not in canonical form",
    ),
    (-32602, "the URI is not canonical: its host ends in a dot"),
    (
        -32602,
        "the URI is not canonical: its drive letter is not in the form `file:///C:/`",
    ),
    (
        -32602,
        "the URI is not canonical: its path has an empty segment",
    ),
    (
        -32602,
        "the URI is not canonical: it has a user name or port, and no pattern has its whole authority",
    ),
    (
        -32602,
        "the URI is not canonical: it has an empty query, and the pattern that matches has none",
    ),
    (
        -32602,
        "the URI is not canonical: it has a fragment, and the pattern that matches has none",
    ),
];

/// A body with several frames and with trailers.
struct Pieces(vec::IntoIter<Frame<Bytes>>);

impl Pieces {
    fn of(body: &[u8]) -> Self {
        let (first, rest) = body.split_at(body.len() / 3);
        let (second, third) = rest.split_at(rest.len() / 2);
        let data = [first, second, third].map(|piece| Frame::data(Bytes::copy_from_slice(piece)));
        let trailers = Frame::trailers(HeaderMap::new());
        Self(
            data.into_iter()
                .chain([trailers])
                .collect::<Vec<_>>()
                .into_iter(),
        )
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}
