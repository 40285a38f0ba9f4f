//! What can be wrong with a verifier's configuration.

use std::time::Duration;

use super::algorithm::{Algorithm, KeyKind};
use super::builder::JwtVerifierBuilder;
use super::token_type;
use crate::config_error::Problems;
use crate::scopes::Scopes;
use crate::shown_url::ShownUrl;
use crate::verify::audience::Audience;

const MAX_LEEWAY: Duration = Duration::from_secs(3600);

/// Claims that name the client a token was issued to. Requiring one of known clients narrows a token
/// down as an audience does, for providers that write none.
const CLIENT_CLAIMS: [&str; 4] = ["client_id", "azp", "cid", "appid"];

impl JwtVerifierBuilder {
    /// Everything that is wrong, in the order of the settings.
    pub(super) fn problems(&self) -> Problems {
        let mut problems = self.key_problems.clone();
        self.check_keys(&mut problems);
        self.check_issuer_and_audience(&mut problems);
        self.check_values(&mut problems);
        self.check_lists(&mut problems);
        problems
    }

    fn check_keys(&self, problems: &mut Problems) {
        if self.remotes.len() > 1 {
            problems.push("there is more than one key source; give each its own verifier");
        }
        if self.keys.is_empty() && self.remotes.is_empty() && self.key_problems.is_empty() {
            problems.push("there is no key to verify with");
        }
        let Some(accepted) = &self.algorithms else {
            return;
        };
        if accepted.is_empty() {
            problems.push("algorithms(..) names nothing");
            return;
        }
        let is_secret = |algorithm: &Algorithm| algorithm.key_kind() == KeyKind::Secret;
        if !self.remotes.is_empty() && accepted.iter().all(is_secret) {
            problems.push(format!(
                "algorithms({accepted:?}) leaves no use for keys that are fetched"
            ));
        }
        for (position, key) in self.keys.iter().enumerate() {
            let of_key: Vec<_> = key.algorithms().collect();
            if !of_key.iter().any(|algorithm| accepted.contains(algorithm)) {
                let names: Vec<_> = of_key.iter().map(|algorithm| algorithm.as_str()).collect();
                let key = match key.key_id() {
                    Some(key_id) => format!("the key {key_id:?}"),
                    None => format!("key {position}"),
                };
                problems.push(format!(
                    "algorithms({accepted:?}) leaves no use for {key}, which is for {}",
                    names.join(", "),
                ));
            }
        }
    }

    fn check_issuer_and_audience(&self, problems: &mut Problems) {
        if self.issuers.is_empty() && !self.any_issuer {
            problems.push(
                "there is no issuer; name it with issuer(..), or spell out accept_any_issuer()",
            );
        }
        if !self.issuers.is_empty() && self.any_issuer {
            let issuers = ShownUrl::of_all(&self.issuers);
            problems.push(format!(
                "accept_any_issuer() contradicts the issuers {issuers:?}"
            ));
        }
        let is_client = |(name, _): &(String, _)| CLIENT_CLAIMS.contains(&name.as_str());
        let by_client = self.claims_in.iter().any(is_client);
        if self.audiences.is_empty() && !self.any_audience && !by_client {
            problems.push(
                "there is no audience; name it with audience(..), or the clients with \
                 claim_in(\"client_id\", ..), or spell out accept_any_audience()",
            );
        }
        if !self.audiences.is_empty() && self.any_audience {
            let audiences = ShownUrl::of_all(self.audiences.iter().map(Audience::as_str));
            problems.push(format!(
                "accept_any_audience() contradicts the audiences {audiences:?}"
            ));
        }
    }

    fn check_values(&self, problems: &mut Problems) {
        let leeway = self.leeway;
        if leeway > MAX_LEEWAY {
            problems.push(format!(
                "a leeway of {leeway:?} is more than {MAX_LEEWAY:?}"
            ));
        }
        for name in self.token_types.iter().flatten() {
            if !name.is_empty() && token_type::short(name).is_empty() {
                problems.push(format!("{name:?} is no token type"));
            }
        }
        if let Some(prefix) = &self.scope_prefix
            && Scopes::try_from_names([prefix]).is_err()
        {
            problems.push(format!("{prefix:?} cannot start a scope"));
        }
    }

    fn check_lists(&self, problems: &mut Problems) {
        if self.audiences.iter().any(|a| a.as_str().is_empty()) {
            problems.push("audiences(..) has an empty value");
        }
        for audience in &self.audiences {
            problems.extend(audience.problems().map(str::to_owned));
        }
        for (setting, values) in self.lists() {
            if values.is_empty() {
                problems.push(format!("{setting} names nothing"));
            }
            if values.iter().any(String::is_empty) {
                problems.push(format!("{setting} has an empty value"));
            }
        }
        if self.claims_in.iter().any(|(name, _)| name.is_empty()) {
            problems.push("claim_in(..) has a claim without a name");
        }
        for name in self.claim_names() {
            if !is_claim_name(name) {
                problems.push(format!("{name:?} is no JSON Pointer (RFC 6901)"));
            }
        }
    }

    /// Every setting that is a list and was set, by name.
    fn lists(&self) -> Vec<(String, &[String])> {
        let mut lists = Vec::new();
        for (setting, values) in [
            ("issuers(..)", &self.issuers),
            ("required_claims(..)", &self.required_claims),
        ] {
            if !values.is_empty() {
                lists.push((setting.to_owned(), values.as_slice()));
            }
        }
        for (setting, values) in [
            ("token_types(..)", &self.token_types),
            ("scope_claims(..)", &self.scope_claims),
            ("client_id_claims(..)", &self.client_id_claims),
        ] {
            if let Some(values) = values {
                lists.push((setting.to_owned(), values.as_slice()));
            }
        }
        for (name, values) in &self.claims_in {
            lists.push((format!("claim_in({name:?}, ..)"), values.as_slice()));
        }
        lists
    }

    fn claim_names(&self) -> impl Iterator<Item = &String> {
        let named = self.claims_in.iter().map(|(name, _)| name);
        named
            .chain(&self.required_claims)
            .chain(self.scope_claims.iter().flatten())
            .chain(self.client_id_claims.iter().flatten())
    }
}

/// Any text is a literal name, but in a pointer a tilde needs its 0 or 1 (RFC 6901 §3).
fn is_claim_name(name: &str) -> bool {
    !name.starts_with('/')
        || name
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']))
}
