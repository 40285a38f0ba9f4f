//! Sources of the `jwks_client_rs` crate as key sources.

use jwks_client_rs::source::JwksSource;
use jwks_client_rs::{JsonWebKey, JsonWebKeySet};
use serde_json::{Value, json};
use tower::BoxError;

use super::document::{KeyDocument, Validators};
use super::source::{Fetched, KeySource};

/// Any `jwks_client_rs` source as a [`KeySource`].
///
/// ```
/// use jwks_client_rs::source::WebSource;
/// use tower_bearer_auth::jwks::{Jwks, JwksClientSource};
///
/// # fn jwks() -> Result<Jwks, Box<dyn std::error::Error>> {
/// let url = "https://issuer.example.com/.well-known/jwks.json".parse()?;
/// let source = WebSource::builder().build(url)?;
/// let jwks = Jwks::builder(JwksClientSource(source)).build()?;
/// # Ok(jwks)
/// # }
/// ```
///
/// [`Jwks`](super::Jwks) caches the keys, and the cache of that crate is not used. Its key type has no `key_ops`, no `use`
/// except of RSA keys, no private members and no freshness lifetime, so these are lost. It fails for the whole document if
/// one key has no `kid` or an unknown `kty`, and it does not limit the size of a document.
/// [`HttpKeySource`](super::HttpKeySource) has none of these limits.
///
/// All these sources share one [name](KeySource::name).
#[derive(Debug, Clone)]
pub struct JwksClientSource<S>(pub S);

impl<S> KeySource for JwksClientSource<S>
where
    S: JwksSource + Send + Sync + 'static,
{
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, BoxError> {
        let set: JsonWebKeySet = self.0.fetch_keys().await?;
        let keys: Vec<Value> = set.keys().iter().map(jwk).collect();
        let document = serde_json::to_vec(&json!({ "keys": keys }))?;
        Ok(Fetched::Document(KeyDocument::from_json(&document)?))
    }
}

fn jwk(key: &JsonWebKey) -> Value {
    let mut jwk = match key {
        JsonWebKey::Rsa(key) => {
            let mut jwk = json!({"kty": "RSA", "n": key.modulus(), "e": key.exponent()});
            // That crate does not export the type of this value. Its `Debug` is `Sig` or `Enc`.
            if let Some(usage) = key.r#use() {
                jwk["use"] = format!("{usage:?}").to_ascii_lowercase().into();
            }
            jwk
        }
        JsonWebKey::Ec(key) => {
            json!({"kty": "EC", "crv": key.curve(), "x": key.x(), "y": key.y()})
        }
        JsonWebKey::Okp(key) => json!({"kty": "OKP", "crv": key.curve(), "x": key.x()}),
    };
    jwk["kid"] = key.key_id().into();
    if let Some(algorithm) = key.alg() {
        jwk["alg"] = algorithm.into();
    }
    jwk
}
