use super::file;
use super::reader::Reader;
use super::table::settings;
use crate::config_error::ConfigError;
use crate::verify::jwt::{JwtVerifier, JwtVerifierBuilder};
use crate::verify::keys::key::VerifyingKey;
use crate::verify::keys::key_set::KeySet;

pub(super) const KEYS: &[&str] = &[
    "name",
    "public_keys",
    "secrets",
    "jwks_file",
    "jwks_url",
    "discover",
    "discover_from",
    "key_attempts",
    "algorithms",
    "issuer",
    "audience",
    "leeway",
    "required_claims",
    "claim_in",
    "token_types",
    "also_token_types",
    "rfc9068",
    "scope_claims",
    "merge_scope_claims",
    "scope_delimiters",
    "scope_prefix",
    "client_id_claims",
    "accept_any_issuer",
    "accept_any_audience",
    "accept_missing_expiry",
    "accept_future_issued_at",
    "accept_unchecked_confirmation",
    "accept_numeric_subject",
    "accept_hash_claims",
];

const KEY_SOURCES: &[&str] = &[
    "public_keys",
    "secrets",
    "jwks_file",
    "jwks_url",
    "discover",
    "discover_from",
];

/// Stands for an issuer or audience with a problem, which is then not reported as missing too.
const BROKEN: &str = "broken";

settings! {
    /// The settings of a [`JwtVerifier`] from a configuration file. See the [module](crate::settings) for the form of
    /// values, and [`JwtVerifierBuilder`] for what each setting does and for its default.
    ///
    /// ```
    /// # figment::Jail::expect_with(|jail| {
    /// # let key = tower_bearer_auth::testing::SigningKey::generate(tower_bearer_auth::Algorithm::RS256);
    /// # jail.create_file("issuer.pem", &key.public_key_pem())?;
    /// use figment::Figment;
    /// use figment::providers::{Format, Toml};
    /// use tower_bearer_auth::settings::JwtVerifierSettings;
    ///
    /// let toml = r#"
    ///     public_keys = [{ algorithm = "RS256", file = "issuer.pem" }]
    ///     issuer = "https://issuer.example.com"
    ///     audience = ["https://api.example.com", "https://api.example.org"]
    ///     leeway = 30
    ///     required_claims = ["sub"]
    ///     claim_in = { azp = ["web", "app"] }
    /// "#;
    /// let settings: JwtVerifierSettings = Figment::from(Toml::string(toml)).extract()?;
    /// let verifier = settings.build().map_err(|error| error.to_string())?;
    /// # let _ = verifier;
    /// # Ok(())
    /// # });
    /// ```
    ///
    /// | key | value |
    /// |---|---|
    /// | `discover`, `discover_from`, `jwks_url` | a URL; only one of them, and they need the feature `jwks` |
    /// | `public_keys` | a list of tables with an `algorithm` and the `file` of a key or certificate in PEM |
    /// | `secrets` | a list of tables with an `algorithm` and the `file` of a secret shared with the issuer |
    /// | `jwks_file` | the path of a JWK Set |
    /// | `issuer`, `audience` | a text or a list of texts |
    /// | `algorithms` | a name or a list of names |
    /// | `required_claims`, `token_types`, `also_token_types`, `scope_claims`, `client_id_claims` | a text or a list of texts |
    /// | `claim_in` | a table: for each claim, a text or a list of texts |
    /// | `leeway` | seconds |
    /// | `key_attempts` | a number |
    /// | `scope_delimiters` | a text, of which each character separates scopes |
    /// | `name`, `scope_prefix` | a text |
    /// | `rfc9068`, `merge_scope_claims` | a boolean |
    /// | `accept_any_issuer`, `accept_any_audience`, `accept_missing_expiry`, `accept_future_issued_at`, `accept_unchecked_confirmation`, `accept_numeric_subject`, `accept_hash_claims` | a boolean |
    ///
    /// For a [`Clock`](crate::Clock), a [`Jwks`](crate::jwks) with settings or an HTTP client of your own, call
    /// [`builder`](Self::builder).
    JwtVerifierSettings, KEYS
}

impl JwtVerifierSettings {
    /// A builder with these settings, to which you can add others. It reads the files of keys.
    ///
    /// # Errors
    ///
    /// Reports every problem of the keys and their values at once. What is missing or invalid for the builder is reported
    /// by [`JwtVerifierBuilder::build`].
    pub fn builder(&self) -> Result<JwtVerifierBuilder, ConfigError> {
        let mut reader = Reader::new(&self.table);
        let builder = read(&mut reader);
        reader.finish().map(|()| builder)
    }

    /// The finished verifier. It makes no request.
    ///
    /// # Errors
    ///
    /// Reports every problem at once: those of the keys and their values, and those of [`JwtVerifierBuilder::build`].
    pub fn build(&self) -> Result<JwtVerifier, ConfigError> {
        let mut reader = Reader::new(&self.table);
        let mut builder = read(&mut reader);
        if reader.is_broken(&["issuer", "discover"]) && !reader.flag("accept_any_issuer") {
            builder = builder.issuer(BROKEN);
        }
        if reader.is_broken(&["audience", "claim_in"]) && !reader.flag("accept_any_audience") {
            builder = builder.audience(BROKEN);
        }
        let keys_are_broken = reader.is_broken(KEY_SOURCES);
        match reader.finish() {
            Ok(()) => builder.build(),
            Err(error) if keys_are_broken => builder.with_unusable_keys(error).build(),
            Err(error) => Err(error.and(builder.build())),
        }
    }
}

fn read(reader: &mut Reader<'_>) -> JwtVerifierBuilder {
    let mut builder = read_keys(reader, JwtVerifier::builder());
    builder = read_claims(reader, builder);
    if let Some(name) = reader.text("name") {
        builder = builder.name(name);
    }
    if let Some(attempts) = reader.number("key_attempts") {
        builder = builder.key_attempts(attempts);
    }
    if let Some(algorithms) = reader.algorithms("algorithms") {
        builder = builder.algorithms(algorithms);
    }
    builder = read_mapping(reader, builder);
    for (key, call) in FLAGS {
        if reader.flag(key) {
            builder = call(builder);
        }
    }
    builder
}

/// Setters without a parameter.
type Flag = fn(JwtVerifierBuilder) -> JwtVerifierBuilder;

const FLAGS: [(&str, Flag); 9] = [
    ("rfc9068", JwtVerifierBuilder::rfc9068),
    ("merge_scope_claims", JwtVerifierBuilder::merge_scope_claims),
    ("accept_any_issuer", JwtVerifierBuilder::accept_any_issuer),
    (
        "accept_any_audience",
        JwtVerifierBuilder::accept_any_audience,
    ),
    (
        "accept_missing_expiry",
        JwtVerifierBuilder::accept_missing_expiry,
    ),
    (
        "accept_future_issued_at",
        JwtVerifierBuilder::accept_future_issued_at,
    ),
    (
        "accept_unchecked_confirmation",
        JwtVerifierBuilder::accept_unchecked_confirmation,
    ),
    (
        "accept_numeric_subject",
        JwtVerifierBuilder::accept_numeric_subject,
    ),
    ("accept_hash_claims", JwtVerifierBuilder::accept_hash_claims),
];

fn read_keys(reader: &mut Reader<'_>, builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    let public_keys = reader.key_files("public_keys", |algorithm, pem| {
        VerifyingKey::from_public_key_pem(algorithm, pem)
    });
    let secrets = reader.key_files("secrets", |algorithm, secret| {
        VerifyingKey::from_secret(algorithm, secret)
    });
    let mut builder = builder.keys(public_keys).keys(secrets);
    if let (Some(json), Some(path)) = (reader.file_text("jwks_file"), reader.text("jwks_file")) {
        match KeySet::from_json(&json) {
            Ok(keys) => builder = builder.keys(keys),
            Err(error) => {
                reader.merge("jwks_file", file::in_file("jwks_file", &path, &error));
            }
        }
    }
    match reader.one_of(&["discover", "discover_from", "jwks_url"]) {
        Some(key) => match reader.text(key) {
            Some(url) => read_remote(reader, builder, key, url),
            None => builder,
        },
        None => builder,
    }
}

#[cfg(feature = "jwks")]
fn read_remote(
    _reader: &mut Reader<'_>,
    builder: JwtVerifierBuilder,
    key: &'static str,
    url: String,
) -> JwtVerifierBuilder {
    match key {
        "discover" => builder.discover(url),
        "discover_from" => builder.discover_from(url),
        _ => builder.jwks_url(url),
    }
}

#[cfg(not(feature = "jwks"))]
fn read_remote(
    reader: &mut Reader<'_>,
    builder: JwtVerifierBuilder,
    key: &'static str,
    _url: String,
) -> JwtVerifierBuilder {
    let problem = format!("`{key}` needs the feature `jwks` of tower-bearer-auth");
    reader.problem(key, problem);
    builder
}

fn read_claims(reader: &mut Reader<'_>, mut builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    if let Some(issuers) = reader.texts("issuer") {
        builder = builder.issuers(issuers);
    }
    if let Some(audiences) = reader.texts("audience") {
        builder = builder.audiences(audiences);
    }
    if let Some(leeway) = reader.seconds("leeway") {
        builder = builder.leeway(leeway);
    }
    if let Some(names) = reader.texts("required_claims") {
        builder = builder.required_claims(names);
    }
    for (name, values) in reader.named_texts("claim_in") {
        builder = builder.claim_in(name, values);
    }
    if let Some(types) = reader.texts("token_types") {
        builder = builder.token_types(types);
    }
    if let Some(types) = reader.texts("also_token_types") {
        builder = builder.also_token_types(types);
    }
    builder
}

fn read_mapping(reader: &mut Reader<'_>, mut builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    if let Some(names) = reader.texts("scope_claims") {
        builder = builder.scope_claims(names);
    }
    if let Some(delimiters) = reader.characters("scope_delimiters") {
        builder = builder.scope_delimiters(delimiters);
    }
    if let Some(prefix) = reader.text("scope_prefix") {
        builder = builder.scope_prefix(prefix);
    }
    if let Some(names) = reader.texts("client_id_claims") {
        builder = builder.client_id_claims(names);
    }
    builder
}
