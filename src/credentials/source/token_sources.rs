//! All sources of a layer. Each removes its credentials from the request, and at most one may find a token.

use http::{HeaderMap, Method, Request};

use super::cookie::take_cookie;
use super::cross_site::is_same_origin;
use super::header::take_header;
use super::token_source::{CookieSource, SourceKind, TokenSource};
use super::web_socket::{OfferedProtocol, is_handshake, take_protocol};
use crate::credentials::authorization::Credentials;
use crate::credentials::scheme::{Carrier, Scheme};
use crate::http_url::Origin;

/// The sources of a layer with `token_sources(..)`.
#[derive(Debug, Clone)]
pub(crate) struct TokenSources {
    sources: Vec<TokenSource>,
    /// The origin of the layer's resource.
    resource: Option<Origin>,
}

/// The credentials that one source has found.
struct FoundCredentials<'s> {
    source: &'s TokenSource,
    credentials: Credentials,
}

impl TokenSources {
    /// # Panics
    ///
    /// If there is no source, or if two take the token from the same place.
    #[track_caller]
    pub(crate) fn new(sources: impl IntoIterator<Item = TokenSource>) -> Self {
        let sources: Vec<_> = sources.into_iter().collect();
        assert!(
            !sources.is_empty(),
            "token_sources(..) needs at least one source"
        );
        for (index, source) in sources.iter().enumerate() {
            let is_new = !sources[..index]
                .iter()
                .any(|other| source.is_same_place(other));
            assert!(is_new, "token_sources(..) has {source:?} twice");
        }
        Self {
            sources,
            resource: None,
        }
    }

    /// Sets the origin of the layer's resource, whose pages may send cookies.
    pub(crate) fn set_resource(&mut self, identifier: &str) {
        self.resource = Origin::of_url(identifier).ok();
    }

    /// Whether clients may send the token in the `Authorization` header.
    pub(crate) fn has_authorization(&self) -> bool {
        let mut kinds = self.sources.iter().map(|source| &source.kind);
        kinds.any(|kind| matches!(kind, SourceKind::Authorization))
    }

    /// Takes the credentials of every source out of the request. `authorization` takes those of the `Authorization`
    /// header, in every scheme.
    pub(crate) fn take<B>(
        &self,
        request: &mut Request<B>,
        max_token_length: usize,
        accepts_dpop: bool,
        authorization: impl Fn(&mut HeaderMap) -> Credentials,
    ) -> (Credentials, Carrier) {
        let is_handshake = is_handshake(request);
        let headers = request.headers_mut();
        let mut found: Option<FoundCredentials<'_>> = None;
        let mut is_single = true;
        for source in &self.sources {
            let credentials = match &source.kind {
                SourceKind::Authorization => authorization(headers),
                SourceKind::Cookie(cookie) => take_cookie(headers, &cookie.name, max_token_length),
                SourceKind::Header(name) => take_header(headers, name, max_token_length),
                SourceKind::WebSocketProtocol(name) => {
                    take_protocol(headers, name, max_token_length, is_handshake)
                }
            };
            if let Credentials::Missing = credentials {
                continue;
            }
            is_single &= found.is_none();
            found = Some(FoundCredentials {
                source,
                credentials,
            });
        }
        let Some(FoundCredentials {
            source,
            credentials,
        }) = found
        else {
            return (Credentials::Missing, Carrier::Authorization);
        };
        if !is_single {
            return (Credentials::TwoTokens, Carrier::Authorization);
        }
        match (&source.kind, credentials) {
            // Without other credentials, those of a scheme that the layer does not accept do not count.
            (
                SourceKind::Authorization,
                Credentials::Token(Scheme::Dpop, _)
                | Credentials::Malformed(Scheme::Dpop)
                | Credentials::TooLong(Scheme::Dpop),
            ) if !accepts_dpop => (Credentials::Missing, Carrier::Authorization),
            (SourceKind::Authorization, credentials) => (credentials, Carrier::Authorization),
            (SourceKind::Cookie(cookie), Credentials::Token(..))
                if !self.accepts_cookie(cookie, request, is_handshake) =>
            {
                (Credentials::CrossSite, Carrier::Cookie)
            }
            (SourceKind::Cookie(_), credentials) => (credentials, Carrier::Cookie),
            (SourceKind::Header(_), credentials) => (credentials, Carrier::Header),
            (SourceKind::WebSocketProtocol(name), credentials) => {
                if let Credentials::Token(_, token) = &credentials {
                    let offered = OfferedProtocol::new(name, token, request.method());
                    request.extensions_mut().insert(offered);
                }
                (credentials, Carrier::WebSocketProtocol)
            }
        }
    }

    /// Whether the layer accepts the cookie: the request is safe, or comes from a page of this server.
    fn accepts_cookie<B>(
        &self,
        cookie: &CookieSource,
        request: &Request<B>,
        is_handshake: bool,
    ) -> bool {
        // The safe methods of RFC 9110 §9.2.1.
        let is_safe =
            [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(request.method());
        (is_safe && !is_handshake)
            || cookie.accepts_cross_site_requests
            || is_same_origin(
                request.headers(),
                cookie.origins.iter().chain(&self.resource),
            )
    }
}
