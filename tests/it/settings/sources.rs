//! The same settings from every kind of source.

use std::collections::HashMap;

use config::{Config, Environment};
use figment::Figment;
use figment::providers::{Format, Json, Toml};
use figment::value::{Dict, Value};
use tower_bearer_auth::settings::JwtVerifierSettings;

const VARIABLES: [(&str, &str); 6] = [
    ("jwks_url", "https://issuer.example.com/jwks"),
    ("issuer", "https://issuer.example.com"),
    // The name of a project, which reads like a number.
    ("audience", "280123456789012345"),
    ("leeway", "4000"),
    ("rfc9068", "true"),
    ("algorithms", "RS256"),
];

/// The leeway is too large, so that the error shows that it was read.
#[track_caller]
fn assert_read(settings: &JwtVerifierSettings) {
    let error = settings.build().unwrap_err().to_string();
    assert_eq!(error, "a leeway of 4000s is more than 3600s");
}

#[test]
fn config_reads_every_variable_as_a_text() {
    let variables =
        VARIABLES.map(|(key, value)| (format!("AUTH_{}", key.to_uppercase()), value.to_owned()));
    for parsed in [false, true] {
        let source = Environment::with_prefix("AUTH")
            .try_parsing(parsed)
            .source(Some(HashMap::from(variables.clone())));
        let config = Config::builder().add_source(source).build().unwrap();
        assert_read(&config.try_deserialize().unwrap());
    }
}

#[test]
fn figment_gives_variables_types() {
    // As its provider for the environment parses them.
    let variables = VARIABLES.map(|(key, value)| {
        let value: Value = value.parse().unwrap();
        (key.to_owned(), value)
    });
    let figment = Figment::from(figment::providers::Serialized::defaults(Dict::from(
        variables,
    )));
    assert_read(&figment.extract().unwrap());
}

#[test]
fn a_list_in_a_variable_is_a_list_for_figment() {
    let issuers: Value = r#"["https://a.example.com", ""]"#.parse().unwrap();
    let dict = Dict::from([("issuer".to_owned(), issuers)]);
    let figment = Figment::from(figment::providers::Serialized::defaults(dict));
    let settings: JwtVerifierSettings = figment.extract().unwrap();
    let error = settings.builder().unwrap_err().to_string();
    assert_eq!(error, "`issuer` has a mistake: item 1 is empty");
}

#[test]
fn toml_and_json_are_read_alike() {
    let toml = r#"
        jwks_url = "https://issuer.example.com/jwks"
        issuer = ["https://issuer.example.com"]
        audience = "api"
        leeway = 4000
    "#;
    let json = r#"{
        "jwks_url": "https://issuer.example.com/jwks",
        "issuer": "https://issuer.example.com",
        "audience": ["api"],
        "leeway": 4000
    }"#;
    assert_read(&Figment::from(Toml::string(toml)).extract().unwrap());
    assert_read(&Figment::from(Json::string(json)).extract().unwrap());
    assert_read(&serde_json::from_str(json).unwrap());
    assert_read(&super::toml(toml));
}
