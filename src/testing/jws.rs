//! The serialization that tokens and proofs share.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::signing_key::SigningKey;

/// How the signature is serialized.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signature {
    Good,
    Tampered,
    Stripped,
}

/// Signs a header and a payload, and serializes both in JWS Compact Serialization (RFC 7515 §7.1).
pub(super) fn serialize(
    key: &SigningKey,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Signature,
) -> String {
    let signing_input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let mut bytes = match signature {
        Signature::Stripped => Vec::new(),
        Signature::Good | Signature::Tampered => key.sign(signing_input.as_bytes()),
    };
    if let (Signature::Tampered, Some(last)) = (signature, bytes.last_mut()) {
        *last ^= 1;
    }
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The text of an object.
pub(super) fn to_bytes(members: Map<String, Value>) -> Vec<u8> {
    Value::Object(members).to_string().into()
}
