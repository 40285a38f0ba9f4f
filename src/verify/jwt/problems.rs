//! What can be wrong with a verifier's configuration.

use std::time::Duration;

use super::builder::{DEFAULT_NAME, JwtVerifierBuilder};
use crate::config_error::Problems;
use crate::scopes::Scopes;
use crate::shown_url::ShownUrl;
use crate::verify::claims::audience::Audience;
use crate::verify::claims::token_type;
use crate::verify::keys::algorithm::{Algorithm, KeyKind};

const MAX_LEEWAY: Duration = Duration::from_secs(3600);
const MAX_KEY_ATTEMPTS: usize = 64;

/// Claims that name the client a token was issued to. Requiring one of known clients narrows a token
/// down as an audience does, for providers that write none.
const CLIENT_CLAIMS: [&str; 4] = ["client_id", "azp", "cid", "appid"];

impl JwtVerifierBuilder {
    /// Everything that is wrong, in the order of the settings.
    pub(super) fn problems(&self) -> Problems {
        let mut problems = self.key_problems.clone();
        self.check_name(&mut problems);
        self.check_keys(&mut problems);
        self.check_issuer_and_audience(&mut problems);
        self.check_values(&mut problems);
        self.check_lists(&mut problems);
        problems
    }

    fn check_name(&self, problems: &mut Problems) {
        match self.name.as_deref() {
            Some("") => problems.push("name(..) is empty"),
            Some(name) if self.any_issuer && is_default_name(name) => problems.push(format!(
                "name({name:?}) is what other verifiers are called by default, and accept_any_issuer() needs \
                 a name that tells this one apart"
            )),
            Some(_) | None => {}
        }
    }

    fn check_keys(&self, problems: &mut Problems) {
        if self.remotes.len() > 1 {
            problems.push("there is more than one key source; give each its own verifier");
        }
        if self.keys.is_empty() && self.remotes.is_empty() && self.key_problems.is_empty() {
            problems.push("there is no key to verify with");
        }
        let attempts = self.key_attempts;
        if !(1..=MAX_KEY_ATTEMPTS).contains(&attempts) {
            problems.push(format!(
                "key_attempts: {attempts} is not from 1 to {MAX_KEY_ATTEMPTS}"
            ));
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
        check_audiences(
            problems,
            &self.audiences,
            self.any_audience,
            &self.claims_in,
        );
    }

    fn check_values(&self, problems: &mut Problems) {
        check_leeway(problems, self.leeway);
        let token_types = self.token_types.iter().chain(&self.more_token_types);
        for name in token_types.flatten() {
            if !name.is_empty() && token_type::short(name).is_empty() {
                problems.push(format!("{name:?} is no token type"));
            }
        }
        if self.token_types.is_some() && self.more_token_types.is_some() {
            problems.push(
                "also_token_types(..) adds to the default, which token_types(..) or rfc9068() replaces",
            );
        }
        self.check_delimiters(problems);
        if let Some(prefix) = &self.scope_prefix
            && Scopes::try_from_names([prefix]).is_err()
        {
            problems.push(format!("{prefix:?} cannot start a scope"));
        }
    }

    fn check_delimiters(&self, problems: &mut Problems) {
        let Some(delimiters) = &self.scope_delimiters else {
            return;
        };
        if delimiters.is_empty() {
            problems.push("scope_delimiters(..) names nothing");
        }
        let cannot_delimit = |c: &&char| c.is_control() || c.is_alphanumeric();
        for delimiter in delimiters.iter().filter(cannot_delimit) {
            problems.push(format!("{delimiter:?} cannot separate scopes"));
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
            check_list(problems, setting, values);
        }
        let claims = ClaimSettings {
            required_claims: &self.required_claims,
            claims_in: &self.claims_in,
            scope_claims: self.scope_claims.as_deref(),
            client_id_claims: self.client_id_claims.as_deref(),
        };
        claims.check(problems);
    }

    /// The list settings that were set, except those that name claims.
    fn lists(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let issuers =
            (!self.issuers.is_empty()).then_some(("issuers(..)", self.issuers.as_slice()));
        let types = [
            ("token_types(..)", &self.token_types),
            ("also_token_types(..)", &self.more_token_types),
        ];
        let types = types
            .into_iter()
            .filter_map(|(setting, types)| Some((setting, types.as_deref()?)));
        issuers.into_iter().chain(types)
    }
}

/// Whether some verifier has this name that was given none. One that accepts any issuer can be told any issuer, so that
/// nothing else would tell its principals from the other's.
fn is_default_name(name: &str) -> bool {
    [DEFAULT_NAME, "static", "custom"].contains(&name) || name.starts_with("introspection ")
}

/// The settings that name claims. JWT and introspection verifiers share them.
pub(crate) struct ClaimSettings<'b> {
    pub(crate) required_claims: &'b [String],
    pub(crate) claims_in: &'b [(String, Vec<String>)],
    pub(crate) scope_claims: Option<&'b [String]>,
    pub(crate) client_id_claims: Option<&'b [String]>,
}

impl ClaimSettings<'_> {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if !self.required_claims.is_empty() {
            check_list(problems, "required_claims(..)", self.required_claims);
        }
        for (setting, names) in [
            ("scope_claims(..)", self.scope_claims),
            ("client_id_claims(..)", self.client_id_claims),
        ] {
            if let Some(names) = names {
                check_list(problems, setting, names);
            }
        }
        for (name, values) in self.claims_in {
            check_list(problems, &format!("claim_in({name:?}, ..)"), values);
        }
        if self.claims_in.iter().any(|(name, _)| name.is_empty()) {
            problems.push("claim_in(..) has a claim without a name");
        }
        for name in self.names() {
            if !is_claim_name(name) {
                problems.push(format!("{name:?} is no JSON Pointer (RFC 6901)"));
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        let named = self.claims_in.iter().map(|(name, _)| name);
        named
            .chain(self.required_claims)
            .chain(self.scope_claims.into_iter().flatten())
            .chain(self.client_id_claims.into_iter().flatten())
    }
}

/// Checks that tokens for other services are refused, or that the setting which accepts them is explicit.
pub(crate) fn check_audiences(
    problems: &mut Problems,
    audiences: &[Audience],
    any_audience: bool,
    claims_in: &[(String, Vec<String>)],
) {
    if audiences.is_empty() && !any_audience && !names_client(claims_in) {
        problems.push(
            "there is no audience; name it with audience(..), or the clients with \
             claim_in(\"client_id\", ..), or spell out accept_any_audience()",
        );
    }
    if !audiences.is_empty() && any_audience {
        let audiences = ShownUrl::of_all(audiences.iter().map(Audience::as_str));
        problems.push(format!(
            "accept_any_audience() contradicts the audiences {audiences:?}"
        ));
    }
}

pub(crate) fn check_leeway(problems: &mut Problems, leeway: Duration) {
    if leeway > MAX_LEEWAY {
        problems.push(format!(
            "a leeway of {leeway:?} is more than {MAX_LEEWAY:?}"
        ));
    }
}

/// Whether an accepted value is required of a claim that names the client, which stands in for an audience.
fn names_client(claims_in: &[(String, Vec<String>)]) -> bool {
    let is_client = |(name, _): &(String, _)| CLIENT_CLAIMS.contains(&name.as_str());
    claims_in.iter().any(is_client)
}

fn check_list(problems: &mut Problems, setting: &str, values: &[String]) {
    if values.is_empty() {
        problems.push(format!("{setting} names nothing"));
    }
    if values.iter().any(String::is_empty) {
        problems.push(format!("{setting} has an empty value"));
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
