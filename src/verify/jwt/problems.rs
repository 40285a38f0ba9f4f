//! Finds the settings of a JWT verifier that cannot work.

use super::builder::{DEFAULT_NAME, JwtVerifierBuilder};
use crate::config_error::Problems;
use crate::verify::claims::problems::check_list;
use crate::verify::claims::token_type::{self, RFC9068_TYPE};
use crate::verify::keys::algorithm::{Algorithm, KeyKind};

const MAX_KEY_ATTEMPTS: usize = 64;

impl JwtVerifierBuilder {
    /// Every problem, in the order of the settings.
    pub(super) fn problems(&self) -> Problems {
        let mut problems = self.key_problems.clone();
        self.check_name(&mut problems);
        self.check_keys(&mut problems);
        self.check_token_types(&mut problems);
        self.policy.problems(&mut problems);
        problems
    }

    fn check_name(&self, problems: &mut Problems) {
        match self.name.as_deref() {
            Some("") => problems.push("name(..) is empty"),
            Some(name) if self.policy.any_issuer && is_default_name(name) => problems.push(format!(
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

    fn check_token_types(&self, problems: &mut Problems) {
        for (setting, types) in [
            ("token_types(..)", &self.token_types),
            ("also_token_types(..)", &self.more_token_types),
        ] {
            if let Some(types) = types {
                check_list(problems, setting, types);
            }
        }
        let types = self.token_types.iter().chain(&self.more_token_types);
        for name in types.flatten() {
            if !name.is_empty() && token_type::short(name).is_empty() {
                problems.push(format!("{name:?} is no token type"));
            }
        }
        if self.rfc9068
            && let Some(problem) = self.policy.kind.contradicts_rfc9068()
        {
            problems.push(problem);
        }
        let is_other = |name: &&String| !token_type::same(name, RFC9068_TYPE);
        if self.rfc9068
            && let Some(other) = self.token_types.iter().flatten().find(is_other)
        {
            problems.push(format!(
                "rfc9068() accepts {RFC9068_TYPE} alone, and token_types(..) also names {other:?}"
            ));
        }
        if self.token_types.is_some() && self.more_token_types.is_some() {
            problems.push(
                "also_token_types(..) adds to the default, which token_types(..) or rfc9068() replaces",
            );
        }
    }
}

/// Whether verifiers without a configured name may have this name. A verifier that accepts any issuer also accepts the
/// issuers of such a verifier, so only the name keeps their principals apart.
fn is_default_name(name: &str) -> bool {
    [DEFAULT_NAME, "static", "custom"].contains(&name) || name.starts_with("introspection ")
}
