//! The settings of a replica, from environment variables.

use std::time::Duration;

use tower_bearer_auth::possession::Dpop;

/// The settings of a replica. The variables are listed in `main.rs`.
pub(crate) struct Settings {
    /// `None` for a test issuer.
    pub(crate) issuer: Option<String>,
    pub(crate) jwks_url: Option<String>,
    pub(crate) resource: String,
    pub(crate) client_id: String,
    pub(crate) introspection: Option<Introspection>,
    pub(crate) dpop: Option<Dpop>,
    pub(crate) redis_url: Option<String>,
    pub(crate) store: Option<String>,
    pub(crate) tolerate_outage: Option<Duration>,
}

pub(crate) struct Introspection {
    pub(crate) url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl Settings {
    /// Reads the variables of a replica that listens on this URL.
    pub(crate) fn from_variables(
        url: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let resource = variable("RESOURCE").unwrap_or_else(|| url.to_owned());
        let (issuer, jwks_url) = (variable("ISSUER"), variable("JWKS_URL"));
        if issuer.is_none() && jwks_url.is_some() {
            return Err("there is no ISSUER, which JWKS_URL needs".into());
        }
        let (redis_url, store) = (variable("REDIS_URL"), variable("STORE"));
        if redis_url.is_some() && store.is_some() {
            return Err("REDIS_URL and STORE exclude each other".into());
        }
        let introspection = match [
            "INTROSPECTION_URL",
            "INTROSPECTION_CLIENT_ID",
            "INTROSPECTION_CLIENT_SECRET",
        ]
        .map(&variable)
        {
            [None, None, None] => None,
            [Some(url), Some(client_id), Some(client_secret)] => Some(Introspection {
                url,
                client_id,
                client_secret,
            }),
            _ => return Err("INTROSPECTION_URL needs a client ID and a secret".into()),
        };
        let tolerate_outage = variable("TOLERATE_OUTAGE").map(|seconds| {
            let seconds = seconds.parse().map(Duration::from_secs);
            seconds.map_err(|_| "TOLERATE_OUTAGE is not a number of seconds")
        });
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
        Ok(Self {
            issuer,
            jwks_url,
            client_id: variable("CLIENT_ID").unwrap_or_else(|| resource.clone()),
            resource,
            introspection,
            dpop,
            redis_url,
            store,
            tolerate_outage: tolerate_outage.transpose()?,
        })
    }
}
