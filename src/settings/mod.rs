//! Settings of verifiers, of the protected resource and of DPoP from a configuration file or the environment.
//!
//! The structs implement [`Deserialize`](serde::Deserialize), so any configuration crate fills them. Use them as
//! fields of your own configuration:
//!
//! ```
//! use figment::Figment;
//! use figment::providers::{Env, Format, Toml};
//! use serde::Deserialize;
//! use tower_bearer_auth::settings::{JwtVerifierSettings, ProtectedResourceSettings};
//! use tower_bearer_auth::{BearerAuthLayer, ConfigError, JwtVerifier};
//!
//! #[derive(Deserialize)]
//! struct Settings {
//!     port: u16,
//!     jwt: JwtVerifierSettings,
//!     resource: ProtectedResourceSettings,
//! }
//!
//! fn read() -> figment::Result<Settings> {
//!     Figment::new()
//!         .merge(Toml::file("server.toml"))
//!         // `APP_JWT__LEEWAY=10` replaces `leeway` in the table `jwt`.
//!         .merge(Env::prefixed("APP_").split("__"))
//!         .extract()
//! }
//!
//! fn layer(settings: &Settings) -> Result<BearerAuthLayer<JwtVerifier>, ConfigError> {
//!     let resource = settings.resource.resource()?;
//!     // The builder takes what only code can set: here the resource, which is compared as a URL.
//!     let verifier = settings.jwt.builder()?.audience(&resource).build()?;
//!     Ok(BearerAuthLayer::new(verifier).resource(&resource))
//! }
//! # figment::Jail::expect_with(|jail| {
//! #     jail.create_file("server.toml", r#"
//! #         port = 3000
//! #         [jwt]
//! #         issuer = "https://issuer.example.com"
//! #         jwks_url = "https://issuer.example.com/jwks"
//! #         leeway = 30
//! #         [resource]
//! #         resource = "https://api.example.com"
//! #     "#)?;
//! #     jail.set_env("APP_JWT__LEEWAY", "10");
//! #     let settings = read()?;
//! #     assert_eq!(settings.port, 3000);
//! #     #[cfg(feature = "jwks")]
//! #     layer(&settings).map_err(|error| error.to_string())?;
//! #     jail.set_env("APP_JWT__LEEWAY", "-1");
//! #     let error = layer(&read()?).unwrap_err().to_string();
//! #     assert_eq!(error, "`leeway` is -1, not a whole number of seconds");
//! #     Ok(())
//! # });
//! ```
//!
//! The file `server.toml`:
//!
//! ```toml
//! port = 3000
//!
//! [jwt]
//! issuer = "https://issuer.example.com"
//! jwks_url = "https://issuer.example.com/jwks"
//! leeway = 30
//!
//! [resource]
//! resource = "https://api.example.com"
//! ```
//!
//! With the crate `config`, from JSON and from environment variables, all of which it reads as texts:
//!
//! ```
//! use std::collections::HashMap;
//! use config::{Config, Environment, File, FileFormat};
//! use tower_bearer_auth::settings::JwtVerifierSettings;
//!
//! let json = r#"{
//!     "jwks_url": "https://issuer.example.com/jwks",
//!     "issuer": ["https://issuer.example.com", "https://login.example.com"]
//! }"#;
//! let variables = HashMap::from([
//!     ("AUTH_AUDIENCE".to_owned(), "https://api.example.com".to_owned()),
//!     ("AUTH_LEEWAY".to_owned(), "10".to_owned()),
//! ]);
//! let settings: JwtVerifierSettings = Config::builder()
//!     .add_source(File::from_str(json, FileFormat::Json))
//!     // Without `source`, it reads the environment of the process.
//!     .add_source(Environment::with_prefix("AUTH").source(Some(variables)))
//!     .build()?
//!     .try_deserialize()?;
//! # #[cfg(feature = "jwks")]
//! let verifier = settings.build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Values
//!
//! A key has the name of the setter that it calls, and its default. Where a setter adds to a list, the value is a text or
//! a list of texts. Further:
//!
//! | value | form |
//! |---|---|
//! | duration | a whole number of seconds: `leeway = 60` |
//! | algorithm | its name: `"RS256"` |
//! | setter without a parameter | a boolean: `accept_any_issuer = true` calls it, and `false` does nothing |
//! | key, key set, secret | the path of a file; a relative one starts at the working directory of the process |
//!
//! Numbers and booleans may also be texts, and whole numbers may stand for texts, because environment variables have
//! no types.
//!
//! # Secrets
//!
//! Secrets come from files, such as those of Docker and Kubernetes, and never from the configuration itself. One newline (`\n` or `\r\n`) at
//! the end of a file is removed. A file has at most 1 MiB. The structs do not implement `Serialize`, and their `Debug`
//! shows the names of the keys only.
//!
//! # Errors
//!
//! Deserialization fails only if the settings are not a table. It keeps every other mistake for the
//! [`ConfigError`](crate::ConfigError) of `build`, which names all of them with their keys: unknown keys, empty values,
//! values of a wrong type, contradictions, files that cannot be read, and what the builder refuses.
//!
//! ```
//! use tower_bearer_auth::settings::JwtVerifierSettings;
//!
//! let settings: JwtVerifierSettings = serde_json::from_str(
//!     r#"{"issuers": "https://issuer.example.com", "algorithms": "RS265", "leeway": -1}"#,
//! )?;
//! let error = settings.builder().unwrap_err();
//! assert_eq!(
//!     error.problems().collect::<Vec<_>>(),
//!     [
//!         "\"issuers\" is not a setting; did you mean `issuer`?",
//!         "`leeway` is -1, not a whole number of seconds",
//!         "`algorithms` has a mistake: \"RS265\" is not a supported algorithm",
//!     ]
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! The methods read files and block until these are read. Call them when the server starts.

#[cfg(feature = "dpop")]
mod dpop;
mod file;
#[cfg(feature = "introspection")]
mod introspection;
mod jwt;
mod reader;
mod resource;
mod table;
#[cfg(all(test, feature = "dpop", feature = "introspection", feature = "jwks"))]
mod tests;
mod value;

#[cfg(feature = "dpop")]
pub use self::dpop::DpopSettings;
#[cfg(feature = "introspection")]
pub use self::introspection::IntrospectionSettings;
pub use self::jwt::JwtVerifierSettings;
pub use self::resource::ProtectedResourceSettings;
