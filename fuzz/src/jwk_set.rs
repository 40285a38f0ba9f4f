//! JWK Sets: a set verifies a token exactly if it has the token's public key, valid and marked for this purpose.
//! Private and symmetric keys in an issuer's document verify nothing.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::{BoxError, ServiceExt};
use tower_bearer_auth::jwks::{Fetched, Jwks, KeyDocument, KeySource, Validators};
use tower_bearer_auth::{Algorithm, Clock, JwtVerifier, JwtVerifierBuilder, KeySet};

use crate::json::Json;
use crate::keys::{
    AUDIENCE, EC, EC_JWK, ED, ED_JWK, HMAC, ISSUER, KeyPair, NOW, RSA, RSA_JWK, SECRET,
};
use crate::signed::{self, verify};

pub const REACHES: &[&str] = &[
    "no document",
    "a document with other keys",
    "keys that verify",
    "a secret for local use alone",
];

/// A key whose token is verified with every set.
struct Known {
    algorithm: &'static str,
    /// The public members, or the secret.
    jwk: Value,
    /// A token without a `kid`, which every key of the set may have signed.
    token: String,
}

static KNOWN: LazyLock<[Known; 4]> = LazyLock::new(|| {
    use base64::Engine;
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(SECRET);
    let secret = format!(r#"{{"kty":"oct","k":"{secret}"}}"#);
    [
        Known::new("RS256", RSA_JWK, &RSA),
        Known::new("ES256", EC_JWK, &EC),
        Known::new("EdDSA", ED_JWK, &ED),
        Known::new(HS256, &secret, &HMAC),
    ]
});

const HS256: &str = "HS256";

impl Known {
    fn new(algorithm: &'static str, jwk: &str, key: &KeyPair) -> Self {
        let header = format!(r#"{{"alg":"{algorithm}"}}"#);
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}}}"#,
            NOW + 60
        );
        Self {
            algorithm,
            jwk: serde_json::from_str(jwk).expect("JSON"),
            token: signed::token(header.as_bytes(), claims.as_bytes(), key),
        }
    }

    /// Whether `jwk` is this key, valid and for verifying (RFC 7517 §4).
    fn is(&self, jwk: &Value) -> bool {
        let is_absent = |name: &str| jwk.get(name).is_none_or(Value::is_null);
        let is_text = |name: &str| is_absent(name) || jwk[name].is_string();
        let has_names = ["kty", "crv"]
            .iter()
            .all(|name| self.jwk.get(name).is_none_or(|value| jwk[name] == *value));
        // An octet string, or a number that may have additional or missing leading zeros.
        let is_number = |name: &str| !(name == "k" || name == "x" && jwk["kty"] == "OKP");
        let same = |name: &str, value: &Value| {
            let [theirs, ours] = [&jwk[name], value].map(|value| octets(value.as_str()?));
            match is_number(name) {
                true => theirs.as_deref().map(number) == ours.as_deref().map(number),
                false => theirs == ours,
            }
        };
        let has_material = has_names
            && ["n", "e", "x", "y", "k"]
                .iter()
                .all(|name| self.jwk.get(name).is_none_or(|value| same(name, value)));
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];
        let is_secret = self.algorithm == HS256;
        let is_clear = is_secret || private.iter().all(|name| is_absent(name));
        let usage = is_absent("use") || jwk["use"] == "sig";
        let operations = is_absent("key_ops")
            || jwk["key_ops"].as_array().is_some_and(|operations| {
                operations.iter().all(Value::is_string)
                    && operations.iter().any(|operation| operation == "verify")
            });
        // RFC 9864 gave `EdDSA` a newer name.
        let is_ours =
            |name: &str| name == self.algorithm || (name == "Ed25519" && self.algorithm == "EdDSA");
        let algorithm = is_absent("alg") || jwk["alg"].as_str().is_some_and(is_ours);
        has_material && is_clear && usage && operations && algorithm && is_text("kid")
    }
}

/// The octets of a member in base64url or base64, with or without padding.
fn octets(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
        .iter()
        .find_map(|engine| engine.decode(text).ok())
}

fn number(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    &octets[zeros..]
}

/// The keys of a set, with `null` for each key in which a member that is read occurs twice. `None` if the document
/// contains a value that cannot be represented here.
fn jwks_of(data: &[u8]) -> Option<Vec<Value>> {
    let document = Json::parse(data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data))?;
    let sets: Vec<_> = document
        .as_members()
        .unwrap_or_default()
        .iter()
        .filter(|(name, _)| name == "keys")
        .collect();
    let [(_, Json::List(jwks))] = sets[..] else {
        return Some(Vec::new());
    };
    let counts = |name: &str| {
        let names = "kty use key_ops alg kid crv n e x y k pub d p q dp dq qi oth priv";
        names.split(' ').any(|known| known == name)
    };
    let value = |jwk: &Json| {
        let names = jwk.as_members().unwrap_or_default().iter();
        let mut names: Vec<_> = names
            .map(|(name, _)| name)
            .filter(|name| counts(name))
            .collect();
        names.sort();
        let count = names.len();
        names.dedup();
        match count == names.len() {
            true => jwk.to_value(),
            false => Value::Null,
        }
    };
    Some(jwks.iter().map(value).collect())
}

/// The input is the document.
pub fn run(data: &[u8]) -> &'static str {
    let Some(jwks) = jwks_of(data) else {
        // Each key is read independently, and valid ones may be used.
        _ = KeyDocument::from_json(data);
        _ = str::from_utf8(data).map(KeySet::from_json);
        return "no document";
    };
    let jwks = jwks.as_slice();
    let remote = KeyDocument::from_json(data);
    let local = std::str::from_utf8(data).map(|json| (KeySet::from_json(json), json));

    if let Ok(remote) = &remote {
        let skipped: usize = remote.skipped().map(|(_, count)| count).sum();
        assert_eq!(remote.keys().len() + skipped, jwks.len(), "a key was lost");
        assert!(remote.keys().len() <= MAX_KEYS);
        for key in remote.keys() {
            let symmetric = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
            assert!(key.algorithms().next().is_some(), "a key for nothing");
            assert!(
                !key.algorithms()
                    .any(|algorithm| symmetric.contains(&algorithm))
            );
        }
    }
    let by_jwks = remote
        .as_ref()
        .ok()
        .map(|document| through_jwks(document.clone()));
    let by_set = match &local {
        Ok((Ok(set), json)) => {
            assert!(!set.keys().is_empty());
            Some(builder().jwks_json(json).build().expect("the set is good"))
        }
        Ok((Err(_), json)) => {
            assert!(builder().jwks_json(json).build().is_err());
            None
        }
        Err(_) => None,
    };

    let mut reached = match (&remote, &by_set) {
        (Err(_), None) => "no document",
        _ => "a document with other keys",
    };
    for known in &*KNOWN {
        let is_there = |jwks: &[Value]| jwks.iter().any(|jwk| known.is(jwk));
        // The limit on keys that are tried for a token without a `kid`.
        let is_sure = jwks.len() <= 4;
        let by_remote = by_jwks.as_ref().is_some_and(|verifier| {
            RUNTIME.block_on(async {
                let token = known.token.parse().expect("a token");
                verifier.clone().oneshot(token).await.is_ok()
            })
        });
        let looked_at = &jwks[..jwks.len().min(MAX_KEYS)];
        let may = known.algorithm != HS256 && is_there(looked_at);
        assert!(
            may || !by_remote,
            "{} by a document without its key",
            known.algorithm
        );
        assert!(
            by_remote || !(may && is_sure),
            "{} has its key",
            known.algorithm
        );

        let by_local = by_set
            .as_ref()
            .is_some_and(|set| verify(set, &known.token).is_ok());
        assert!(
            is_there(jwks) || !by_local,
            "{} by a set without its key",
            known.algorithm
        );
        // Another key of the set may be broken, which makes the whole set invalid.
        let must = is_there(jwks) && is_sure && by_set.is_some();
        assert!(by_local || !must, "{} has its key here", known.algorithm);

        if by_remote {
            reached = "keys that verify";
        } else if by_local && reached != "keys that verify" {
            reached = "a secret for local use alone";
        }
    }
    reached
}

/// How many keys of one document are read.
const MAX_KEYS: usize = 1_000;

fn builder() -> JwtVerifierBuilder {
    JwtVerifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(clock())
}

fn clock() -> Clock {
    Clock::manual(UNIX_EPOCH + Duration::from_secs(NOW))
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
});

/// A verifier that fetches its keys from a local source.
fn through_jwks(document: KeyDocument) -> JwtVerifier {
    let jwks = Jwks::builder(InMemory(document)).clock(clock()).build();
    builder()
        .jwks(jwks.expect("defaults"))
        .build()
        .expect("complete")
}

struct InMemory(KeyDocument);

impl KeySource for InMemory {
    async fn fetch(&self, _: Option<&Validators>) -> Result<Fetched, BoxError> {
        Ok(Fetched::Document(self.0.clone()))
    }
}
