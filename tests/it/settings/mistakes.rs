//! One error names every mistake with its key.

use tower_bearer_auth::settings::{
    IntrospectionSettings, JwtVerifierSettings, ProtectedResourceSettings,
};

use super::{folder, problems, toml};

/// Settings that need nothing else.
const COMPLETE: &str = r#"
    jwks_url = "https://issuer.example.com/jwks"
    issuer = "https://issuer.example.com"
    audience = "api"
"#;

#[track_caller]
fn assert_problems(text: &str, expected: &[&str]) {
    let settings: JwtVerifierSettings = toml(text);
    let error = settings.build().unwrap_err();
    assert_eq!(problems(&error), expected, "{text}");
}

#[test]
fn the_settings_without_a_mistake_build() {
    toml::<JwtVerifierSettings>(COMPLETE).build().unwrap();
}

#[test]
fn unknown_keys_are_named_all_at_once() {
    assert_problems(
        &format!("{COMPLETE}\n audiences = 'x'\n Issuer = 'x'\n zzz = 1\n secret = 'x'"),
        &[
            r#""Issuer" is not a setting"#,
            r#""audiences" is not a setting; did you mean `audience`?"#,
            r#""secret" is not a setting; did you mean `secrets`?"#,
            r#""zzz" is not a setting"#,
        ],
    );
}

/// serde leaves out the unknown keys of a struct that is flattened.
#[test]
fn unknown_keys_are_named_in_a_flattened_table_too() {
    #[derive(serde::Deserialize)]
    struct Settings {
        port: u16,
        #[serde(flatten)]
        jwt: JwtVerifierSettings,
    }

    let settings: Settings = toml(&format!("port = 3000\n algorithm = 'RS256'\n {COMPLETE}"));
    assert_eq!(settings.port, 3000);
    let error = settings.jwt.build().unwrap_err();
    let expected = r#""algorithm" is not a setting; did you mean `algorithms`?"#;
    assert_eq!(problems(&error), [expected]);
}

#[test]
fn a_mistake_is_reported_with_its_key_and_alone() {
    for (setting, expected) in [
        ("algorithms = []", "`algorithms` is an empty list"),
        (
            "algorithms = ['RS256', 'RS265']",
            "`algorithms` has a mistake: item 1 has a mistake: \"RS265\" is not a supported algorithm",
        ),
        ("required_claims = ''", "`required_claims` is empty"),
        (
            "token_types = ['JWT', '']",
            "`token_types` has a mistake: item 1 is empty",
        ),
        (
            "leeway = -1",
            "`leeway` is -1, not a whole number of seconds",
        ),
        (
            "leeway = 1.5",
            "`leeway` is 1.5, not a whole number of seconds",
        ),
        (
            "leeway = '60s'",
            "`leeway` is \"60s\", not a whole number of seconds",
        ),
        (
            "leeway = true",
            "`leeway` is true, not a whole number of seconds",
        ),
        (
            "key_attempts = -4",
            "`key_attempts` is -4, not a whole number",
        ),
        ("rfc9068 = 'yes'", "`rfc9068` is \"yes\", not true or false"),
        ("name = ['a']", "`name` is a list, not a text"),
        ("claim_in = 'azp'", "`claim_in` is a text, not a table"),
        ("claim_in = { azp = [] }", "`claim_in.azp` is an empty list"),
        ("scope_delimiters = ''", "`scope_delimiters` is empty"),
        (
            "public_keys = 'a.pem'",
            "`public_keys` is a text, not a list of tables",
        ),
        (
            "public_keys = ['a.pem']",
            "`public_keys[0]` is a text, not a table",
        ),
        (
            "jwks_file = '/nowhere/jwks.json'",
            "`jwks_file`: cannot read its file: ",
        ),
        (
            "discover = 'https://issuer.example.com'",
            "`jwks_url` and `discover` contradict each other; set one of them",
        ),
        // What the builder refuses.
        ("leeway = 4000", "a leeway of 4000s is more than 3600s"),
        (
            "accept_any_audience = true",
            "accept_any_audience() contradicts the audiences [\"api\"]",
        ),
    ] {
        let settings: JwtVerifierSettings = toml(&format!("{COMPLETE}\n{setting}"));
        let error = settings.build().unwrap_err();
        let found = problems(&error);
        assert_eq!(found.len(), 1, "{setting}: {found:?}");
        assert!(found[0].starts_with(expected), "{setting}: {found:?}");
    }
}

#[test]
fn a_setting_with_a_mistake_is_not_reported_as_missing_too() {
    assert_problems(
        "issuer = ''\n audience = []\n jwks_url = 3.5\n",
        &[
            "`jwks_url` is a number, not a text",
            "`issuer` is empty",
            "`audience` is an empty list",
        ],
    );
}

#[test]
fn missing_settings_are_reported_with_mistakes_in_others() {
    let settings: JwtVerifierSettings = toml("leeway = -1");
    let error = settings.build().unwrap_err();
    let found = problems(&error);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[0], "`leeway` is -1, not a whole number of seconds");
    assert_eq!(found[1], "there is no key to verify with");
    assert!(found[2].starts_with("there is no issuer"), "{found:?}");
    assert!(found[3].starts_with("there is no audience"), "{found:?}");
    // Code may still set what is missing, but not repair a mistake.
    assert_eq!(problems(&settings.builder().unwrap_err()).len(), 1);
    let _ = toml::<JwtVerifierSettings>("").builder().unwrap();
}

#[test]
fn a_key_file_is_described_by_its_key_and_path() {
    let folder = folder([
        ("empty", b" \n"),
        ("short", b"too short\n"),
        ("text", b"no PEM\n"),
    ]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (empty, short, text, missing) =
        (path("empty"), path("short"), path("text"), path("missing"));
    let settings: JwtVerifierSettings = toml(&format!(
        r#"
        issuer = "x"
        audience = "x"
        public_keys = [
            {{ algorithm = "RS256", file = "{text}" }},
            {{ algorithm = "RS265", file = "{empty}", path = 1 }},
            {{ algorithm = "" }},
        ]
        secrets = [
            {{ algorithm = "HS256", file = "{short}" }},
            {{ algorithm = "HS256", file = "{missing}" }},
        ]
        jwks_file = "{text}"
        "#
    ));
    let error = settings.build().unwrap_err();
    let expected = [
        format!("`public_keys[0].file`: {text:?} cannot be used: the PEM key for RS256 is not"),
        "`public_keys[1]`: \"path\" is not a setting".to_owned(),
        "`public_keys[1].algorithm`: \"RS265\" is not a supported algorithm".to_owned(),
        format!("`public_keys[1].file`: {empty:?} is empty"),
        "`public_keys[2].algorithm` is empty".to_owned(),
        "`public_keys[2]` has no `file`".to_owned(),
        format!("`secrets[0].file`: {short:?} cannot be used: the secret for HS256 has 9 bytes"),
        "`secrets[1].file`: cannot read its file: No such file".to_owned(),
        format!("`jwks_file`: {text:?} cannot be used: the JWK Set is not JSON"),
    ];
    let found = problems(&error);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.into_iter().zip(expected) {
        assert!(found.starts_with(&expected), "{found}");
    }
}

#[test]
fn mistakes_in_a_resource_are_reported_together() {
    let text = r#"
        resources = "https://api.example.com"
        scopes = ["read", "with space"]
        authorization_servers = "ftp://issuer.example.com"
        also_at_root = 1
    "#;
    let settings: ProtectedResourceSettings = toml(text);
    let error = settings.resource().unwrap_err();
    let found = problems(&error);
    assert_eq!(found.len(), 5, "{found:?}");
    assert_eq!(
        found[..3],
        [
            r#""resources" is not a setting; did you mean `resource`?"#,
            "`resource` is missing",
            "`also_at_root` is 1, not true or false",
        ]
    );
}

#[test]
fn credentials_contradict_each_other() {
    let files = folder([("secret", b"s3cret"), ("token", b"t0ken")]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (secret, token) = (path("secret"), path("token"));
    let rest = "endpoint = 'http://127.0.0.1/'\n audience = 'api'\n";
    for (settings, expected) in [
        (
            format!(
                "client_id = 'a'\n client_secret_file = '{secret}'\n bearer_token_file = '{token}'"
            ),
            "`bearer_token_file` and `client_id` contradict each other; set one of them",
        ),
        (
            format!("bearer_token_file = '{token}'\n without_credentials = true"),
            "`without_credentials` and `bearer_token_file` contradict each other; set one of them",
        ),
        (
            String::new(),
            "there are no credentials for the introspection endpoint; set `client_id` and `client_secret_file`, \
             `bearer_token_file` or `without_credentials`",
        ),
        (
            "client_id = 'a'".to_owned(),
            "`client_id` needs `client_secret_file`, which is missing",
        ),
        (
            format!(
                "client_id = 'a'\n client_secret_file = '{secret}'\n client_authentication = 'jwt'"
            ),
            "`client_authentication` is neither \"basic\" nor \"post\"",
        ),
        (
            "without_credentials = true\n without_backoff = true\n backoff_max = 5".to_owned(),
            "`backoff_max` and `without_backoff` contradict each other; set one of them",
        ),
        (
            "without_credentials = true\n inactive_statuses = [401, 99]".to_owned(),
            "`inactive_statuses`: 99 is not a status",
        ),
        (
            "without_credentials = true\n backoff_min = 40".to_owned(),
            "backoff, max: 30s is not from 40s to 3600s",
        ),
    ] {
        let verifier: IntrospectionSettings = toml(&format!("{rest}{settings}"));
        let error = verifier.build().unwrap_err();
        assert_eq!(problems(&error), [expected], "{settings}");
    }
}

#[test]
fn a_value_that_is_no_table_is_an_error_of_the_configuration_crate() {
    let error = serde_json::from_str::<JwtVerifierSettings>("[]").unwrap_err();
    let expected = "expected the table of JwtVerifierSettings";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_key_that_is_set_twice_is_a_problem() {
    let twice = r#"{"issuer": "a", "issuer": "b", "audience": "c"}"#;
    let settings: JwtVerifierSettings = serde_json::from_str(twice).unwrap();
    let error = settings.builder().unwrap_err();
    assert_eq!(problems(&error), ["`issuer` is set twice"]);
}
