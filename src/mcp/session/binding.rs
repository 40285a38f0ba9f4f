//! Signs IDs for their owner: pure functions of the key, the ID and the principal.
//!
//! A client gets `id.HMAC-SHA-256(key, purpose, id, principal)` instead of `id`, and the signature is checked and
//! removed when the ID returns. So the layer stores nothing, processes that share a key share their sessions, and an ID
//! is worthless to every other principal. The ID itself stays readable: it is no secret of its owner.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;

use crate::access_token::Principal;

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The name under which the layer records its decisions.
pub(super) const COMPONENT: &str = "SessionBindingLayer";

/// A key that only this process has.
///
/// # Panics
///
/// If the system's random number generator fails.
pub(super) fn random_key() -> hmac::Key {
    hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
        .expect("the system has random numbers")
}

/// What an ID identifies, so that a session ID is never valid as an event ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Session,
    Event,
}

impl Purpose {
    /// The domain separation prefix, also against other uses of the same secret.
    fn name(self) -> &'static [u8] {
        match self {
            Self::Session => b"tower-bearer-auth: MCP session of a principal\0",
            Self::Event => b"tower-bearer-auth: MCP event of a principal\0",
        }
    }
}

/// The ID as clients see it: the server's ID, a dot, and an HMAC-SHA-256 over the ID and the principal.
pub(super) fn bind(key: &hmac::Key, purpose: Purpose, id: &[u8], principal: &Principal) -> Vec<u8> {
    let code = hmac::sign(key, &signed(purpose, id, principal));
    let mut bound = id.to_vec();
    bound.push(b'.');
    bound.extend_from_slice(URL_SAFE_NO_PAD.encode(code).as_bytes());
    bound
}

/// The server's ID, if `bound` was signed for this principal with this key.
pub(super) fn unbind<'i>(
    key: &hmac::Key,
    purpose: Purpose,
    bound: &'i [u8],
    principal: &Principal,
) -> Option<&'i [u8]> {
    let dot = bound.iter().rposition(|byte| *byte == b'.')?;
    let (id, code) = (&bound[..dot], &bound[dot + 1..]);
    if id.len() > MAX_ID {
        return None;
    }
    let code = URL_SAFE_NO_PAD.decode(code).ok()?;
    // Compares in constant time.
    hmac::verify(key, &signed(purpose, id, principal), &code).ok()?;
    Some(id)
}

/// In bytes. Servers use shorter IDs. A longer ID from a client is refused before its HMAC is computed.
pub(super) const MAX_ID: usize = 1024;

/// The signed message. Lengths precede the parts, so that no byte can move from one part into the next.
fn signed(purpose: Purpose, id: &[u8], principal: &Principal) -> Vec<u8> {
    let mut signed = purpose.name().to_vec();
    signed.extend_from_slice(&(id.len() as u64).to_be_bytes());
    signed.extend_from_slice(id);
    signed.extend_from_slice(&principal.to_bytes());
    signed
}

#[cfg(test)]
mod tests {
    use super::Purpose::{Event, Session};
    use super::*;
    use crate::access_token::AccessToken;

    fn key(secret: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[secret; 32])
    }

    fn principal(subject: &str, client: &str) -> Principal {
        let token = AccessToken::builder("token".parse().unwrap());
        let token = token.subject(subject).client_id(client).build();
        token.principal().unwrap()
    }

    #[test]
    fn an_id_is_valid_for_the_same_principal_and_key_only() {
        let alice = principal("alice", "cli");
        for id in [&b"0f5a"[..], b"a.b.c", b".", b""] {
            let bound = bind(&key(1), Session, id, &alice);
            assert_eq!(unbind(&key(1), Session, &bound, &alice), Some(id));
            assert_eq!(unbind(&key(2), Session, &bound, &alice), None);
            assert_eq!(
                unbind(&key(1), Session, &bound, &principal("mallory", "cli")),
                None
            );
            assert_eq!(
                unbind(&key(1), Session, &bound, &principal("alice", "other")),
                None
            );
            assert_eq!(unbind(&key(1), Event, &bound, &alice), None);
        }
    }

    #[test]
    fn an_id_that_is_too_long_is_refused() {
        let alice = principal("alice", "cli");
        for purpose in [Session, Event] {
            let longest = vec![b'a'; MAX_ID];
            let bound = bind(&key(1), purpose, &longest, &alice);
            assert_eq!(unbind(&key(1), purpose, &bound, &alice), Some(&*longest));
            let bound = bind(&key(1), purpose, &[b'a'; MAX_ID + 1], &alice);
            assert_eq!(unbind(&key(1), purpose, &bound, &alice), None);
        }
    }

    #[test]
    fn forged_ids_are_refused() {
        let alice = principal("alice", "cli");
        let bound = bind(&key(1), Session, b"0f5a", &alice);
        let mut forged: Vec<Vec<u8>> = (0..bound.len())
            .flat_map(|at| {
                let mut changed = bound.clone();
                changed[at] ^= 1;
                [changed, bound[..at].to_vec()]
            })
            .collect();
        forged.push([&bound[..], b"A"].concat());
        forged.push([&bound[..], b"="].concat());
        forged.push([&b"x"[..], &bound].concat());
        forged.push(b"0f5a".to_vec());
        for forged in forged {
            assert_eq!(
                unbind(&key(1), Session, &forged, &alice),
                None,
                "{forged:?}"
            );
        }
    }
}
