use zeroize::Zeroizing;

use super::file;
use super::reader::Reader;
use super::table::settings;
use crate::config_error::ConfigError;
use crate::possession::{Dpop, DpopNonces};

pub(super) const KEYS: &[&str] = &[
    "required",
    "origin",
    "path_prefix",
    "algorithms",
    "window",
    "max_proof_length",
    "nonce_secret_file",
    "nonce_previous_secret_file",
    "nonce_lifetime",
];

settings! {
    /// The settings of [`Dpop`] from a configuration file. See the [module](crate::settings) for the form of values, and
    /// [`Dpop`] for what each setting does and for its default.
    ///
    /// ```
    /// use tower_bearer_auth::settings::DpopSettings;
    ///
    /// let settings: DpopSettings = serde_json::from_str(
    ///     r#"{
    ///         "required": true,
    ///         "origin": "https://api.example.com",
    ///         "algorithms": ["ES256", "EdDSA"],
    ///         "window": 30
    ///     }"#,
    /// )?;
    /// let dpop = settings.dpop()?;
    /// # let _ = dpop;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// | key | value |
    /// |---|---|
    /// | `required` | a boolean |
    /// | `origin`, `path_prefix` | a text |
    /// | `algorithms` | a name or a list of names |
    /// | `window` | seconds |
    /// | `max_proof_length` | a number of bytes |
    /// | `nonce_secret_file` | the path of a file with the secret of [`DpopNonces::new`], 32 bytes or more; without it, no nonces are required |
    /// | `nonce_previous_secret_file` | a path or a list of paths, for [`DpopNonces::previous_secret`] |
    /// | `nonce_lifetime` | seconds, for [`DpopNonces::lifetime`] |
    DpopSettings, KEYS
}

impl DpopSettings {
    /// The settings of proofs. It reads the files of secrets. A store of used proofs is added to the result.
    ///
    /// # Errors
    ///
    /// Reports every problem at once: those of the keys and their values, and the values for which the setters of
    /// [`Dpop`] and [`DpopNonces`] panic.
    pub fn dpop(&self) -> Result<Dpop, ConfigError> {
        let mut reader = Reader::new(&self.table);
        let mut dpop = Dpop::new();
        if reader.flag("required") {
            dpop = dpop.required();
        }
        let origin = reader.text("origin");
        if let Some(origin) =
            reader.checked("origin", origin, |it| Dpop::check_origin(it).map(drop))
        {
            dpop = dpop.origin(&origin);
        }
        let prefix = reader.text("path_prefix");
        if let Some(prefix) =
            reader.checked("path_prefix", prefix, |it| Dpop::check_path_prefix(it))
        {
            dpop = dpop.path_prefix(prefix);
        }
        let algorithms = reader.algorithms("algorithms");
        if let Some(algorithms) =
            reader.checked("algorithms", algorithms, |it| Dpop::check_algorithms(it))
        {
            dpop = dpop.algorithms(algorithms);
        }
        let window = reader.seconds("window");
        if let Some(window) = reader.checked("window", window, |it| Dpop::check_window(*it)) {
            dpop = dpop.window(window);
        }
        if let Some(bytes) = reader.number("max_proof_length") {
            dpop = dpop.max_proof_length(bytes);
        }
        if let Some(nonces) = nonces(&mut reader) {
            dpop = dpop.nonces(nonces);
        }
        reader.finish().map(|()| dpop)
    }
}

/// The nonces, if a secret is set.
fn nonces(reader: &mut Reader<'_>) -> Option<DpopNonces> {
    for key in ["nonce_previous_secret_file", "nonce_lifetime"] {
        if reader.is_set(key) && !reader.is_set("nonce_secret_file") {
            let problem = format!("`{key}` needs `nonce_secret_file`, which is missing");
            reader.problem("nonce_secret_file", problem);
        }
    }
    let secret = reader.text("nonce_secret_file");
    let secret = secret.and_then(|path| secret_of(reader, "nonce_secret_file", &path));
    let paths = reader.texts("nonce_previous_secret_file");
    let mut previous = Vec::new();
    for path in paths.unwrap_or_default() {
        previous.extend(secret_of(reader, "nonce_previous_secret_file", &path));
    }
    let lifetime = reader.seconds("nonce_lifetime");
    let lifetime = reader.checked("nonce_lifetime", lifetime, |it| {
        DpopNonces::check_lifetime(*it)
    });
    let mut nonces = DpopNonces::new(secret?.as_slice());
    for secret in previous {
        nonces = nonces.previous_secret(secret.as_slice());
    }
    if let Some(lifetime) = lifetime {
        nonces = nonces.lifetime(lifetime);
    }
    Some(nonces)
}

fn secret_of(reader: &mut Reader<'_>, key: &'static str, path: &str) -> Option<Zeroizing<Vec<u8>>> {
    let secret = file::read(key, path).and_then(|secret| {
        DpopNonces::check_secret(&secret)
            .map_err(|why| format!("`{key}`: {path:?} cannot be used: {why}").into())
            .map(|()| secret)
    });
    secret.map_err(|problem| reader.problem(key, problem)).ok()
}
