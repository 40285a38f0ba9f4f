//! What a check sees of a request.

use std::fmt;

use http::uri::Authority;
use http::{Extensions, HeaderMap, Method, Request, Uri, header::HOST};

/// The head of a request: everything except its body.
///
/// `Debug` shows the method and the path. It shows no header, since headers contain tokens and proofs.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r Method,
    /// The URI as the layer sees it. In an app that is nested with `axum::Router::nest`, it lacks the prefix.
    pub uri: &'r Uri,
    /// The headers, without what a [source](crate::BearerAuthLayer::token_sources) of tokens has removed. So a
    /// [`RequestCheck`](super::RequestCheck) sees no `Authorization` header by default, unless the layer
    /// [forwards](crate::BearerAuthLayer::forward_authorization) it.
    pub headers: &'r HeaderMap,
    /// The extensions, such as a [`ClientCertificate`](super::ClientCertificate).
    pub extensions: &'r Extensions,
}

impl<'r> RequestHead<'r> {
    /// The head of this request.
    pub fn of<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The host and the port that the client requests: the `Host` field or the authority of the URI (RFC 9110 §7.2).
    ///
    /// `None` if there is none, if it is malformed or has a user name (`user@host`), if the field is repeated, or if the
    /// two disagree. A client can request any authority, so compare it with those that the server has.
    pub fn authority(&self) -> Option<Authority> {
        let mut hosts = self.headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (None, _) => None,
            (Some(host), None) => Some(Authority::try_from(host.as_bytes()).ok()?),
            (Some(_), Some(_)) => return None,
        };
        let authority = match (self.uri.authority(), host) {
            (None, host) => host,
            (Some(authority), None) => Some(authority.clone()),
            (Some(authority), Some(host)) => (*authority == host).then_some(host),
        };
        // Neither place may have a user name (RFC 9110 §4.2.4, §7.2), and some readers would take it for the host.
        authority.filter(|authority| !authority.as_str().contains('@'))
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_one_that_everything_in_the_request_agrees_on() {
        for (uri, hosts, expected) in [
            ("/", vec!["h:1"], Some("h:1")),
            ("/", vec![], None),
            ("/", vec!["h", "h"], None),
            ("/", vec![""], None),
            ("/", vec!["a b"], None),
            ("/", vec!["user@h"], None),
            ("/", vec!["other.test:1@h"], None),
            ("http://user@h/", vec![], None),
            ("http://user@h/", vec!["user@h"], None),
            ("http://user@h/", vec!["h"], None),
            ("http://h/", vec![], Some("h")),
            ("http://h/", vec!["H"], Some("h")),
            ("http://h/", vec!["other"], None),
            ("http://h/", vec!["h:80"], None),
        ] {
            let mut request = Request::get(uri);
            for host in &hosts {
                request = request.header(HOST, *host);
            }
            let request = request.body(()).unwrap();
            let found = RequestHead::of(&request).authority();
            let expected = expected.map(|text| text.parse::<Authority>().unwrap());
            assert_eq!(found, expected, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let request = Request::get("/a?key=secret")
            .header("authorization", "Bearer secret")
            .header("dpop", "secret")
            .header("cookie", "secret")
            .extension("secret")
            .body(())
            .unwrap();
        let shown = format!("{:?}", RequestHead::of(&request));
        assert_eq!(shown, r#"RequestHead { method: GET, path: "/a", .. }"#);
    }
}
