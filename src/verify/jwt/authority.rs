//! The identity of a verifier that accepts any issuer and has no name.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::remote::RemoteKeys;
use crate::verify::keys::key::VerifyingKey;

/// A digest of what a verifier trusts: its local keys and the name of its key source.
///
/// It is the same in every process with this configuration. Do not log it: a weak secret can be guessed from it.
pub(super) fn of(keys: &[VerifyingKey], remote: Option<&dyn RemoteKeys>) -> Arc<str> {
    let mut fingerprints: Vec<_> = keys.iter().map(VerifyingKey::fingerprint).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();

    let mut digest = Context::new(&SHA256);
    digest.update(b"tower-bearer-auth: the authority of a JWT verifier\0");
    for fingerprint in fingerprints {
        digest.update(fingerprint);
    }
    // All fingerprints have the same length, so the end of the input is unambiguously the name.
    digest.update(remote.map_or("", RemoteKeys::source_name).as_bytes());
    let digest = digest.finish();
    let hexadecimal: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    hexadecimal.into()
}
