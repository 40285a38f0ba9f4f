//! Tokens from a cookie, a header, a subprotocol or the `Authorization` header: at most one of them is verified, none
//! of them reaches the inner service, and everything else does.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, Version};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, Refused, TokenSource, VerifyError,
};

use crate::header::{self, is_b64token};
use crate::poll;

pub const REACHES: &[&str] = &[
    "no header",
    "no token",
    "another scheme",
    "two tokens",
    "two headers",
    "malformed",
    "too long",
    "cross site",
    "Authorization",
    "a cookie",
    "a header",
    "a subprotocol",
];

const NAMES: [&str; 6] = [
    "authorization",
    "cookie",
    "x-token",
    "sec-websocket-protocol",
    "sec-fetch-site",
    "origin",
];

/// The first line is the method; `WS` and `CONNECT` are handshakes over HTTP/1 and HTTP/2. Each further line is a
/// field, whose name is cut off at the first colon.
pub fn run(data: &[u8]) -> &'static str {
    let mut lines = data.split(|byte| *byte == b'\n');
    let kind = lines.next().unwrap_or_default();
    let mut fields = Vec::new();
    for line in lines.take(12) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let Some(name) = NAMES.iter().find(|known| known.as_bytes() == name) else {
            return "no header";
        };
        let value = parts.next().unwrap_or_default();
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return "no header";
        };
        fields.push((*name, value));
    }
    let request = request(kind, &fields);
    let expected = expect(kind, &fields);
    check(request.clone(), &expected, false);
    check(request, &expected, true);
    expected.name
}

fn request(kind: &[u8], fields: &[(&'static str, HeaderValue)]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    match kind {
        b"POST" => *request.method_mut() = Method::POST,
        b"CONNECT" => {
            *request.method_mut() = Method::CONNECT;
            *request.version_mut() = Version::HTTP_2;
        }
        b"WS" => {
            let websocket = HeaderValue::from_static("websocket");
            request.headers_mut().insert("upgrade", websocket);
        }
        _ => {}
    }
    for (name, value) in fields {
        request
            .headers_mut()
            .append(HeaderName::from_static(name), value.clone());
    }
    request
}

/// What happens to the request.
struct Expected {
    name: &'static str,
    /// The token that reaches the verifier, and the inner service if it passes.
    token: Option<String>,
    /// The reason of the refusal, unless the request passes.
    reason: Option<&'static str>,
    cookies: Vec<String>,
    protocols: Vec<String>,
}

/// What one source has.
enum Found {
    Nothing,
    /// Credentials of a scheme that the layer does not know.
    Foreign,
    Repeated,
    Malformed,
    TooLong,
    Token(String),
}

fn expect(kind: &[u8], fields: &[(&'static str, HeaderValue)]) -> Expected {
    let values = |name: &str| -> Vec<String> {
        let fields = fields.iter().filter(|(found, _)| *found == name);
        fields.map(|(_, value)| latin1(value)).collect()
    };
    let is_handshake = matches!(kind, b"WS" | b"CONNECT");
    let (cookie, cookies) = cookie(&values("cookie"));
    let (protocol, protocols) = protocol(&values("sec-websocket-protocol"), is_handshake);
    let found = [
        ("Authorization", authorization(fields)),
        ("a cookie", cookie),
        ("a header", header(&values("x-token"))),
        ("a subprotocol", protocol),
    ];
    let mut found = found
        .into_iter()
        .filter(|(_, found)| !matches!(found, Found::Nothing));
    let (name, token, reason) = match (found.next(), found.next()) {
        (None, _) => ("no token", None, Some("no_token")),
        (Some(_), Some(_)) => ("two tokens", None, Some("two_tokens")),
        (Some((source, found)), None) => match (source, found) {
            (_, Found::Nothing | Found::Foreign) => ("another scheme", None, Some("no_token")),
            ("Authorization", Found::Repeated) => ("two headers", None, Some("repeated_header")),
            (_, Found::Repeated) => ("two tokens", None, Some("two_tokens")),
            (_, Found::Malformed) => ("malformed", None, Some("malformed")),
            (_, Found::TooLong) => ("too long", None, Some("too_long")),
            ("a cookie", Found::Token(_))
                if (is_handshake || kind == b"POST")
                    && !is_same_origin(&values("sec-fetch-site"), &values("origin")) =>
            {
                ("cross site", None, Some("cross_site"))
            }
            (source, Found::Token(token)) => (source, Some(token), None),
        },
    };
    Expected {
        name,
        token,
        reason,
        cookies,
        protocols,
    }
}

/// One character per byte.
fn latin1(value: &HeaderValue) -> String {
    value
        .as_bytes()
        .iter()
        .map(|byte| char::from(*byte))
        .collect()
}

fn authorization(fields: &[(&'static str, HeaderValue)]) -> Found {
    let values: Vec<_> = fields
        .iter()
        .filter(|(name, _)| *name == "authorization")
        .map(|(_, value)| value.clone())
        .collect();
    let as_bearer = |value: &HeaderValue| {
        let text = latin1(value);
        let text = text.trim_matches([' ', '\t']);
        let scheme = text
            .get(..4)
            .filter(|scheme| scheme.eq_ignore_ascii_case("dpop"))?;
        let bytes: Vec<u8> = text[scheme.len()..].chars().map(|c| c as u8).collect();
        HeaderValue::from_bytes(&[b"Bearer", &bytes[..]].concat()).ok()
    };
    if let [value] = &values[..]
        && let Some(value) = as_bearer(value)
    {
        return match header::read(&[value]) {
            header::Credentials::Missing => Found::Nothing,
            _ => Found::Foreign,
        };
    }
    match header::read(&values) {
        header::Credentials::Missing => Found::Nothing,
        header::Credentials::Repeated => Found::Repeated,
        header::Credentials::Malformed => Found::Malformed,
        header::Credentials::TooLong => Found::TooLong,
        header::Credentials::Token(token) => Found::Token(token),
    }
}

/// A token without a scheme.
fn raw(text: &str) -> Found {
    match text {
        "" => Found::Nothing,
        text if text.chars().count() > header::MAX_TOKEN_LENGTH => Found::TooLong,
        text if is_b64token(text) => Found::Token(text.to_owned()),
        _ => Found::Malformed,
    }
}

fn header(values: &[String]) -> Found {
    match values {
        [] => Found::Nothing,
        [value] => raw(value.trim_matches([' ', '\t'])),
        _ => Found::Repeated,
    }
}

/// The cookie `t`, and all others.
fn cookie(fields: &[String]) -> (Found, Vec<String>) {
    let mut tokens = Vec::new();
    let mut others = Vec::new();
    for pair in fields.iter().flat_map(|field| field.split(';')) {
        let pair = pair.trim_matches([' ', '\t']);
        match pair.split_once('=') {
            Some((name, value)) if name.trim_end_matches([' ', '\t']) == "t" => tokens.push(value),
            _ if pair.is_empty() => {}
            _ => others.push(pair.to_owned()),
        }
    }
    let found = match tokens[..] {
        [] => Found::Nothing,
        [token] => raw(token),
        _ => Found::Repeated,
    };
    (found, others)
}

/// The entry behind `bearer`, and all others.
fn protocol(fields: &[String], is_handshake: bool) -> (Found, Vec<String>) {
    let all = fields.join(",");
    let entries = all.split(',').map(|entry| entry.trim_matches([' ', '\t']));
    let entries: Vec<_> = entries.filter(|entry| !entry.is_empty()).collect();
    let is_name = |at: usize| entries.get(at) == Some(&"bearer");
    let is_token = |at: usize| at > 0 && is_name(at - 1) && !is_name(at);
    let positions = || 0..entries.len();
    let names = positions().filter(|at| is_name(*at)).count();
    let tokens: Vec<_> = positions().filter(|at| is_token(*at)).collect();
    if names <= 1 && tokens.is_empty() {
        return (
            Found::Nothing,
            entries.iter().map(|entry| entry.to_string()).collect(),
        );
    }
    let others = positions().filter(|at| !is_name(*at) && !is_token(*at));
    let others = others.map(|at| entries[at].to_owned()).collect();
    let found = match tokens[..] {
        _ if !is_handshake => Found::Nothing,
        [token] if names == 1 => raw(entries[token]),
        _ => Found::Repeated,
    };
    (found, others)
}

/// The origin of the server is `https://a.test`.
fn is_same_origin(sites: &[String], origins: &[String]) -> bool {
    match (sites, origins) {
        ([site], _) => site == "same-origin",
        ([], [origin]) => {
            // A URL parser repairs what the crate refuses, and neither has a path here.
            let authority = origin
                .split_once("://")
                .map_or("/", |(_, authority)| authority);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.:%".contains(c);
            authority.chars().all(is_plain)
                && url::Url::parse(origin)
                    .is_ok_and(|url| url.origin().ascii_serialization() == "https://a.test")
        }
        _ => false,
    }
}

fn check(request: Request<Full<Bytes>>, expected: &Expected, is_optional: bool) {
    let received = Arc::<Mutex<Vec<String>>>::default();
    let verifier = {
        let received = Arc::clone(&received);
        service_fn(move |token: BearerToken| {
            let text = token.as_str().to_owned();
            received.lock().expect("no panic").push(text);
            ready(Ok::<_, VerifyError>(AccessToken::builder(token).build()))
        })
    };
    let layer = BearerAuthLayer::new(verifier)
        .max_token_length(header::MAX_TOKEN_LENGTH)
        .token_sources([
            TokenSource::authorization(),
            TokenSource::cookie("t").origin("https://a.test"),
            TokenSource::header("x-token"),
            TokenSource::web_socket_protocol("bearer"),
        ]);
    let layer = match is_optional {
        true => layer.optional(),
        false => layer,
    };
    let reached = Arc::<Mutex<Option<HeaderMap>>>::default();
    let inner = {
        let reached = Arc::clone(&reached);
        service_fn(move |request: Request<Full<Bytes>>| {
            *reached.lock().expect("no panic") = Some(request.headers().clone());
            let mut response = Response::new(Full::<Bytes>::default());
            if request.method() != Method::CONNECT {
                *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
            }
            ready(Ok::<_, Infallible>(response))
        })
    };
    let response = poll::now(layer.layer(inner).oneshot(request)).expect("infallible");

    let received = std::mem::take(&mut *received.lock().expect("no panic"));
    assert_eq!(received, Vec::from_iter(expected.token.clone()));
    let refused = response.extensions().get::<Refused>().map(Refused::reason);
    let reason = expected
        .reason
        .filter(|reason| *reason != "no_token" || !is_optional);
    assert_eq!(refused, reason, "{}", expected.name);
    let reached = reached.lock().expect("no panic").take();
    assert_eq!(reached.is_some(), reason.is_none());
    let selected = response.headers().get("sec-websocket-protocol");
    let expects_name = reason.is_none() && expected.name == "a subprotocol";
    assert_eq!(
        selected.map(HeaderValue::as_bytes),
        expects_name.then_some(&b"bearer"[..])
    );
    let Some(reached) = reached else {
        return;
    };
    assert!(!reached.contains_key("authorization") && !reached.contains_key("x-token"));
    let values = |name: &str, separator: char| -> Vec<String> {
        let fields = reached.get_all(name).iter().map(latin1);
        fields
            .flat_map(|field| {
                field
                    .split(separator)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .map(|part| part.trim_matches([' ', '\t']).to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    };
    assert_eq!(values("cookie", ';'), expected.cookies);
    assert_eq!(values("sec-websocket-protocol", ','), expected.protocols);
}
