use http::StatusCode;

use super::reader::Reader;
use super::table::settings;
use crate::config_error::ConfigError;
use crate::verify::introspection::{
    DEFAULT_BACKOFF, IntrospectionVerifier, IntrospectionVerifierBuilder,
};

pub(super) const KEYS: &[&str] = &[
    "endpoint",
    "name",
    "client_id",
    "client_secret_file",
    "client_authentication",
    "bearer_token_file",
    "without_credentials",
    "allow_http",
    "inactive_statuses",
    "timeout",
    "max_bytes",
    "max_concurrency",
    "backoff_min",
    "backoff_max",
    "without_backoff",
    "issuer",
    "audience",
    "accept_any_audience",
    "required_claims",
    "claim_in",
    "leeway",
    "accept_zero_expiry",
    "accept_numeric_subject",
    "accept_unchecked_confirmation",
    "scope_claims",
    "merge_scope_claims",
    "scope_delimiters",
    "scope_prefix",
    "client_id_claims",
];

const CREDENTIALS: &[&str] = &[
    "client_id",
    "client_secret_file",
    "client_authentication",
    "bearer_token_file",
    "without_credentials",
];

/// Stands for an endpoint with a problem, so that the other settings are checked all the same.
const BROKEN_ENDPOINT: &str = "http://127.0.0.1/";

settings! {
    /// The settings of an [`IntrospectionVerifier`] from a configuration file. See the [module](crate::settings) for the
    /// form of values, and [`IntrospectionVerifierBuilder`] for what each setting does and for its default.
    ///
    /// ```
    /// # figment::Jail::expect_with(|jail| {
    /// # jail.create_file("secret", "correct horse\n")?;
    /// use figment::Figment;
    /// use figment::providers::{Format, Toml};
    /// use tower_bearer_auth::settings::IntrospectionSettings;
    ///
    /// let toml = r#"
    ///     endpoint = "https://issuer.example.com/introspect"
    ///     client_id = "api"
    ///     client_secret_file = "secret"
    ///     audience = "https://api.example.com"
    ///     timeout = 2
    /// "#;
    /// let settings: IntrospectionSettings = Figment::from(Toml::string(toml)).extract()?;
    /// # #[cfg(feature = "tls")]
    /// let verifier = settings.build().map_err(|error| error.to_string())?;
    /// # Ok(())
    /// # });
    /// ```
    ///
    /// | key | value |
    /// |---|---|
    /// | `endpoint` | a URL, which is required |
    /// | `client_id`, `client_secret_file` | a text, and the path of a file with the client's secret |
    /// | `client_authentication` | how the client sends its secret: `"basic"` (the default) or `"post"` |
    /// | `bearer_token_file` | the path of a file with a token of this server, instead of a client |
    /// | `without_credentials` | a boolean, instead of both |
    /// | `issuer`, `audience` | a text or a list of texts |
    /// | `required_claims`, `scope_claims`, `client_id_claims` | a text or a list of texts |
    /// | `claim_in` | a table: for each claim, a text or a list of texts |
    /// | `leeway`, `timeout`, `backoff_min`, `backoff_max` | seconds |
    /// | `max_bytes`, `max_concurrency` | a number |
    /// | `inactive_statuses` | a number or a list of numbers |
    /// | `scope_delimiters` | a text, of which each character separates scopes |
    /// | `name`, `scope_prefix` | a text |
    /// | `allow_http`, `without_backoff`, `merge_scope_claims` | a boolean |
    /// | `accept_any_audience`, `accept_zero_expiry`, `accept_numeric_subject`, `accept_unchecked_confirmation` | a boolean |
    ///
    /// The files are read once. For a token that is renewed, an HTTP client of your own or signed responses, call
    /// [`builder`](Self::builder).
    IntrospectionSettings, KEYS
}

impl IntrospectionSettings {
    /// A builder with these settings, to which you can add others. It reads the files of secrets.
    ///
    /// # Errors
    ///
    /// Reports every problem of the keys and their values at once, and a missing endpoint. What is missing or invalid for
    /// the builder is reported by [`IntrospectionVerifierBuilder::build`].
    pub fn builder(&self) -> Result<IntrospectionVerifierBuilder, ConfigError> {
        let mut reader = Reader::new(&self.table);
        let builder = read(&mut reader);
        reader.finish().map(|()| builder)
    }

    /// The finished verifier. It makes no request.
    ///
    /// # Errors
    ///
    /// Reports every problem at once: those of the keys and their values, and those of
    /// [`IntrospectionVerifierBuilder::build`].
    pub fn build(&self) -> Result<IntrospectionVerifier, ConfigError> {
        let mut reader = Reader::new(&self.table);
        let mut builder = read(&mut reader);
        if !CREDENTIALS.iter().any(|key| reader.is_set(key)) {
            let problem = "there are no credentials for the introspection endpoint; set `client_id` and \
                           `client_secret_file`, `bearer_token_file` or `without_credentials`";
            reader.problem("client_id", problem);
        }
        // What a setting with a problem would have set is not missing too.
        if reader.is_broken(&["audience", "claim_in"]) && !reader.flag("accept_any_audience") {
            builder = builder.audience("broken");
        }
        if reader.is_broken(CREDENTIALS) && !builder.has_credentials() {
            builder = builder.without_credentials();
        }
        match reader.finish() {
            Ok(()) => builder.build(),
            Err(error) => Err(error.and(builder.build())),
        }
    }
}

fn read(reader: &mut Reader<'_>) -> IntrospectionVerifierBuilder {
    let endpoint = reader.required_text("endpoint");
    let endpoint = endpoint.as_deref().unwrap_or(BROKEN_ENDPOINT);
    let mut builder = read_credentials(reader, IntrospectionVerifier::builder(endpoint));
    if let Some(name) = reader.text("name") {
        builder = builder.name(name);
    }
    builder = read_requests(reader, builder);
    builder = read_claims(reader, builder);
    for (key, call) in FLAGS {
        if reader.flag(key) {
            builder = call(builder);
        }
    }
    builder
}

/// Setters without a parameter.
type Flag = fn(IntrospectionVerifierBuilder) -> IntrospectionVerifierBuilder;

const FLAGS: [(&str, Flag); 6] = [
    ("allow_http", IntrospectionVerifierBuilder::allow_http),
    (
        "merge_scope_claims",
        IntrospectionVerifierBuilder::merge_scope_claims,
    ),
    (
        "accept_any_audience",
        IntrospectionVerifierBuilder::accept_any_audience,
    ),
    (
        "accept_zero_expiry",
        IntrospectionVerifierBuilder::accept_zero_expiry,
    ),
    (
        "accept_numeric_subject",
        IntrospectionVerifierBuilder::accept_numeric_subject,
    ),
    (
        "accept_unchecked_confirmation",
        IntrospectionVerifierBuilder::accept_unchecked_confirmation,
    ),
];

fn read_credentials(
    reader: &mut Reader<'_>,
    mut builder: IntrospectionVerifierBuilder,
) -> IntrospectionVerifierBuilder {
    let authentication = reader.text("client_authentication");
    let without = reader.flag("without_credentials");
    let token = reader.file_text("bearer_token_file");
    let id = reader.text("client_id");
    let secret = reader.file_text("client_secret_file");
    for (key, needed) in [
        ("client_id", "client_secret_file"),
        ("client_secret_file", "client_id"),
        ("client_authentication", "client_id"),
    ] {
        if reader.is_set(key) && !reader.is_set(needed) {
            reader.problem(
                needed,
                format!("`{key}` needs `{needed}`, which is missing"),
            );
        }
    }
    let mut alternatives = vec!["client_id", "bearer_token_file"];
    alternatives.extend(without.then_some("without_credentials"));
    reader.one_of(&alternatives);
    if reader.is_broken(CREDENTIALS) {
        return builder;
    }
    if let (Some(id), Some(secret)) = (id, secret) {
        builder = match authentication.as_deref() {
            None | Some("basic") => builder.client_secret_basic(id, secret.as_str()),
            Some("post") => builder.client_secret_post(id, secret.as_str()),
            Some(_) => {
                let problem = "`client_authentication` is neither \"basic\" nor \"post\"";
                reader.problem("client_authentication", problem);
                builder
            }
        };
    }
    if let Some(token) = token {
        builder = builder.bearer_token(token.as_str());
    }
    match without {
        true => builder.without_credentials(),
        false => builder,
    }
}

fn read_requests(
    reader: &mut Reader<'_>,
    mut builder: IntrospectionVerifierBuilder,
) -> IntrospectionVerifierBuilder {
    for status in reader
        .numbers::<u16>("inactive_statuses")
        .unwrap_or_default()
    {
        match StatusCode::from_u16(status) {
            Ok(status) => builder = builder.inactive_statuses([status]),
            Err(_) => {
                let problem = format!("`inactive_statuses`: {status} is not a status");
                reader.problem("inactive_statuses", problem);
            }
        }
    }
    if let Some(timeout) = reader.seconds("timeout") {
        builder = builder.timeout(timeout);
    }
    if let Some(bytes) = reader.number("max_bytes") {
        builder = builder.max_bytes(bytes);
    }
    if let Some(calls) = reader.number("max_concurrency") {
        builder = builder.max_concurrency(calls);
    }
    let (min, max) = (reader.seconds("backoff_min"), reader.seconds("backoff_max"));
    if reader.flag("without_backoff") {
        reader.one_of(&["without_backoff", "backoff_min"]);
        reader.one_of(&["without_backoff", "backoff_max"]);
        builder = builder.without_backoff();
    } else if min.is_some() || max.is_some() {
        builder = builder.backoff(
            min.unwrap_or(DEFAULT_BACKOFF.0),
            max.unwrap_or(DEFAULT_BACKOFF.1),
        );
    }
    builder
}

fn read_claims(
    reader: &mut Reader<'_>,
    mut builder: IntrospectionVerifierBuilder,
) -> IntrospectionVerifierBuilder {
    if let Some(issuers) = reader.texts("issuer") {
        builder = builder.issuers(issuers);
    }
    if let Some(audiences) = reader.texts("audience") {
        builder = builder.audiences(audiences);
    }
    if let Some(names) = reader.texts("required_claims") {
        builder = builder.required_claims(names);
    }
    for (name, values) in reader.named_texts("claim_in") {
        builder = builder.claim_in(name, values);
    }
    if let Some(leeway) = reader.seconds("leeway") {
        builder = builder.leeway(leeway);
    }
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
