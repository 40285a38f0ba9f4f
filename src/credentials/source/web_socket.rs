//! A token among the subprotocols that the handshake of a WebSocket offers (RFC 6455 §4.1, RFC 8441 §5).

use bytes::Bytes;
use http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

use super::header::problem_of;
use crate::credentials::authorization::Credentials;
use crate::credentials::bearer_token::BearerToken;
use crate::credentials::scheme::Scheme;

/// Whether the request may be the handshake of a WebSocket. Over HTTP/2, every `CONNECT` counts: its headers do not
/// name the protocol.
pub(super) fn is_handshake<B>(request: &Request<B>) -> bool {
    let upgrades = request.headers().get_all(UPGRADE).iter();
    (request.method() == Method::CONNECT && request.version() >= Version::HTTP_2)
        || upgrades
            .flat_map(entries)
            .any(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// Removes the protocol of this name and the token behind it from the offered protocols, and reads the token. The token
/// of a request that is not a handshake does not count.
pub(super) fn take_protocol(
    headers: &mut HeaderMap,
    name: &HeaderValue,
    max_token_length: usize,
    is_handshake: bool,
) -> Credentials {
    let fields: Vec<_> = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .cloned()
        .collect();
    let (mut names, mut is_behind_name) = (0, false);
    let (mut tokens, mut others) = (Vec::new(), Vec::new());
    for entry in fields.iter().flat_map(entries) {
        if entry == name.as_bytes() {
            names += 1;
            is_behind_name = true;
        } else if is_behind_name {
            is_behind_name = false;
            tokens.push(entry);
        } else {
            others.push(entry);
        }
    }
    let credentials = match (names, &tokens[..]) {
        (0 | 1, []) => return Credentials::Missing,
        (1, [token]) => match problem_of(token, max_token_length) {
            Some(problem) => problem,
            None => Credentials::Token(Scheme::Bearer, BearerToken::copy_of(token)),
        },
        (_, _) => Credentials::TwoTokens,
    };
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if !others.is_empty() {
        let others = HeaderValue::from_maybe_shared(Bytes::from(others.join(&b", "[..])));
        let others = others.expect("it has no other characters than the fields");
        headers.insert(SEC_WEBSOCKET_PROTOCOL, others);
    }
    match is_handshake {
        true => credentials,
        false => Credentials::Missing,
    }
}

/// The entries of a list, without the empty ones (RFC 9110 §5.6.1).
fn entries(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let entries = field.as_bytes().split(|byte| *byte == b',');
    entries
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
}

/// The offer of a client that sent its token as a subprotocol. It is part of the request until the layer's decision.
#[derive(Debug, Clone)]
pub(crate) struct OfferedProtocol {
    name: HeaderValue,
    token: BearerToken,
    is_connect: bool,
}

impl OfferedProtocol {
    pub(super) fn new(name: &HeaderValue, token: &BearerToken, method: &Method) -> Self {
        Self {
            name: name.clone(),
            token: token.clone(),
            is_connect: *method == Method::CONNECT,
        }
    }

    /// Selects the name, if the response accepts the handshake and selects no protocol: a browser ends a connection
    /// without a selected protocol. If the response selects the token, the name replaces it.
    pub(crate) fn select<B>(&self, response: &mut Response<B>) {
        let accepts = match self.is_connect {
            true => response.status().is_success(),
            false => response.status() == StatusCode::SWITCHING_PROTOCOLS,
        };
        let headers = response.headers_mut();
        let mut selected = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().peekable();
        let selects_none = selected.peek().is_none();
        let has_token = selected
            .flat_map(entries)
            .any(|entry| entry == self.token.as_bytes());
        if has_token || (accepts && selects_none) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, self.name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken from these fields, and the rest.
    fn take(fields: &[&str], name: &'static str, is_handshake: bool) -> (String, Vec<String>) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(SEC_WEBSOCKET_PROTOCOL, field.parse().unwrap());
        }
        let name = HeaderValue::from_static(name);
        let taken = match take_protocol(&mut headers, &name, 16, is_handshake) {
            Credentials::Missing => "missing".to_owned(),
            Credentials::Token(Scheme::Bearer, token) => format!("token {}", token.as_str()),
            Credentials::TwoTokens => "several".to_owned(),
            Credentials::Malformed(Scheme::Bearer) => "malformed".to_owned(),
            Credentials::TooLong(Scheme::Bearer) => "too long".to_owned(),
            other => panic!("{other:?}"),
        };
        let rest = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let rest = rest.map(|value| value.to_str().unwrap().to_owned());
        (taken, rest.collect())
    }

    #[test]
    fn the_token_is_behind_the_name() {
        let table: &[(&[&str], &str, &[&str])] = &[
            (&[], "missing", &[]),
            (&["chat.v1"], "missing", &["chat.v1"]),
            (&["bearer, abc"], "token abc", &[]),
            (&["bearer, abc, chat.v1"], "token abc", &["chat.v1"]),
            (&["chat.v1,bearer,abc"], "token abc", &["chat.v1"]),
            (&["a", "bearer", "abc", "b , c"], "token abc", &["a, b, c"]),
            (&["a, bearer", "abc, b"], "token abc", &["a, b"]),
            (&["bearer, , abc,, b"], "token abc", &["b"]),
            (&[" bearer\t,\tabc "], "token abc", &[]),
            (&["bearer"], "missing", &["bearer"]),
            (&["a, bearer"], "missing", &["a, bearer"]),
            (&["a", "bearer,"], "missing", &["a", "bearer,"]),
            (&["Bearer, abc"], "missing", &["Bearer, abc"]),
            (&["bearer, bearer"], "several", &[]),
            (&["bearer, abc, bearer"], "several", &[]),
            (&["bearer, abc, bearer, def, b"], "several", &["b"]),
            (&["bearer, abc", "bearer, abc"], "several", &[]),
            (&["bearer, \"abc\""], "malformed", &[]),
            (&["bearer, a b"], "malformed", &[]),
            (&["bearer abc"], "missing", &["bearer abc"]),
            (&["bearer, 0123456789abcdef0, b"], "too long", &["b"]),
        ];
        for (fields, taken, rest) in table {
            let found = take(fields, "bearer", true);
            assert_eq!(found.0, *taken, "{fields:?}");
            assert_eq!(found.1, *rest, "{fields:?}");
            let (taken, left) = take(fields, "bearer", false);
            assert_eq!(taken, "missing", "{fields:?}");
            assert_eq!(left, *rest, "{fields:?}");
        }
        let dotted = take(
            &["base64url.bearer.example, abc, x"],
            "base64url.bearer.example",
            true,
        );
        assert_eq!(dotted, ("token abc".to_owned(), vec!["x".to_owned()]));
    }

    #[test]
    fn handshakes_are_recognized_in_every_spelling() {
        for (method, version, upgrade, expected) in [
            (Method::GET, Version::HTTP_11, &[][..], false),
            (Method::GET, Version::HTTP_11, &["websocket"], true),
            (Method::GET, Version::HTTP_11, &["WebSocket"], true),
            (Method::GET, Version::HTTP_11, &["h2c, websocket"], true),
            (Method::GET, Version::HTTP_11, &["h2c", " websocket "], true),
            (Method::GET, Version::HTTP_11, &["websocket/13"], false),
            (Method::GET, Version::HTTP_11, &["h2c"], false),
            (Method::CONNECT, Version::HTTP_11, &[], false),
            (Method::CONNECT, Version::HTTP_2, &[], true),
            (Method::CONNECT, Version::HTTP_3, &[], true),
            (Method::GET, Version::HTTP_2, &[], false),
        ] {
            let mut request = Request::builder().method(method).version(version);
            for value in upgrade {
                request = request.header(UPGRADE, *value);
            }
            assert_eq!(is_handshake(&request.body(()).unwrap()), expected);
        }
    }

    #[test]
    fn the_response_selects_the_name_and_never_the_token() {
        for (method, status, selected, expected) in [
            (Method::GET, 101, &[][..], &["bearer"][..]),
            (Method::GET, 101, &["chat.v1"], &["chat.v1"]),
            (Method::GET, 101, &["abc"], &["bearer"]),
            (Method::GET, 101, &["chat.v1, abc"], &["bearer"]),
            (Method::GET, 101, &["chat.v1", "abc"], &["bearer"]),
            (Method::GET, 101, &["abcd"], &["abcd"]),
            (Method::GET, 200, &[], &[]),
            (Method::GET, 400, &[], &[]),
            (Method::GET, 400, &["abc"], &["bearer"]),
            (Method::CONNECT, 200, &[], &["bearer"]),
            (Method::CONNECT, 204, &[], &["bearer"]),
            (Method::CONNECT, 101, &[], &[]),
            (Method::CONNECT, 403, &[], &[]),
        ] {
            let name = HeaderValue::from_static("bearer");
            let offered = OfferedProtocol::new(&name, &"abc".parse().unwrap(), &method);
            let mut response = Response::builder().status(status);
            for value in selected {
                response = response.header(SEC_WEBSOCKET_PROTOCOL, *value);
            }
            let mut response = response.body(()).unwrap();
            offered.select(&mut response);
            let found = response.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
            assert!(found.iter().eq(expected), "{method} {status} {selected:?}");
        }
    }
}
