//! Every setter has a key, and every key is read.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::config_error::ConfigError;

/// The names of the public methods that set something, in the text of a file.
fn setters(sources: &[&str]) -> BTreeSet<String> {
    let mut setters = BTreeSet::new();
    for source in sources {
        for function in source.split("    pub fn ").skip(1) {
            let (name, parameters) = function.split_once('(').unwrap();
            let parameters = parameters.trim_start();
            if parameters.starts_with("self") || parameters.starts_with("mut self") {
                setters.insert(name.to_owned());
            }
        }
    }
    setters
}

/// Checks that each setter has a key of its name, except those that `instead` lists with their key. An empty key is for
/// what only code can set.
#[track_caller]
fn assert_keys(sources: &[&str], keys: &[&str], instead: &[(&str, &str)]) {
    let setters = setters(sources);
    for setter in &setters {
        let key = instead.iter().find(|(name, _)| name == setter);
        let key = key.map_or(setter.as_str(), |(_, key)| key);
        assert!(key.is_empty() || keys.contains(&key), "{setter} has no key");
    }
    for (setter, _) in instead {
        assert!(setters.contains(*setter), "{setter} is no setter");
    }
}

#[test]
fn every_setter_of_a_jwt_verifier_has_a_key() {
    let sources = [
        include_str!("../verify/jwt/builder.rs"),
        include_str!("../verify/jwt/claim_settings.rs"),
        include_str!("../verify/jwks/remote_keys.rs"),
    ];
    let instead = [
        ("key", ""),
        ("keys", ""),
        ("secret", "secrets"),
        ("public_key_pem", "public_keys"),
        ("jwks_json", "jwks_file"),
        ("jwks", ""),
        ("jwks_source", ""),
        ("issuers", "issuer"),
        ("audiences", "audience"),
        ("clock", ""),
        ("build", ""),
    ];
    assert_keys(&sources, jwt::KEYS, &instead);
}

#[test]
fn every_setter_of_an_introspection_verifier_has_a_key() {
    let sources = [
        include_str!("../verify/introspection/builder.rs"),
        include_str!("../verify/introspection/claim_settings.rs"),
        include_str!("../verify/introspection/endpoint_settings.rs"),
        include_str!("../verify/introspection_response.rs"),
    ];
    let instead = [
        ("client_secret_basic", "client_secret_file"),
        ("client_secret_post", "client_secret_file"),
        ("bearer_token", "bearer_token_file"),
        ("headers", ""),
        ("signed_responses", ""),
        ("client", ""),
        ("backoff", "backoff_min"),
        ("issuers", "issuer"),
        ("audiences", "audience"),
        ("clock", ""),
        ("build", ""),
    ];
    assert_keys(&sources, introspection::KEYS, &instead);
}

#[test]
fn every_setter_of_a_resource_and_of_dpop_has_a_key() {
    assert_keys(
        &[include_str!("../metadata/resource.rs")],
        resource::KEYS,
        &[],
    );
    assert_keys(
        &[
            include_str!("../possession/dpop/settings.rs"),
            include_str!("../possession/dpop/nonces.rs"),
        ],
        dpop::KEYS,
        &[
            ("replay_store", ""),
            ("clock", ""),
            ("nonces", "nonce_secret_file"),
            ("previous_secret", "nonce_previous_secret_file"),
            ("lifetime", "nonce_lifetime"),
        ],
    );
}

/// Sets each key alone to values that no setting has. The error must name it.
#[track_caller]
fn assert_read<S: DeserializeOwned>(keys: &[&str], error: impl Fn(&S) -> ConfigError) {
    for key in keys {
        for value in [json!({}), json!([]), json!(""), json!(1.5), Value::Null] {
            let settings = serde_json::from_value(json!({ *key: value })).unwrap();
            let error = error(&settings).to_string();
            assert!(
                error.contains(&format!("`{key}` ")),
                "{key} = {value}: {error}"
            );
        }
    }
}

#[test]
fn every_key_is_read() {
    assert_read(jwt::KEYS, |it: &JwtVerifierSettings| {
        it.builder().unwrap_err()
    });
    assert_read(introspection::KEYS, |it: &IntrospectionSettings| {
        it.builder().unwrap_err()
    });
    assert_read(resource::KEYS, |it: &ProtectedResourceSettings| {
        it.resource().unwrap_err()
    });
    assert_read(dpop::KEYS, |it: &DpopSettings| it.dpop().unwrap_err());
}
