//! The challenges and the body of a refusal, as bytes.

use bytes::Bytes;
use http::HeaderValue;

use super::challenge::{Challenge, write_quoted};
use crate::credentials::Scheme;

/// A challenge to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) scheme: Scheme,
    pub(super) has_error: bool,
}

/// The initial capacity, in bytes, for a challenge and its body. It fits most.
const USUAL_LENGTH: usize = 512;

/// The values of the `WWW-Authenticate` fields and the body. They share one allocation with their clones.
#[inline]
pub(super) fn write<'a>(
    [first, second]: [Option<Offer>; 2],
    challenge: impl Fn(Offer) -> Challenge<'a>,
    error: Option<&str>,
    description: &str,
) -> ([Option<HeaderValue>; 2], Bytes) {
    let mut text = String::with_capacity(USUAL_LENGTH);
    if let Some(first) = first {
        challenge(first).write(&mut text);
    }
    let first_length = text.len();
    if let Some(second) = second {
        challenge(second).write(&mut text);
    }
    let second_length = text.len() - first_length;
    text.push('{');
    if let Some(error) = error {
        text.push_str("\"error\":");
        write_quoted(error, &mut text);
        text.push(',');
    }
    text.push_str("\"error_description\":");
    write_quoted(description, &mut text);
    text.push('}');

    let mut body = Bytes::from(text);
    let first = first.map(|_| header(body.split_to(first_length)));
    let second = second.map(|_| header(body.split_to(second_length)));
    ([first, second], body)
}

fn header(text: Bytes) -> HeaderValue {
    let header = HeaderValue::from_maybe_shared(text);
    header.expect("every character is visible ASCII or a space")
}
