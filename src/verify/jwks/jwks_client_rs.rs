//! Sources of the `jwks_client_rs` crate as key sources.

use jwks_client_rs::source::JwksSource;
use jwks_client_rs::{JsonWebKey, JsonWebKeySet};
use serde_json::{Value, json};
use tower::BoxError;

use super::document::KeyDocument;
use super::document::Validators;
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
/// When to fetch, what to keep and how to share it is decided by [`Jwks`](super::Jwks), so that the
/// cache of that crate is not used. What its key type cannot say is lost: `key_ops`, `use` of any but
/// RSA keys, private members, and how long the document is fresh. One key without `kid` or of an
/// unknown `kty` makes it fail the whole document, and it does not limit a document's size.
/// [`HttpKeySource`](super::HttpKeySource) has none of these limits.
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
            // The type of this value cannot be named from outside, only printed: `Sig` or `Enc`.
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
