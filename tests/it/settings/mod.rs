//! Verifiers, a resource and DPoP from configuration files.

use config::{Config, File, FileFormat};
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tower_bearer_auth::ConfigError;

mod behaviour;
mod dpop;
mod mistakes;
mod secrets;
mod sources;

/// What `config` makes of a TOML text.
fn toml<S: DeserializeOwned>(text: &str) -> S {
    let source = File::from_str(text, FileFormat::Toml);
    let config = Config::builder().add_source(source).build().unwrap();
    config.try_deserialize().unwrap()
}

fn problems(error: &ConfigError) -> Vec<&str> {
    error.problems().collect()
}

/// A folder with these files.
fn folder<const N: usize>(files: [(&str, &[u8]); N]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}
