//! No secret is shown, wherever it was written by mistake.

use tower_bearer_auth::settings::{DpopSettings, IntrospectionSettings, JwtVerifierSettings};

use super::{folder, toml};

const SECRET: &str = "0ur-s3cret-0ur-s3cret-0ur-s3cret-0ur-s3cret";

#[test]
fn debug_shows_keys_without_values() {
    let settings: JwtVerifierSettings = toml(&format!(
        "issuer = 'https://u:{SECRET}@issuer.example.com?{SECRET}'\n secrets = [{{ secret = '{SECRET}' }}]"
    ));
    let debug = format!("{settings:?}");
    assert_eq!(debug, r#"JwtVerifierSettings({"issuer", "secrets"})"#);
}

#[test]
fn a_secret_under_a_wrong_key_is_in_no_error() {
    let jwt: JwtVerifierSettings = toml(&format!(
        "secret = '{SECRET}'\n secrets = [{{ algorithm = 'HS256', secret = '{SECRET}' }}, '{SECRET}']"
    ));
    let introspection: IntrospectionSettings = toml(&format!(
        "endpoint = 'https://u:{SECRET}@issuer.example.com?{SECRET}'\n client_secret = '{SECRET}'\n client_id = ['{SECRET}', 1]"
    ));
    let dpop: DpopSettings = toml(&format!(
        "nonce_secret = '{SECRET}'\n required = ['{SECRET}']"
    ));
    for error in [
        jwt.build().unwrap_err(),
        introspection.build().unwrap_err(),
        dpop.dpop().unwrap_err(),
    ] {
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn a_secret_in_the_place_of_a_path_is_in_no_error() {
    let jwt: JwtVerifierSettings = toml(&format!(
        "secrets = [{{ algorithm = 'HS256', file = '{SECRET}' }}]\n jwks_file = '/{SECRET}'"
    ));
    let dpop: DpopSettings = toml(&format!("nonce_secret_file = '{SECRET}'"));
    let errors = [jwt.build().unwrap_err(), dpop.dpop().unwrap_err()];
    for error in &errors {
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    let text = errors[0].to_string();
    assert!(
        text.contains("`secrets[0].file`: cannot read its file: No such file"),
        "{text}"
    );
}

#[test]
fn the_content_of_a_file_is_in_no_error_and_no_debug() {
    let files = folder([
        ("short", b"short-s3cret"),
        ("secret", SECRET.as_bytes()),
        ("not-text", b"\xffs3cret"),
    ]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (short, secret, not_text) = (path("short"), path("secret"), path("not-text"));
    let jwt: JwtVerifierSettings = toml(&format!(
        "secrets = [{{ algorithm = 'HS512', file = '{short}' }}]\n jwks_file = '{secret}'\n \
         public_keys = [{{ algorithm = 'RS256', file = '{secret}' }}]"
    ));
    let error = jwt.build().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");

    let text = |file: &str| {
        format!(
            "endpoint = 'http://127.0.0.1/'\n audience = 'a'\n client_id = 'a'\n client_secret_file = '{file}'"
        )
    };
    let error = toml::<IntrospectionSettings>(&text(&not_text)).build();
    let error = error.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    let good: IntrospectionSettings = toml(&text(&secret));
    let builder = format!("{:?} {:?}", good.builder().unwrap(), good.build().unwrap());
    assert!(!builder.contains("s3cret"), "{builder}");

    let dpop: DpopSettings = toml(&format!("nonce_secret_file = '{short}'"));
    let error = dpop.dpop().unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn one_newline_is_removed_and_no_more() {
    let files = folder([
        ("newline", b"thirty-one bytes with a newline\n"),
        ("newlines", b"thirty bytes, and two newlines\n\n\n"),
        ("spaces", b"  thirty-two bytes with spaces  \r\n"),
        ("large", &[b'x'; 1024 * 1024 + 1]),
    ]);
    let build = |name: &str| {
        let path = files.path().join(name);
        let path = path.to_str().unwrap();
        let settings: JwtVerifierSettings = toml(&format!(
            "issuer = 'a'\n audience = 'a'\n secrets = [{{ algorithm = 'HS256', file = '{path}' }}]"
        ));
        settings
            .build()
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let error = build("newline").unwrap_err();
    assert!(
        error.contains("the secret for HS256 has 31 bytes"),
        "{error}"
    );
    build("newlines").unwrap();
    build("spaces").unwrap();
    let error = build("large").unwrap_err();
    assert!(error.ends_with("is larger than 1 MiB"), "{error}");
}
