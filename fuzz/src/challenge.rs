//! With any configuration and description, the `WWW-Authenticate` header is one challenge, from which another parser
//! reads back the exact values.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{Request, Response};
use http_auth::ChallengeParser;
use http_body_util::{Empty, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer_auth::{
    AccessToken, BearerAuthLayer, BearerToken, ProtectedResource, Scopes, Verifier, VerifyError,
};

use crate::input;
use crate::poll;

pub const REACHES: &[&str] = &[
    "refused realm",
    "refused scope",
    "a challenge without metadata",
    "a challenge with metadata",
];

/// The maximum length of a description in bytes. Descriptions are leaked.
const MAX_DESCRIPTION: usize = 64;

/// The input is a line with the realm, a line with scopes that are separated by tabs, a line with the identifier of a
/// resource, and a description. An empty part is not configured.
pub fn run(data: &[u8]) -> &'static str {
    let Ok(text) = std::str::from_utf8(data) else {
        return "no text";
    };
    let [realm, scopes, resource, description] =
        input::lines(text.as_bytes()).map(|line| std::str::from_utf8(line).expect("cut at ASCII"));
    let mut ends = (0..=MAX_DESCRIPTION.min(description.len())).rev();
    let end = ends
        .find(|end| description.is_char_boundary(*end))
        .unwrap_or(0);
    let description = for_ever(&description[..end]);
    let scopes: Vec<_> = scopes.split('\t').collect();
    let scopes = if scopes == [""] { Vec::new() } else { scopes };

    if !realm.chars().all(is_quotable) {
        assert_panics(|| _ = layer(description).realm(realm));
        return "refused realm";
    }
    let all_are_scopes = scopes.iter().all(|name| is_scope(name));
    assert_eq!(Scopes::try_from_names(&scopes).is_ok(), all_are_scopes);
    if !all_are_scopes {
        assert_panics(|| _ = layer(description).required_scopes(&scopes));
        return "refused scope";
    }

    let mut names = Vec::new();
    for name in scopes {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let resource = ProtectedResource::new(resource)
        .authorization_servers(["https://issuer.example.com"])
        .scopes(["everything"]);
    // This target does not predict whether the resource is valid. It checks the challenge of a valid one.
    let is_usable = resource.check().is_ok();

    let mut layer = layer(description);
    if !realm.is_empty() {
        layer = layer.realm(realm);
    }
    if !names.is_empty() {
        layer = layer.required_scopes(&names);
    }
    if is_usable {
        layer = layer.resource(&resource);
    }
    let inner = service_fn(|_: Request<Empty<Bytes>>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let service = layer.layer(inner);
    let metadata = is_usable.then(|| metadata_url(resource.identifier()));
    let initial = match (names.is_empty(), is_usable) {
        (true, true) => "everything".to_owned(),
        _ => names.join(" "),
    };
    let needed = names
        .iter()
        .chain(names.iter().all(|n| *n != "more").then_some(&"more"));
    let needed = needed.copied().collect::<Vec<_>>().join(" ");
    let described: String = description.chars().map(as_quotable).collect();
    let lacks = "The access token lacks a required scope";
    let cases = [
        (None, None, initial.as_str(), None),
        (
            Some("Bearer d"),
            Some("invalid_token"),
            initial.as_str(),
            Some(described.as_str()),
        ),
        (
            Some("Bearer s"),
            Some("insufficient_scope"),
            needed.as_str(),
            Some(lacks),
        ),
    ];
    for (authorization, error, scope, description) in cases {
        let mut request = Request::new(Empty::<Bytes>::new());
        if let Some(value) = authorization {
            let value = HeaderValue::from_static(value);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let response = poll::now(service.clone().oneshot(request)).expect("infallible");
        let expected = [
            ("realm", Some(realm).filter(|realm| !realm.is_empty())),
            ("error", error),
            ("scope", Some(scope).filter(|scope| !scope.is_empty())),
            ("resource_metadata", metadata.as_deref()),
            ("error_description", description),
        ];
        assert_challenge(&response, &expected);
    }
    match is_usable {
        true => "a challenge with metadata",
        false => "a challenge without metadata",
    }
}

fn assert_challenge<B>(response: &Response<B>, expected: &[(&str, Option<&str>)]) {
    let headers: Vec<_> = response
        .headers()
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .collect();
    assert_eq!(headers.len(), 1);
    let bytes = headers[0].as_bytes();
    assert!(
        bytes
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
    );
    let header = std::str::from_utf8(bytes).expect("ASCII");
    let challenges: Result<Vec<_>, _> = ChallengeParser::new(header).collect();
    let challenges = challenges.expect("another parser can read it");
    assert_eq!(challenges.len(), 1, "{header}");
    assert_eq!(challenges[0].scheme, "Bearer");

    let parameters = challenges[0].params.iter();
    let parameters: Vec<_> = parameters
        .map(|(name, value)| (*name, value.to_unescaped()))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?.to_owned())))
        .collect();
    assert_eq!(parameters, expected, "{header}");
    // Clients parse the header with regular expressions, so each value has exactly two quotes and no others.
    assert_eq!(header.matches('"').count(), 2 * expected.len(), "{header}");
}

/// RFC 9728 §3.1: inserts the suffix between the host and the path. A path of a single slash is removed.
fn metadata_url(identifier: &str) -> String {
    let start = identifier.find("://").expect("a URL") + "://".len();
    let end = identifier[start..]
        .find(['/', '?'])
        .map_or(identifier.len(), |end| start + end);
    let (host, rest) = identifier.split_at(end);
    let rest = match rest.strip_prefix('/') {
        Some("") => "",
        Some(query) if query.starts_with('?') => query,
        _ => rest,
    };
    format!("{host}/.well-known/oauth-protected-resource{rest}")
}

/// Whether RFC 6750 §3 allows the character in a description.
fn is_quotable(c: char) -> bool {
    matches!(c, ' '..='~') && c != '"' && c != '\\'
}

fn as_quotable(c: char) -> char {
    match c {
        '"' => '\'',
        c if is_quotable(c) => c,
        _ => '?',
    }
}

/// Whether the name is a scope (RFC 6749 §3.3).
fn is_scope(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| is_quotable(c) && c != ' ')
}

/// A layer that refuses the token `s` for too little scope, and every other token with the description.
fn layer(
    description: &'static str,
) -> BearerAuthLayer<
    impl Verifier<
        Response = AccessToken,
        Error = VerifyError,
        Future = Ready<Result<AccessToken, VerifyError>>,
    >,
> {
    let verifier = service_fn(move |token: BearerToken| {
        ready(Err(match token.as_str() {
            "s" => VerifyError::insufficient_scope(Scopes::parse("more").expect("a scope")),
            _ => VerifyError::invalid(description),
        }))
    });
    BearerAuthLayer::new(verifier)
}

/// Leaks a description. The crate accepts only `'static` descriptions, so that none can repeat a request. After a
/// limit, all descriptions are the same.
fn for_ever(description: &str) -> &'static str {
    static LEAKED: AtomicUsize = AtomicUsize::new(0);
    const ENOUGH: usize = 1 << 30;
    match LEAKED.fetch_add(description.len(), Ordering::Relaxed) {
        leaked if leaked < ENOUGH => description.to_owned().leak(),
        _ => "enough",
    }
}

/// Asserts a panic, in a replay only: under libFuzzer every panic ends the process.
fn assert_panics(configure: impl FnOnce() + std::panic::UnwindSafe) {
    if cfg!(not(feature = "libfuzzer")) {
        let result = std::panic::catch_unwind(configure);
        assert!(
            result.is_err(),
            "it was taken, and should have been refused"
        );
    }
}
