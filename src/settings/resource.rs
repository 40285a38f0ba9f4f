use super::reader::Reader;
use super::table::settings;
use crate::config_error::ConfigError;
use crate::metadata::ProtectedResource;

pub(super) const KEYS: &[&str] = &[
    "resource",
    "authorization_servers",
    "scopes",
    "also_at_root",
    "metadata_url",
    "member",
    "allow_http",
];

settings! {
    /// The settings of a [`ProtectedResource`] from a configuration file. See the [module](crate::settings) for the form
    /// of values, and [`ProtectedResource`] for what each setting does and for its default.
    ///
    /// ```
    /// use tower_bearer_auth::settings::ProtectedResourceSettings;
    ///
    /// let toml = r#"
    ///     resource = "https://api.example.com/mcp"
    ///     authorization_servers = "https://issuer.example.com"
    ///     scopes = ["read", "write"]
    ///     member = { resource_name = "Notes", resource_documentation = "https://docs.example.com" }
    /// "#;
    /// let settings: ProtectedResourceSettings = config::Config::builder()
    ///     .add_source(config::File::from_str(toml, config::FileFormat::Toml))
    ///     .build()?
    ///     .try_deserialize()?;
    /// assert_eq!(settings.resource()?.identifier(), "https://api.example.com/mcp");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// | key | value |
    /// |---|---|
    /// | `resource` | the identifier, which is required: the URL that clients call |
    /// | `authorization_servers`, `scopes` | a text or a list of texts |
    /// | `metadata_url` | a URL |
    /// | `member` | a table of further members of the document, with any values |
    /// | `also_at_root`, `allow_http` | a boolean |
    ProtectedResourceSettings, KEYS
}

impl ProtectedResourceSettings {
    /// The resource with these settings.
    ///
    /// # Errors
    ///
    /// Reports every problem at once: those of the keys and their values, and those of [`ProtectedResource::check`].
    pub fn resource(&self) -> Result<ProtectedResource, ConfigError> {
        let mut reader = Reader::new(&self.table);
        // Without an identifier, the other settings are checked all the same.
        let identifier = reader.required_text("resource");
        let mut resource =
            ProtectedResource::new(identifier.as_deref().unwrap_or("https://localhost"));
        if let Some(issuers) = reader.texts("authorization_servers") {
            resource = resource.authorization_servers(issuers);
        }
        if let Some(scopes) = reader.texts("scopes") {
            resource = resource.scopes(scopes);
        }
        if let Some(url) = reader.text("metadata_url") {
            resource = resource.metadata_url(url);
        }
        for (name, value) in reader.table("member").into_iter().flatten() {
            resource = resource.member(name, value.clone());
        }
        if reader.flag("also_at_root") {
            resource = resource.also_at_root();
        }
        if reader.flag("allow_http") {
            resource = resource.allow_http();
        }
        match (reader.finish(), resource.check()) {
            (Ok(()), checked) => checked.map(|()| resource),
            (Err(error), checked) => Err(error.and(checked)),
        }
    }
}
