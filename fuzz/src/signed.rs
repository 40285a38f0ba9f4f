//! Tokens with a valid signature, and the rules for a JWT's header, from the documentation of `verify::jwt`.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use tower::ServiceExt;
use tower_bearer_auth::{AccessToken, InvalidReason, JwtVerifier, VerifyErrorKind};

use crate::json::Json;
use crate::keys::KeyPair;
use crate::poll;

/// A compact JWS with exactly these bytes.
pub(crate) fn token(header: &[u8], payload: &[u8], key: &KeyPair) -> String {
    let segments = [header, payload].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    sign(&segments.join("."), key)
}

/// Appends a signature to any text.
pub(crate) fn sign(text: &str, key: &KeyPair) -> String {
    let signature = crypto::sign(text.as_bytes(), &key.private, key.algorithm);
    format!("{text}.{}", signature.expect("a key for its algorithm"))
}

/// The result of a verifier with local keys. A text that is not a bearer token is malformed.
pub(crate) fn verify(verifier: &JwtVerifier, token: &str) -> Result<AccessToken, InvalidReason> {
    let token = token.parse().map_err(|_| InvalidReason::Malformed)?;
    poll::now(verifier.clone().oneshot(token)).map_err(|error| match error.kind() {
        VerifyErrorKind::Invalid(reason) => reason,
        other => panic!("local keys, and {other:?}"),
    })
}

/// The segments of a compact JWS: the decoded header and payload, the signing input, and the encoded signature.
pub(crate) struct Compact<'t> {
    pub(crate) header: String,
    pub(crate) payload: String,
    pub(crate) signed: &'t str,
    pub(crate) signature: &'t str,
}

impl<'t> Compact<'t> {
    pub(crate) fn read(token: &'t str) -> Option<Self> {
        let segments: Vec<_> = token.split('.').collect();
        let [header, payload, signature] = segments[..] else {
            return None;
        };
        octets(signature)?;
        Some(Self {
            header: String::from_utf8(octets(header)?).ok()?,
            payload: String::from_utf8(octets(payload)?).ok()?,
            signed: &token[..header.len() + 1 + payload.len()],
            signature,
        })
    }
}

/// Decodes strict base64url, which is the only encoding that encodes to the same text again.
pub(crate) fn octets(segment: &str) -> Option<Vec<u8>> {
    let octets = URL_SAFE_NO_PAD.decode(segment).ok()?;
    (URL_SAFE_NO_PAD.encode(&octets) == segment).then_some(octets)
}

/// The members of a header that the verifier uses.
pub(crate) struct Header {
    pub(crate) algorithm: String,
    pub(crate) key_id: Option<String>,
}

impl Header {
    /// `None` if the verifier must refuse the token for its header.
    pub(crate) fn read(text: &str) -> Option<Self> {
        const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

        let json = read_object(text, &["alg", "kid", "typ"])?;
        let optional_text = |name| match json.member(name) {
            None | Some(Json::Null) => Some(None),
            Some(value) => value.as_text().map(|text| Some(text.to_owned())),
        };
        let unsupported = ["crit", "b64", "zip", "enc"];
        if unsupported.iter().any(|name| json.member(name).is_some()) {
            return None;
        }
        let token_type = optional_text("typ")?;
        if token_type.is_some_and(|name| !TYPES.contains(&&*name.to_ascii_lowercase())) {
            return None;
        }
        Some(Self {
            algorithm: json.member("alg")?.as_text()?.to_owned(),
            key_id: optional_text("kid")?,
        })
    }
}

/// An object without duplicate members, within the maximum depth, and with at most the maximum number of members
/// besides `counted`.
pub(crate) fn read_object(text: &str, counted: &[&str]) -> Option<Json> {
    let json = Json::parse(text.as_bytes())?;
    let members = json.as_members()?;
    let mut names = HashSet::new();
    let all_differ = members.iter().all(|(name, _)| names.insert(name.as_str()));
    let others = names.iter().filter(|name| !counted.contains(name)).count();
    (all_differ && others <= 256 && json.depth() <= 32 && !json.has_private_name()).then_some(json)
}
