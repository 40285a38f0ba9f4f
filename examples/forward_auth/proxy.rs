//! What the client requested, as each proxy says it.

use std::fmt;

use axum::http::request::Parts;
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, Method, Request, Uri};
use tower_bearer_auth::possession::RequestHead;

use super::rules::encoded_octet;

/// How the proxy asks.
#[derive(Debug, Clone)]
pub(crate) enum Proxy {
    /// `auth_request`: the configuration sets two headers.
    Nginx(OriginalHeaders),
    /// ForwardAuth: four headers, `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
    Traefik,
    /// `ext_authz` over HTTP: the head of the request itself, with a prefix in front of its path.
    Envoy,
}

/// The headers with the method and the URI.
#[derive(Debug, Clone)]
pub(crate) struct OriginalHeaders {
    pub(crate) method: HeaderName,
    pub(crate) uri: HeaderName,
}

const FORWARDED: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-method"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-uri"),
];

/// The request of the client.
#[derive(Debug)]
pub(crate) struct Original {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
}

/// Why a check is refused before its token is verified. It has nothing that was sent except for names of headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mistake {
    UntrustedPeer,
    /// The check is at another path.
    NotFound,
    Missing(HeaderName),
    Repeated(HeaderName),
    /// The method, the URI or the host breaks a rule of its form.
    Malformed(&'static str),
    /// The URL has another scheme, host or port than the resource.
    OtherOrigin,
}

impl Proxy {
    /// The request that a check is about. The path of the check is `check_path`, and of Envoy begins with it.
    pub(crate) fn original(
        &self,
        check: &Parts,
        check_path: &str,
        resource: &Origin,
    ) -> Result<Original, Mistake> {
        let rest = check.uri.path().strip_prefix(check_path);
        let is_check = rest.is_some_and(|rest| match self {
            Self::Nginx(_) | Self::Traefik => rest.is_empty(),
            Self::Envoy => rest.starts_with('/'),
        });
        if !is_check {
            return Err(Mistake::NotFound);
        }
        let headers = &check.headers;
        match self {
            Self::Nginx(names) => {
                let method = method(only(headers, &names.method)?)?;
                let uri = only(headers, &names.uri)?;
                let target = match uri.starts_with('/') {
                    true => uri,
                    false => path_of_url(uri, resource)?,
                };
                Original::new(method, target)
            }
            Self::Traefik => {
                let [name, proto, host, uri] = &FORWARDED;
                let method = method(only(headers, name)?)?;
                let proto = match only(headers, proto)? {
                    "wss" => "https",
                    "ws" => "http",
                    proto => proto,
                };
                let host = only(headers, host)?;
                let target = only(headers, uri)?;
                resource.check(&Origin::new(proto, host)?)?;
                Original::new(method, target)
            }
            Self::Envoy => {
                let mut head = Request::new(());
                *head.uri_mut() = check.uri.clone();
                *head.headers_mut() = check.headers.clone();
                let authority = RequestHead::of(&head).authority();
                let host = authority.ok_or(Mistake::Malformed("there is not one host"))?;
                // The head has no scheme that a client could not choose.
                resource.check(&Origin::new(resource.scheme(), host.as_str())?)?;
                let target = check.uri.path_and_query().map_or("", PathAndQuery::as_str);
                Original::new(check.method.clone(), &target[check_path.len()..])
            }
        }
    }
}

/// The only value of a header.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Mistake> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Mistake::Missing(name.clone())),
        (Some(_), Some(_)) => Err(Mistake::Repeated(name.clone())),
        (Some(value), None) => {
            let value = value.to_str();
            value.map_err(|_| Mistake::Malformed("a header is not visible ASCII"))
        }
    }
}

fn method(name: &str) -> Result<Method, Mistake> {
    Method::from_bytes(name.as_bytes()).map_err(|_| Mistake::Malformed("the method is no token"))
}

/// The path and the query of an absolute URL of the resource.
fn path_of_url<'u>(url: &'u str, resource: &Origin) -> Result<&'u str, Mistake> {
    const BAD: Mistake = Mistake::Malformed("the URI is neither a path nor a URL");
    let (scheme, rest) = url.split_once("://").ok_or(BAD)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    resource.check(&Origin::new(scheme, &rest[..end])?)?;
    match &rest[end..] {
        "" => Ok("/"),
        path => Ok(path),
    }
}

impl Original {
    fn new(method: Method, target: &str) -> Result<Self, Mistake> {
        if !target.starts_with('/') {
            return Err(Mistake::Malformed(
                "the URI has no path that begins with a slash",
            ));
        }
        // `PathAndQuery` cuts a fragment off, and the server behind may not.
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) || target.contains('#') {
            return Err(Mistake::Malformed(
                "the URI has a character that no URI has",
            ));
        }
        let path = target.split('?').next().unwrap_or_default();
        let mut encoded = path.split('%').skip(1);
        if !encoded.all(|behind| encoded_octet(behind.as_bytes()).is_some()) {
            return Err(Mistake::Malformed("the URI has a `%` that encodes nothing"));
        }
        let target = PathAndQuery::try_from(target);
        Ok(Self {
            method,
            target: target.map_err(|_| Mistake::Malformed("the URI is none"))?,
        })
    }
}

/// Scheme, host and port of the resource. It is displayed as a URL without a path.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    fn new(scheme: &str, authority: &str) -> Result<Self, Mistake> {
        const BAD: Mistake = Mistake::Malformed("the scheme or the host is none");
        let authority: Authority = authority.parse().map_err(|_| BAD)?;
        if authority.as_str().contains('@') {
            return Err(BAD);
        }
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::HTTPS,
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::HTTP,
            _ => return Err(BAD),
        };
        Ok(Self { scheme, authority })
    }

    /// The origin of an absolute URL.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        Self::new(url.scheme_str()?, url.authority()?.as_str()).ok()
    }

    pub(crate) fn scheme(&self) -> &str {
        self.scheme.as_str()
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    fn check(&self, other: &Self) -> Result<(), Mistake> {
        let is_same = self.scheme == other.scheme
            && self
                .authority
                .host()
                .eq_ignore_ascii_case(other.authority.host())
            && self.port() == other.port();
        is_same.then_some(()).ok_or(Mistake::OtherOrigin)
    }

    fn port(&self) -> Option<u16> {
        let default = match self.scheme.as_str() {
            "https" => 443,
            _ => 80,
        };
        match self.authority.as_str().rsplit_once(':') {
            // The colons of an IPv6 address do not begin a port.
            Some((_, port)) if !port.ends_with(']') => port.parse().ok(),
            Some(_) | None => Some(default),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntrustedPeer => f.write_str("its sender is not in TRUSTED_PEERS"),
            Self::NotFound => f.write_str("it is at another path than CHECK_PATH"),
            Self::Missing(name) => write!(f, "there is no {name}"),
            Self::Repeated(name) => write!(f, "there is more than one {name}"),
            Self::Malformed(rule) => f.write_str(rule),
            Self::OtherOrigin => {
                f.write_str("the scheme, the host or the port is not that of RESOURCE")
            }
        }
    }
}
