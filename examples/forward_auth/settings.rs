//! The settings of the server, from environment variables.

use axum::http::{HeaderName, StatusCode};
use tower_bearer_auth::possession::Dpop;

use super::peers::TrustedPeers;
use super::proxy::{Origin, OriginalHeaders, Proxy};
use super::rules::{Access, Rules};

/// The settings. The variables are listed in `main.rs`.
pub(crate) struct Settings {
    /// `None` for a test issuer.
    pub(crate) issuer: Option<String>,
    pub(crate) jwks_url: Option<String>,
    pub(crate) resource: String,
    pub(crate) origin: Origin,
    pub(crate) dpop: Option<Dpop>,
    pub(crate) proxy: Proxy,
    pub(crate) check_path: String,
    pub(crate) trusted_peers: TrustedPeers,
    pub(crate) rules: Rules<Access>,
    pub(crate) statuses: Statuses,
}

const VARIABLES: [&str; 12] = [
    "ANONYMOUS",
    "CHECK_PATH",
    "DPOP",
    "ISSUER",
    "JWKS_URL",
    "METHOD_HEADER",
    "PROXY",
    "RESOURCE",
    "SCOPES",
    "STATUSES",
    "TRUSTED_PEERS",
    "URI_HEADER",
];

impl Settings {
    /// Reads the variables of a server that listens on this URL.
    pub(crate) fn from_variables(
        url: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        if let Some(empty) = VARIABLES
            .iter()
            .find(|name| variable(name).as_deref() == Some(""))
        {
            return Err(format!("{empty} is set and empty"));
        }
        let resource = variable("RESOURCE").unwrap_or_else(|| url.to_owned());
        let origin = Origin::of_url(&resource).ok_or("RESOURCE is not a URL")?;
        let (issuer, jwks_url) = (variable("ISSUER"), variable("JWKS_URL"));
        if issuer.is_none() && jwks_url.is_some() {
            return Err("there is no ISSUER, which JWKS_URL needs".into());
        }
        let dpop = match variable("DPOP").as_deref() {
            None => None,
            Some("optional") => Some(Dpop::new()),
            Some("required") => Some(Dpop::new().required()),
            Some(other) => {
                return Err(format!(
                    "DPOP must be `optional` or `required`, not {other:?}"
                ));
            }
        };
        let proxy = proxy(&variable)?;
        let check_path = variable("CHECK_PATH").unwrap_or_else(|| "/check".into());
        if !is_check_path(&check_path) {
            return Err("CHECK_PATH must be a path such as `/check`".into());
        }
        let trusted_peers = match variable("TRUSTED_PEERS") {
            Some(list) => TrustedPeers::parse(&list)?,
            None => TrustedPeers::loopback(),
        };
        let rules = Rules::parse(
            variable("SCOPES").as_deref(),
            variable("ANONYMOUS").as_deref(),
        )?;
        let statuses = match (variable("STATUSES").as_deref(), &proxy) {
            (Some("keep"), _) | (None, Proxy::Traefik | Proxy::Envoy) => Statuses::default(),
            (Some(list), _) => Statuses::parse(list)?,
            (None, Proxy::Nginx(_)) => Statuses::parse("400=403, 503=403")?,
        };
        Ok(Self {
            issuer,
            jwks_url,
            resource,
            origin,
            dpop,
            proxy,
            check_path,
            trusted_peers,
            rules,
            statuses,
        })
    }
}

fn proxy(variable: impl Fn(&str) -> Option<String>) -> Result<Proxy, String> {
    let header = |variable_name: &str, default| match variable(variable_name) {
        None => Ok(HeaderName::from_static(default)),
        Some(name) => name
            .parse()
            .map_err(|_| format!("{variable_name} is not the name of a header")),
    };
    let headers = OriginalHeaders {
        method: header("METHOD_HEADER", "x-original-method")?,
        uri: header("URI_HEADER", "x-original-uri")?,
    };
    let proxy = match variable("PROXY").as_deref() {
        None | Some("nginx") => Proxy::Nginx(headers.clone()),
        Some("traefik") => Proxy::Traefik,
        Some("envoy") => Proxy::Envoy,
        Some(other) => {
            return Err(format!(
                "PROXY must be `nginx`, `traefik` or `envoy`, not {other:?}"
            ));
        }
    };
    let names_headers = ["METHOD_HEADER", "URI_HEADER"].map(variable) != [None, None];
    if names_headers && !matches!(proxy, Proxy::Nginx(_)) {
        return Err("METHOD_HEADER and URI_HEADER are for PROXY=nginx".into());
    }
    match headers.method == headers.uri {
        true => Err("METHOD_HEADER and URI_HEADER are the same".into()),
        false => Ok(proxy),
    }
}

/// A prefix that leaves the paths of the metadata free.
fn is_check_path(path: &str) -> bool {
    let segments = path.strip_prefix('/');
    let is_segment = |segment: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !segment.is_empty() && segment.bytes().all(is_plain)
    };
    segments.is_some_and(|segments| segments.split('/').all(is_segment))
}

/// The statuses that the proxy gets in place of others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statuses(Vec<(StatusCode, StatusCode)>);

impl Statuses {
    /// Reads pairs with commas between them, such as `400=403, 503=403`.
    fn parse(list: &str) -> Result<Self, String> {
        let pair = |entry: &str| {
            let (from, to) = entry.split_once('=')?;
            let status = |text: &str| text.trim().parse::<StatusCode>().ok().filter(is_refusal);
            Some((status(from)?, status(to)?))
        };
        let pairs = list.split(',').map(|entry| {
            pair(entry).ok_or_else(|| {
                format!("STATUSES has an entry that is not such as `400=403`: {entry:?}")
            })
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn of(&self, status: StatusCode) -> StatusCode {
        let pair = self.0.iter().find(|(from, _)| *from == status);
        pair.map_or(status, |(_, to)| *to)
    }
}

/// Whether the status refuses the request. No entry may make a refusal out of an admission, or the other way round.
fn is_refusal(status: &StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
