//! The response to every request that the layer or a guard refuses: status, challenge and body.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_auth::ChallengeParser;
use http_body_util::Full;
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, InvalidReason, Scopes, Verifier, VerifyError, verify_fn,
};
use tower_layer::Layer;

use crate::support::{Inner, Logs, get, get_with, no_token, refused, send, serve, table};

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// A verifier whose result depends on the text of the token.
fn verifier() -> impl Verifier {
    verify_fn(|token| async move {
        let outage = VerifyError::unavailable("the key server is on fire");
        match token.as_str() {
            "good" => Ok(AccessToken::builder(token).scopes(["use"]).build()),
            "powerless" => Ok(AccessToken::builder(token).build()),
            "expired" => Err(VerifyError::invalid(InvalidReason::Expired)),
            // The verifier accepts the token although it has expired.
            "outlived" => Ok(AccessToken::builder(token).expires_at(UNIX_EPOCH).build()),
            "closed" => Err(VerifyError::invalid("The account was closed")),
            "step-up" => Err(VerifyError::insufficient_scope(
                Scopes::parse("pay use").unwrap(),
            )),
            "down" => Err(outage),
            "back-at-once" => Err(outage.with_retry_after(Duration::ZERO)),
            "back-soon" => Err(outage.with_retry_after(Duration::from_millis(1_001))),
            "back-later" => Err(outage.with_retry_after(Duration::from_secs(90))),
            _ => Err(VerifyError::invalid(InvalidReason::Unrecognized)),
        }
    })
}

fn request(method: &Method, authorization: &[&[u8]]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = method.clone();
    for value in authorization {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append("authorization", value);
    }
    request
}

/// The values of a request's `Authorization` headers.
type Headers<'a> = &'a [&'a [u8]];

/// Status, challenge, and the `error` and `error_description` of the body.
type Expected<'a> = (u16, Option<&'a str>, Option<&'a str>, &'a str);

/// Asserts the response to each list of `Authorization` headers, with every method.
async fn assert_answers(address: SocketAddr, rows: &[(Headers<'_>, Expected<'_>)]) {
    for (authorization, (status, challenge, error, description)) in rows {
        let body = match error {
            Some(error) => refused(error, description),
            None => serde_json::json!({"error_description": description}),
        };
        for method in &METHODS {
            let shown: Vec<_> = authorization.iter().map(|v| v.escape_ascii()).collect();
            println!("{method} {shown:?}");
            let mut answer = send(address, request(method, authorization)).await;
            if method == Method::HEAD {
                assert_eq!(answer.body, "");
                answer.body = body.to_string();
                let length = answer.body.len().to_string();
                assert_eq!(answer.header("content-length"), Some(&*length));
            }
            answer.assert_refusal(*status, *challenge, &body);
        }
    }
}

const REQUIRED: &str = "This server requires a bearer token";
const REPEATED: &str = "The request has more than one Authorization header";
const UNRECOGNIZED: &str = "The access token is not recognized";
const MALFORMED: &str = "The access token is malformed";
const EXPIRED: &str = "The access token expired";
const LACKING: &str = "The access token lacks a required scope";
const OUTAGE: &str = "The access token cannot be verified at the moment";

#[tokio::test]
async fn every_method_gets_the_answer_of_the_table() {
    let inner = Inner::default();
    let address = serve(BearerAuthLayer::new(verifier()).layer(inner.clone())).await;

    let bare = (401, Some("Bearer"), None, REQUIRED);
    let challenge = r#"Bearer error="invalid_request", error_description="The request has more than one Authorization header""#;
    let repeated = (400, Some(challenge), Some("invalid_request"), REPEATED);
    let challenge =
        r#"Bearer error="invalid_token", error_description="The access token is not recognized""#;
    let unrecognized = (401, Some(challenge), Some("invalid_token"), UNRECOGNIZED);
    let challenge = r#"Bearer error="invalid_token", error_description="The access token expired""#;
    let expired = (401, Some(challenge), Some("invalid_token"), EXPIRED);
    let text = "The account was closed";
    let challenge = r#"Bearer error="invalid_token", error_description="The account was closed""#;
    let closed = (401, Some(challenge), Some("invalid_token"), text);
    let challenge = r#"Bearer error="insufficient_scope", scope="pay use", error_description="The access token lacks a required scope""#;
    let step_up = (403, Some(challenge), Some("insufficient_scope"), LACKING);
    let outage = (503, None, Some("temporarily_unavailable"), OUTAGE);
    let rows: &[(Headers<'_>, Expected<'_>)] = &[
        (&[], bare),
        (&[b""], bare),
        (&[b"Basic dXNlcjpwYXNz"], bare),
        (&[b"DPoP good"], bare),
        (&[b"Bearer"], bare),
        (&[b"bearer  "], bare),
        (&[b"Bearergood"], bare),
        (&[b"Bearer good", b"Bearer good"], repeated),
        (&[b"Basic eA==", b"Bearer good"], repeated),
        (&[b"", b""], repeated),
        (&[b"Bearer who"], unrecognized),
        (&[b"bEARER   who"], unrecognized),
        (&[b"Bearer expired"], expired),
        (&[b"Bearer outlived"], expired),
        (&[b"Bearer closed"], closed),
        (&[b"Bearer step-up"], step_up),
        (&[b"Bearer down"], outage),
        (&[b"Bearer back-later"], outage),
    ];
    assert_answers(address, rows).await;
    assert_eq!(inner.calls(), 0);

    for (calls, method) in (1..).zip(&METHODS) {
        let answer = send(address, request(method, &[b"Bearer good"])).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(inner.calls(), calls);
    }
}

#[tokio::test]
async fn a_configured_realm_and_scopes_stand_in_a_fixed_order_in_every_challenge() {
    let inner = Inner::default();
    let layer = BearerAuthLayer::new(verifier())
        .realm("the notes")
        .required_scopes(["use", "notes:read"]);
    let address = serve(layer.layer(inner.clone())).await;

    let challenge = r#"Bearer realm="the notes", scope="use notes:read""#;
    let bare = (401, Some(challenge), None, REQUIRED);
    let challenge = r#"Bearer realm="the notes", error="invalid_request", error_description="The request has more than one Authorization header""#;
    let repeated = (400, Some(challenge), Some("invalid_request"), REPEATED);
    let challenge = r#"Bearer realm="the notes", error="invalid_token", scope="use notes:read", error_description="The access token expired""#;
    let expired = (401, Some(challenge), Some("invalid_token"), EXPIRED);
    let challenge = r#"Bearer realm="the notes", error="invalid_token", scope="use notes:read", error_description="The access token is malformed""#;
    let malformed = (401, Some(challenge), Some("invalid_token"), MALFORMED);
    let challenge = r#"Bearer realm="the notes", error="insufficient_scope", scope="use notes:read", error_description="The access token lacks a required scope""#;
    let lacking = (403, Some(challenge), Some("insufficient_scope"), LACKING);
    let challenge = r#"Bearer realm="the notes", error="insufficient_scope", scope="use notes:read pay", error_description="The access token lacks a required scope""#;
    let step_up = (403, Some(challenge), Some("insufficient_scope"), LACKING);
    let outage = (503, None, Some("temporarily_unavailable"), OUTAGE);
    let rows: &[(Headers<'_>, Expected<'_>)] = &[
        (&[], bare),
        (&[b"Basic dXNlcjpwYXNz"], bare),
        (&[b"Bearer"], bare),
        (&[b"Bearer a", b"Bearer b"], repeated),
        (&[b"Bearer outlived"], expired),
        (&[b"Bearer a b"], malformed),
        (&[b"Bearer powerless"], lacking),
        // The token has one of two required scopes.
        (&[b"Bearer good"], lacking),
        (&[b"Bearer step-up"], step_up),
        (&[b"Bearer down"], outage),
    ];
    assert_answers(address, rows).await;
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn what_is_no_b64token_or_too_long_is_an_invalid_token_and_not_a_bad_request() {
    let inner = Inner::default();
    let layer = BearerAuthLayer::new(verifier()).max_token_length(8);
    let address = serve(layer.layer(inner.clone())).await;

    let malformed: &[&[u8]] = &[
        b"Bearer a b",
        b"Bearer a  b",
        b"Bearer a,b",
        b"Bearer,good",
        b"Bearer=good",
        b"Bearer\tgood",
        b"Bearer \tgo",
        b"Bearer g\to",
        b"Bearer \"g\"",
        b"Bearer g\\o",
        b"Bearer a=b",
        b"Bearer ====",
        b"Bearer go\xff",
        b"Bearer \xc3\xa9",
        b"Bearer g%o",
    ];
    for value in malformed {
        println!("{}", value.escape_ascii());
        let answer = send(address, request(&Method::GET, &[value])).await;
        answer.assert_invalid_token("The access token is malformed");
    }
    for value in [
        &b"Bearer goodgoodg"[..],
        b"Bearer good=====",
        b"Bearer a b c d e",
    ] {
        let answer = send(address, request(&Method::GET, &[value])).await;
        answer.assert_invalid_token("The access token is too long");
    }
    assert_eq!(inner.calls(), 0);
    get_with(address, "good").await.assert_passed();
}

#[tokio::test]
async fn a_token_of_the_query_or_of_a_form_is_no_token() {
    let inner = Inner::default();
    let address = serve(BearerAuthLayer::new(verifier()).layer(inner.clone())).await;
    let form = Request::post("/?access_token=good")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from("access_token=good"))
        .unwrap();
    let answer = send(address, form).await;
    answer.assert_refusal(401, Some("Bearer"), &no_token());
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn retry_after_is_in_whole_seconds_and_never_zero() {
    let address = serve(BearerAuthLayer::new(verifier()).layer(Inner::default())).await;
    let table = [
        ("down", "5"),
        ("back-at-once", "1"),
        ("back-soon", "2"),
        ("back-later", "90"),
    ];
    for (token, seconds) in table {
        let answer = get_with(address, token).await;
        answer.assert_outage();
        assert_eq!(answer.header("retry-after"), Some(seconds), "{token}");
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_before_its_scopes_are_looked_at() {
    let layer = BearerAuthLayer::new(table()).required_scopes(["write"]);
    let address = serve(layer.layer(Inner::default())).await;
    let expired = r#"Bearer error="invalid_token", scope="write", error_description="The access token expired""#;
    let body = refused("invalid_token", "The access token expired");
    get_with(address, "stale")
        .await
        .assert_refusal(401, Some(expired), &body);
}

#[tokio::test]
async fn nothing_that_a_client_sends_comes_back_or_goes_to_the_log() {
    const MARKER: &str = "xyzzy";
    let logs = Logs::capture();
    let layer = BearerAuthLayer::new(verifier())
        .max_token_length(16)
        .realm("notes");
    let address = serve(layer.layer(Inner::default())).await;

    let authorizations: &[&[&str]] = &[
        &[],
        &["Basic xyzzy"],
        &["xyzzy abc"],
        &["Bearer xyzzy"],
        &["Bearer xyzzy xyzzy"],
        &["Bearer \"xyzzy\""],
        &["Bearer xyzzyxyzzyxyzzyxyzzy"],
        &["Bearer xyzzy", "Bearer xyzzy"],
        &["Bearer down"],
    ];
    for authorization in authorizations {
        let mut headers = vec![
            ("host", "xyzzy.example"),
            ("forwarded", "host=xyzzy.example;proto=https"),
            ("x-forwarded-host", "xyzzy.example"),
            ("x-forwarded-proto", "xyzzy"),
            ("x-forwarded-prefix", "/xyzzy"),
            ("x-original-url", "/xyzzy"),
        ];
        headers.extend(authorization.iter().map(|value| ("authorization", *value)));
        let answer = get(address, "/xyzzy?access_token=xyzzy", &headers).await;
        assert!(answer.status.as_u16() >= 400);
        assert!(!format!("{answer:?}").contains(MARKER), "{answer:?}");
    }
    let logged = logs.text();
    assert!(!logged.contains(MARKER), "{logged}");
    for (outcome, reason) in [
        ("refused", "no_token"),
        ("refused", "malformed"),
        ("refused", "too_long"),
        ("refused", "unrecognized"),
        ("refused", "repeated_header"),
        ("unavailable", "unavailable"),
    ] {
        let entry =
            format!(r#"by="BearerAuthLayer" outcome="{outcome}" reason="{reason}" status="#);
        assert!(logged.contains(&entry), "{entry} is not in {logged}");
    }
    assert!(
        !logged.contains("WARN") && !logged.contains("ERROR"),
        "{logged}"
    );
}

#[tokio::test]
async fn an_independent_parser_reads_one_challenge_with_the_same_parameters() {
    let layer = BearerAuthLayer::new(verifier())
        .realm("a, b = 'c' <d>")
        .required_scopes(["https://x.example/a,b", "use"]);
    let address = serve(layer.layer(Inner::default())).await;
    let realm = ("realm", "a, b = 'c' <d>");
    let scope = ("scope", "https://x.example/a,b use");
    let error = |error| ("error", error);
    let text = |text| ("error_description", text);
    let invalid = [realm, error("invalid_token"), scope, text(EXPIRED)];
    let lacking = [realm, error("insufficient_scope"), scope, text(LACKING)];
    let repeated = [realm, error("invalid_request"), text(REPEATED)];
    let table: [(Headers<'_>, &[(&str, &str)]); 4] = [
        (&[], &[realm, scope]),
        (&[b"Bearer expired"], &invalid),
        (&[b"Bearer good"], &lacking),
        (&[b"", b""], &repeated),
    ];
    for (authorization, expected) in table {
        let answer = send(address, request(&Method::GET, authorization)).await;
        let challenge = answer.header("www-authenticate").unwrap();
        let parsed: Vec<_> = ChallengeParser::new(challenge)
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(parsed.len(), 1, "{challenge}");
        assert_eq!(parsed[0].scheme, "Bearer");
        let parameters: Vec<_> = parsed[0]
            .params
            .iter()
            .map(|(name, value)| (*name, value.as_escaped()))
            .collect();
        assert_eq!(parameters, *expected);
    }
}
