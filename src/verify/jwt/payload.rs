//! The payload of a token, which the verifier reads, or which was read to find the verifier.

use super::jws::Jws;
use crate::json::Fault;
use crate::verify::claims::registered::Claims;

/// The payload of a token.
pub(super) enum Payload<'r, 'p> {
    Encoded(&'r Jws<'r>),
    Read(&'r mut ReadPayload<'p>),
}

/// A payload that was read as strictly as a verifier reads it. Nothing in it is trusted.
#[derive(Debug)]
pub(crate) struct ReadPayload<'p> {
    pub(super) text: &'p str,
    /// The claims. A `sub` that is a number has no value yet.
    pub(crate) claims: Claims<'p>,
}

impl<'p> ReadPayload<'p> {
    pub(crate) fn read(text: &'p str) -> Result<Self, Fault> {
        let mut payload = Self {
            text,
            claims: Claims::default(),
        };
        payload.claims.fill_but_subject(text)?;
        Ok(payload)
    }
}
