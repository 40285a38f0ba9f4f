//! `Authorization` headers: a token of the RFC's grammar reaches the verifier if it is in the only such header.
//! Nothing else reaches it, and a refused client gets the response that `src/reject/mod.rs` lists, in fixed words.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, InvalidReason, ProtectedResource, Scopes,
    VerifyError,
};

use crate::poll;

pub const REACHES: &[&str] = &[
    "no token",
    "two headers",
    "malformed",
    "too long",
    "passed",
    "unrecognized",
    "expired",
    "a scope is missing",
    "another scope is missing",
    "no answer",
];

/// Lower than the usual input of a fuzzer, so that inputs exceed it.
pub(crate) const MAX_TOKEN_LENGTH: usize = 48;

/// The input is one header per line. Without input there is no header.
pub fn run(data: &[u8]) -> &'static str {
    let mut headers = Vec::new();
    if !data.is_empty() {
        for line in data.split(|byte| *byte == b'\n').take(4) {
            let Ok(value) = HeaderValue::from_bytes(line) else {
                return "no header";
            };
            headers.push(value);
        }
    }
    let credentials = read(&headers);
    check(&headers, &credentials, false);
    check(&headers, &credentials, true);
    credentials.name()
}

/// The credentials in the headers, by RFC 6750 §2.1 and the documentation of `BearerAuthLayer`.
pub(crate) enum Credentials {
    Missing,
    Repeated,
    Malformed,
    TooLong,
    Token(String),
}

pub(crate) fn read(headers: &[HeaderValue]) -> Credentials {
    let [header] = headers else {
        return match headers.is_empty() {
            true => Credentials::Missing,
            false => Credentials::Repeated,
        };
    };
    // One character per byte, including bytes that are not ASCII.
    let value: String = header
        .as_bytes()
        .iter()
        .map(|byte| char::from(*byte))
        .collect();
    let value = value.trim_matches([' ', '\t']);
    let Some((scheme, rest)) = value.split_at_checked("bearer".len()) else {
        return Credentials::Missing;
    };
    let goes_on =
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
    if !scheme.eq_ignore_ascii_case("bearer") || rest.is_empty() || goes_on {
        return Credentials::Missing;
    }
    let token = rest.trim_start_matches(' ');
    // The number of characters is the number of bytes.
    if token.chars().count() > MAX_TOKEN_LENGTH {
        return Credentials::TooLong;
    }
    match rest.starts_with(' ') && is_b64token(token) {
        true => Credentials::Token(token.to_owned()),
        false => Credentials::Malformed,
    }
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub(crate) fn is_b64token(token: &str) -> bool {
    let characters = token.trim_end_matches('=');
    let is_one = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    !characters.is_empty() && characters.chars().all(is_one)
}

impl Credentials {
    fn name(&self) -> &'static str {
        match self {
            Self::Missing => "no token",
            Self::Repeated => "two headers",
            Self::Malformed => "malformed",
            Self::TooLong => "too long",
            Self::Token(token) => match token.as_bytes()[0] {
                b'i' => "unrecognized",
                b'x' => "expired",
                b'n' => "a scope is missing",
                b's' => "another scope is missing",
                b'u' => "no answer",
                _ => "passed",
            },
        }
    }
}

/// The result of the verifier, by the token's first character.
fn answer(token: BearerToken) -> Result<AccessToken, VerifyError> {
    let first = token.as_bytes()[0];
    let good = AccessToken::builder(token).client_id("cli");
    match first {
        b'i' => Err(VerifyError::invalid(InvalidReason::Unrecognized)),
        b's' => Err(VerifyError::insufficient_scope(
            Scopes::parse("more").expect("a scope"),
        )),
        b'u' => {
            Err(VerifyError::unavailable("down").with_retry_after(Duration::from_millis(6_500)))
        }
        b'x' => Ok(good.scopes(["use"]).expires_at(UNIX_EPOCH).build()),
        b'n' => Ok(good.scopes(["other"]).build()),
        _ => Ok(good.scopes(["use"]).build()),
    }
}

/// The response to a refused client: status, challenge and body.
fn refusal(name: &str) -> (u16, Option<String>, String) {
    const INVALID: &str = r#", error="invalid_token", scope="use""#;
    let (status, parameters, error, description) = match name {
        "no token" => (
            401,
            r#", scope="use""#,
            "",
            "This server requires a bearer token",
        ),
        "two headers" => (
            400,
            r#", error="invalid_request""#,
            "invalid_request",
            "The request has more than one Authorization header",
        ),
        "malformed" => (
            401,
            INVALID,
            "invalid_token",
            "The access token is malformed",
        ),
        "too long" => (
            401,
            INVALID,
            "invalid_token",
            "The access token is too long",
        ),
        "unrecognized" => (
            401,
            INVALID,
            "invalid_token",
            "The access token is not recognized",
        ),
        "expired" => (401, INVALID, "invalid_token", "The access token expired"),
        "a scope is missing" => (
            403,
            r#", error="insufficient_scope", scope="use""#,
            "insufficient_scope",
            "The access token lacks a required scope",
        ),
        "another scope is missing" => (
            403,
            r#", error="insufficient_scope", scope="use more""#,
            "insufficient_scope",
            "The access token lacks a required scope",
        ),
        "no answer" => (
            503,
            "",
            "temporarily_unavailable",
            "The access token cannot be verified at the moment",
        ),
        other => unreachable!("{other} is no refusal"),
    };
    let metadata = match status {
        400 => "",
        _ => concat!(
            r#", resource_metadata="https://api.example.com"#,
            r#"/.well-known/oauth-protected-resource/mcp""#
        ),
    };
    let (described, member) = match error {
        "" => (String::new(), String::new()),
        error => (
            format!(r#", error_description="{description}""#),
            format!(r#""error":"{error}","#),
        ),
    };
    let challenge = format!(r#"Bearer realm="fuzz"{parameters}{metadata}{described}"#);
    (
        status,
        (status != 503).then_some(challenge),
        format!(r#"{{{member}"error_description":"{description}"}}"#),
    )
}

/// Sends the request through a layer: the usual one, or one that is optional and keeps the header.
fn check(headers: &[HeaderValue], credentials: &Credentials, optional: bool) {
    let received = Arc::<Mutex<Vec<String>>>::default();
    let verifier = {
        let received = Arc::clone(&received);
        service_fn(move |token: BearerToken| {
            received
                .lock()
                .expect("no panic")
                .push(token.as_str().to_owned());
            ready(answer(token))
        })
    };
    let layer = BearerAuthLayer::new(verifier)
        .realm("fuzz")
        .required_scopes(["use"])
        .resource(&resource())
        .max_token_length(MAX_TOKEN_LENGTH);
    let reached = Arc::<Mutex<Option<Request<Empty<Bytes>>>>>::default();
    let inner = inner(Arc::clone(&reached));
    let mut request = Request::new(Empty::<Bytes>::new());
    for value in headers {
        request.headers_mut().append(AUTHORIZATION, value.clone());
    }
    let response = match optional {
        true => layer
            .optional()
            .forward_authorization()
            .layer(inner)
            .oneshot(request),
        false => layer.layer(inner).oneshot(request),
    };
    let response = poll::now(response).expect("infallible");

    let received = std::mem::take(&mut *received.lock().expect("no panic"));
    match credentials {
        Credentials::Token(token) => assert_eq!(received, [token.as_str()]),
        _ => assert!(received.is_empty(), "the verifier received {received:?}"),
    }
    let reached = reached.lock().expect("no panic").take();
    let name = credentials.name();
    let passes = name == "passed" || (optional && name == "no token");
    assert_eq!(reached.is_some(), passes, "{name}");
    match reached {
        Some(request) => {
            let token = request.extensions().get::<AccessToken>();
            let token = token.map(|token| token.token().as_str());
            assert_eq!(token, received.first().map(String::as_str));
            let kept: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
            match optional {
                true => assert!(kept == headers.iter().collect::<Vec<_>>()),
                false => assert!(kept.is_empty(), "the header was passed on"),
            }
            assert!(kept.iter().all(|value| value.is_sensitive()));
            assert_eq!(response.status(), 200);
        }
        None => assert_refused(response, name),
    }
}

fn assert_refused<B>(response: Response<B>, name: &str)
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let (status, challenge, body) = refusal(name);
    assert_eq!(response.status(), status, "{name}");
    let header = |name| {
        let mut values = response.headers().get_all(name).iter();
        let value = values
            .next()
            .map(|value| value.to_str().expect("visible ASCII"));
        assert!(values.next().is_none(), "twice");
        value
    };
    assert_eq!(header(WWW_AUTHENTICATE), challenge.as_deref(), "{name}");
    assert_eq!(
        header(RETRY_AFTER),
        (status == 503).then_some("7"),
        "{name}"
    );
    assert_eq!(header(CACHE_CONTROL), Some("no-store"));
    assert_eq!(header(CONTENT_TYPE), Some("application/json"));
    // All headers have constant values, so none can repeat the request.
    let known = 2 + usize::from(challenge.is_some()) + usize::from(status == 503);
    assert_eq!(response.headers().len(), known, "{:?}", response.headers());
    let got = poll::now(response.into_body().collect()).expect("a body of our own");
    assert_eq!(got.to_bytes(), body.as_bytes(), "{name}");
}

type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;

/// Keeps the request that reaches it.
fn inner(
    reached: Arc<Mutex<Option<Request<Empty<Bytes>>>>>,
) -> impl Service<
    Request<Empty<Bytes>>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future = Answer,
> + Clone {
    service_fn(move |request: Request<Empty<Bytes>>| {
        *reached.lock().expect("no panic") = Some(request);
        ready(Ok(Response::new(Full::default())))
    })
}

fn resource() -> ProtectedResource {
    ProtectedResource::new("https://api.example.com/mcp")
        .authorization_servers(["https://issuer.example.com"])
}
