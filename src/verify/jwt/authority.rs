//! What tells apart verifiers that accept any issuer and have no name.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::key::VerifyingKey;
use super::remote::RemoteKeys;

/// A digest of whom a verifier trusts: its keys, and the source of those that are fetched.
///
/// It is the same in every process and replica that has this configuration. It is not for logs, since a secret that
/// can be guessed can be guessed from it.
pub(super) fn of(keys: &[VerifyingKey], remote: Option<&dyn RemoteKeys>) -> Arc<str> {
    let mut fingerprints: Vec<_> = keys.iter().map(VerifyingKey::fingerprint).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();

    let mut digest = Context::new(&SHA256);
    digest.update(b"tower-bearer-auth: the authority of a JWT verifier\0");
    for fingerprint in fingerprints {
        digest.update(fingerprint);
    }
    // Fingerprints have one length, so that the rest is the name.
    digest.update(remote.map_or("", RemoteKeys::source_name).as_bytes());
    let digest = digest.finish();
    let hexadecimal: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    hexadecimal.into()
}
