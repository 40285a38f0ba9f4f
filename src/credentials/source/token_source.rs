use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::credentials::authorization::is_tchar;
use crate::http_url::Origin;

/// A part of a request from which a layer takes the token, for
/// [`BearerAuthLayer::token_sources`](crate::BearerAuthLayer::token_sources).
///
/// | source | choose it for |
/// |---|---|
/// | [`authorization()`](Self::authorization) | programs, and pages that send the token themselves; the default |
/// | [`cookie(..)`](Self::cookie) | pages whose server has stored the token in a cookie, out of reach of scripts |
/// | [`header(..)`](Self::header) | a proxy that logs users in and adds their token, such as oauth2-proxy |
/// | [`web_socket_protocol(..)`](Self::web_socket_protocol) | WebSockets of pages that have the token but cannot send headers |
///
/// There is no source for the query of a URL: URLs are in logs, in the history and in `Referer` (RFC 6750 §5.3).
#[derive(Clone)]
#[must_use = "a source does nothing until it is passed to BearerAuthLayer::token_sources"]
pub struct TokenSource {
    pub(super) kind: SourceKind,
}

#[derive(Clone)]
pub(super) enum SourceKind {
    Authorization,
    Cookie(CookieSource),
    Header(HeaderName),
    /// The name of the subprotocol in front of the token.
    WebSocketProtocol(HeaderValue),
}

#[derive(Clone)]
pub(super) struct CookieSource {
    pub(super) name: Box<str>,
    /// The origins of the server itself, besides that of the layer's resource.
    pub(super) origins: Vec<Origin>,
    pub(super) accepts_cross_site_requests: bool,
}

impl TokenSource {
    /// The `Authorization` header, in the scheme `Bearer`, or `DPoP` if the layer checks proofs. Credentials of another
    /// scheme do not count as a token. They are removed too.
    pub fn authorization() -> Self {
        Self {
            kind: SourceKind::Authorization,
        }
    }

    /// The cookie with this name, whose value is the token itself. Names are case-sensitive (RFC 6265 §5.3). Choose one
    /// that begins with `__Host-`, which pages of other hosts cannot set.
    ///
    /// A browser adds cookies to every request, even if a page of an attacker sends it (cross-site request forgery). So
    /// the layer accepts the cookie in a request with a method other than `GET`, `HEAD`, `OPTIONS` and `TRACE`, and in
    /// the handshake of a WebSocket, only if the request has
    ///
    /// - exactly one `Sec-Fetch-Site`, which is `same-origin`; or
    /// - no `Sec-Fetch-Site` and exactly one `Origin`, which is that of the layer's
    ///   [resource](crate::BearerAuthLayer::resource) or one of [`origin(..)`](Self::origin).
    ///
    /// Otherwise it answers 403, without verifying the token. Requests with `GET`, `HEAD`, `OPTIONS` and `TRACE` must
    /// change nothing, because they are not checked.
    ///
    /// The layer removes this cookie from the request and keeps all others as they are. An empty value does not count
    /// as a token. A second cookie of this name gets 400. A token that is bound to a key (`cnf`) is refused, even if
    /// the layer checks possession, and even if the verifier waives it.
    ///
    /// ```
    /// use tower_bearer_auth::TokenSource;
    ///
    /// let source = TokenSource::cookie("__Host-token").origin("https://app.example.com");
    /// # let _ = source;
    /// ```
    ///
    /// # Panics
    ///
    /// If the name is not a token as RFC 6265 §4.1.1 requires: it is empty, or has a separator, a space, or other
    /// characters than visible ASCII.
    #[track_caller]
    pub fn cookie(name: impl Into<String>) -> Self {
        let name = name.into();
        assert!(
            is_token(&name),
            "{name:?} cannot be the name of a cookie: use letters, digits and !#$%&'*+-.^_`|~ (RFC 6265 section 4.1.1)"
        );
        Self {
            kind: SourceKind::Cookie(CookieSource {
                name: name.into(),
                origins: Vec::new(),
                accepts_cross_site_requests: false,
            }),
        }
    }

    /// The header with this name, whose value is the token without a scheme, such as `X-Auth-Request-Access-Token` of
    /// oauth2-proxy. A value with `Bearer ` in front of the token is malformed. An empty value does not count as a
    /// token.
    ///
    /// A token that is bound to a public key is refused in this header, because it comes without a DPoP proof.
    ///
    /// Any client can send the header. If only a proxy may send it, the proxy must remove the header of its clients.
    /// The layer verifies the token in both cases.
    ///
    /// # Panics
    ///
    /// If the name is not a valid header name, or if that header has another meaning: `Authorization`, `Cookie`,
    /// `DPoP`, `Host`, `Origin`, `Sec-WebSocket-Protocol` and other `Sec-` headers, and those of HTTP itself, such as
    /// `Content-Length`.
    #[track_caller]
    pub fn header(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
            panic!("{name:?} cannot be the name of a header");
        };
        if let Some(instead) = other_use(parsed.as_str()) {
            panic!("{name:?} cannot be a header with the token alone: {instead}");
        }
        Self {
            kind: SourceKind::Header(parsed),
        }
    }

    /// The subprotocol behind the one with this name, in the handshake of a WebSocket. A page cannot add headers to a
    /// handshake, but it can offer subprotocols:
    ///
    /// ```js
    /// new WebSocket("wss://api.example.com/events", ["bearer", token, "chat.v1"])
    /// ```
    ///
    /// The browser sends `Sec-WebSocket-Protocol: bearer, TOKEN, chat.v1`. The layer removes the name and the token, so
    /// the inner service sees `chat.v1`. A browser ends a connection whose server selects none of the offered
    /// protocols. So if the inner service accepts the handshake and selects none, the layer selects the name. It never
    /// returns the token.
    ///
    /// The name is compared exactly. A handshake that offers it twice gets 400. A name without an entry behind it does
    /// not count. In requests other than handshakes (`Upgrade: websocket`, or `CONNECT` over HTTP/2 and later), name
    /// and token are removed and ignored.
    ///
    /// Browsers offer only names of letters, digits and `` !#$%&'*+-.^_`|~ ``: a JWT is one, and an opaque token with
    /// `/` or `=` is not.
    ///
    /// # Panics
    ///
    /// If the name is not a token as RFC 6455 §4.1 requires: it is empty, or has a separator, a space, or other
    /// characters than visible ASCII.
    #[track_caller]
    pub fn web_socket_protocol(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        assert!(
            is_token(name),
            "{name:?} cannot be a subprotocol: use letters, digits and !#$%&'*+-.^_`|~ (RFC 6455 section 4.1)"
        );
        let name = HeaderValue::from_str(name).expect("a token is visible ASCII");
        Self {
            kind: SourceKind::WebSocketProtocol(name),
        }
    }

    /// Adds an origin of this server, as browsers send it for the server's own pages: `https://app.example.com`.
    /// Default: the origin of the layer's [resource](crate::BearerAuthLayer::resource) alone. Later calls add to
    /// earlier ones.
    ///
    /// The origins apply to requests without `Sec-Fetch-Site`: those of old browsers, those over plain http except on
    /// loopback addresses, and handshakes of WebSockets, to which Chromium adds none (November 2026). They do not admit
    /// pages of other origins, whose requests have another `Sec-Fetch-Site` than `same-origin`. Such pages can send the
    /// token in the `Authorization` header.
    ///
    /// # Panics
    ///
    /// If this source is not a [`cookie`](Self::cookie). If the origin is not an http or https URL, or has credentials,
    /// a path, a query or a fragment.
    #[track_caller]
    pub fn origin(mut self, origin: &str) -> Self {
        match Origin::of_origin(origin) {
            Ok(origin) => self.cookie_source("origin").origins.push(origin),
            Err(problem) => panic!("{origin:?} cannot be an origin: it {problem}"),
        }
        self
    }

    /// Accepts the cookie in all requests, also in those of pages of other sites. Default: such requests are refused;
    /// see [`cookie`](Self::cookie).
    ///
    /// Use it only if you protect your users from cross-site request forgery in another way, such as a secret in each
    /// form. Pages of other origins can then open WebSockets as the user and read them, unless your handler checks the
    /// `Origin`.
    ///
    /// # Panics
    ///
    /// If this source is not a [`cookie`](Self::cookie).
    #[track_caller]
    pub fn accept_cross_site_requests(mut self) -> Self {
        self.cookie_source("accept_cross_site_requests")
            .accepts_cross_site_requests = true;
        self
    }

    #[track_caller]
    fn cookie_source(&mut self, setting: &str) -> &mut CookieSource {
        match &mut self.kind {
            SourceKind::Cookie(cookie) => cookie,
            SourceKind::Authorization
            | SourceKind::Header(_)
            | SourceKind::WebSocketProtocol(_) => {
                panic!("{setting}(..) is a setting of TokenSource::cookie(..) only")
            }
        }
    }

    /// Whether both take the token from the same place.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (SourceKind::Authorization, SourceKind::Authorization) => true,
            (SourceKind::Cookie(one), SourceKind::Cookie(other)) => one.name == other.name,
            (SourceKind::Header(one), SourceKind::Header(other)) => one == other,
            (SourceKind::WebSocketProtocol(one), SourceKind::WebSocketProtocol(other)) => {
                one == other
            }
            (
                SourceKind::Authorization
                | SourceKind::Cookie(_)
                | SourceKind::Header(_)
                | SourceKind::WebSocketProtocol(_),
                _,
            ) => false,
        }
    }
}

/// Whether it is a token (RFC 9110 §5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_tchar)
}

/// What to use instead of a header that cannot contain the token alone.
fn other_use(name: &str) -> Option<&'static str> {
    match name {
        "authorization" => Some("use TokenSource::authorization()"),
        "cookie" => Some("use TokenSource::cookie(..)"),
        "sec-websocket-protocol" => Some("use TokenSource::web_socket_protocol(..)"),
        "connection"
        | "content-encoding"
        | "content-length"
        | "content-type"
        | "date"
        | "dpop"
        | "expect"
        | "forwarded"
        | "host"
        | "http2-settings"
        | "keep-alive"
        | "origin"
        | "proxy-authorization"
        | "proxy-connection"
        | "range"
        | "referer"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade"
        | "user-agent"
        | "via" => Some("it has another meaning"),
        // Only browsers set these.
        _ if name.starts_with("sec-") => Some("it has another meaning"),
        _ => None,
    }
}

/// Shows the place, and no token.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SourceKind::Authorization => f.write_str("Authorization"),
            SourceKind::Cookie(cookie) => f
                .debug_struct("Cookie")
                .field("name", &cookie.name)
                .field("origins", &cookie.origins)
                .field(
                    "accepts_cross_site_requests",
                    &cookie.accepts_cross_site_requests,
                )
                .finish(),
            SourceKind::Header(name) => f.debug_tuple("Header").field(name).finish(),
            SourceKind::WebSocketProtocol(name) => {
                f.debug_tuple("WebSocketProtocol").field(name).finish()
            }
        }
    }
}
