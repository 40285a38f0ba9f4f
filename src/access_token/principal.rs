use std::fmt;
use std::sync::Arc;

use super::verified::Verified;

/// The identity of a caller: the verifier that accepted the token, the issuer, the subject and the client.
///
/// Principals are equal for all tokens of the same caller, in every process with the same configuration.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    verifier: Box<str>,
    authority: Option<Arc<str>>,
    issuer: Option<Box<str>>,
    subject: Option<Box<str>>,
    client_id: Option<Box<str>>,
}

impl Principal {
    pub(super) fn of(verified: &Verified) -> Self {
        let owned = |part| verified.text(part).map(Box::from);
        Self {
            verifier: verified.verifier.as_ref().into(),
            authority: verified.authority.clone(),
            issuer: owned(&verified.issuer),
            subject: owned(&verified.subject),
            client_id: owned(&verified.client_id),
        }
    }

    /// The principal as bytes, such as for a signature. They differ for all principals that differ: each part is preceded
    /// by its length, so that no byte can move from one part into the next.
    pub fn to_bytes(&self) -> Vec<u8> {
        let texts = [&self.issuer, &self.subject, &self.client_id].map(Option::as_deref);
        to_bytes(&self.verifier, texts, self.authority.as_deref())
    }
}

impl Verified {
    /// The bytes of the principal, without making one.
    #[cfg(feature = "dpop")]
    pub(super) fn principal_bytes(&self) -> Vec<u8> {
        let texts = [&self.issuer, &self.subject, &self.client_id].map(|part| self.text(part));
        to_bytes(&self.verifier, texts, self.authority.as_deref())
    }
}

/// `texts` are the issuer, the subject and the client.
fn to_bytes(verifier: &str, texts: [Option<&str>; 3], authority: Option<&str>) -> Vec<u8> {
    let [issuer, subject, client_id] = texts;
    let parts = [Some(verifier), issuer, subject, client_id];
    let length = parts.iter().flatten().map(|text| text.len()).sum::<usize>();
    let authority = authority.unwrap_or_default().as_bytes();
    let mut bytes = Vec::with_capacity(parts.len() * 9 + length + authority.len());
    for part in parts {
        match part {
            None => bytes.push(0),
            Some(text) => {
                bytes.push(1);
                bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
    }
    // It is last and only if present, so that principals of verifiers without an authority stay the same and sessions
    // that are bound to them continue.
    bytes.extend_from_slice(authority);
    bytes
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("verifier", &self.verifier)
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
