//! Finds the settings of a [`ClaimPolicy`] that cannot work.

use std::time::Duration;

use super::audience::Audience;
use super::policy::ClaimPolicy;
use crate::config_error::{Problem, Problems};
use crate::scopes::Scopes;
use crate::shown_url::ShownUrl;

pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(3600);

/// Claims that name the client a token was issued to. If one of them must have a configured value, that limits the
/// accepted tokens as an audience does. Some providers write no audience.
const CLIENT_CLAIMS: [&str; 4] = ["client_id", "azp", "cid", "appid"];

impl ClaimPolicy {
    /// Reports every problem.
    pub(crate) fn problems(&self, problems: &mut Problems) {
        self.check_issuers(problems);
        self.check_audiences(problems);
        self.check_leeway(problems);
        self.check_scopes(problems);
        self.check_values(problems);
        self.check_claim_names(problems);
    }

    fn check_issuers(&self, problems: &mut Problems) {
        let issuers = self.issuers();
        if issuers.is_empty() && self.needs_issuer() {
            problems.push(
                "there is no issuer; name it with issuer(..), or spell out accept_any_issuer()",
            );
        } else if issuers.is_empty() && self.issuers.is_some() && !self.any_issuer {
            // A list from the environment may be empty by mistake. Every issuer would then be accepted.
            problems.push("issuers(..) names nothing");
        }
        if !issuers.is_empty() && self.any_issuer {
            let issuers = ShownUrl::of_all(issuers);
            problems.push(format!(
                "accept_any_issuer() contradicts the issuers {issuers:?}"
            ));
        }
    }

    /// Checks that tokens for other services are refused, or that the setting which accepts them is explicit.
    fn check_audiences(&self, problems: &mut Problems) {
        let audiences = self.audiences();
        if audiences.is_empty() && !self.any_audience && !self.names_client() {
            problems.push(
                "there is no audience; name it with audience(..), or the clients with \
                 claim_in(\"client_id\", ..), or spell out accept_any_audience()",
            );
        }
        if audiences.is_empty() && self.audiences.is_some() && self.names_client() {
            // A list from the environment may be empty by mistake. The audience would then not be checked.
            problems.push("audiences(..) names nothing");
        }
        if !audiences.is_empty() && self.any_audience {
            let audiences = ShownUrl::of_all(audiences.iter().map(Audience::as_str));
            problems.push(format!(
                "accept_any_audience() contradicts the audiences {audiences:?}"
            ));
        }
    }

    /// Whether a claim that names the client must have a configured value, which replaces an audience.
    fn names_client(&self) -> bool {
        let is_client = |(name, _): &(String, _)| CLIENT_CLAIMS.contains(&name.as_str());
        self.claims_in.iter().any(is_client)
    }

    fn check_leeway(&self, problems: &mut Problems) {
        let leeway = self.leeway;
        if leeway > MAX_LEEWAY {
            problems.push(format!(
                "a leeway of {leeway:?} is more than {MAX_LEEWAY:?}"
            ));
        }
    }

    fn check_scopes(&self, problems: &mut Problems) {
        let delimiters = self.scope_delimiters.as_deref();
        if delimiters.is_some_and(<[char]>::is_empty) {
            problems.push("scope_delimiters(..) names nothing");
        }
        let cannot_delimit = |c: &&char| c.is_control() || c.is_alphanumeric();
        let delimiters = delimiters.unwrap_or_default().iter();
        for delimiter in delimiters.filter(cannot_delimit) {
            problems.push(format!("{delimiter:?} cannot separate scopes"));
        }
        if let Some(prefix) = &self.scope_prefix
            && let Err(error) = Scopes::try_from_names([prefix])
        {
            let problem = format!("{prefix:?} cannot start a scope");
            problems.push(Problem::caused_by(&problem, error));
        }
    }

    fn check_values(&self, problems: &mut Problems) {
        if self.audiences().iter().any(|a| a.as_str().is_empty()) {
            problems.push("audiences(..) has an empty value");
        }
        for error in self.audiences().iter().filter_map(Audience::error) {
            problems.merge(error.clone());
        }
        if !self.issuers().is_empty() {
            check_list(problems, "issuers(..)", self.issuers());
        }
        if !self.required_claims.is_empty() {
            check_list(problems, "required_claims(..)", &self.required_claims);
        }
        for (setting, names) in [
            ("scope_claims(..)", &self.scope_claims),
            ("client_id_claims(..)", &self.client_id_claims),
        ] {
            if let Some(names) = names {
                check_list(problems, setting, names);
            }
        }
        for (name, values) in &self.claims_in {
            check_list(problems, &format!("claim_in({name:?}, ..)"), values);
        }
    }

    fn check_claim_names(&self, problems: &mut Problems) {
        if self.claims_in.iter().any(|(name, _)| name.is_empty()) {
            problems.push("claim_in(..) has a claim without a name");
        }
        let names = self.claims_in.iter().map(|(name, _)| name);
        let names = names
            .chain(&self.required_claims)
            .chain(self.scope_claims.iter().flatten())
            .chain(self.client_id_claims.iter().flatten());
        for name in names.filter(|name| !is_claim_name(name)) {
            problems.push(format!("{name:?} is no JSON Pointer (RFC 6901)"));
        }
    }
}

/// Reports a list without values, and one with an empty value.
pub(crate) fn check_list(problems: &mut Problems, setting: &str, values: &[String]) {
    if values.is_empty() {
        problems.push(format!("{setting} names nothing"));
    }
    if values.iter().any(String::is_empty) {
        problems.push(format!("{setting} has an empty value"));
    }
}

/// Whether this names a claim: any text is a literal name, but in a pointer a tilde needs its 0 or 1 (RFC 6901 §3).
fn is_claim_name(name: &str) -> bool {
    !name.starts_with('/')
        || name
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']))
}
