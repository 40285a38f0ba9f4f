//! Rewrites the IDs in an event stream (HTML §9.2.6).
//!
//! After a disconnect, a client sends the last ID (`Last-Event-ID`) to get the events that it missed. A server that
//! stores the events of all sessions together replays them by the ID alone, so the ID must be bound to its owner.
//!
//! A stream consists of lines, and the server's chunks end anywhere. A line is held back only as long as it can be an
//! `id` line, so every other line passes on with the chunk that it came in: an event is never delayed by this. What is
//! held back is at most one line of [`MAX_LINE`] bytes.
//!
//! Where this reading and a client's differ, the client has an ID without a signature, which cannot resume anything.

use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::binding::{MAX_ID, Purpose, bind};
use super::settings::Settings;
use crate::access_token::Principal;

/// Binds the ID of each event to a principal.
pub(super) struct EventIds {
    settings: Arc<Settings>,
    principal: Principal,
    /// How much of a byte order mark the stream began with so far; `None` after it.
    mark: Option<usize>,
    line: Line,
}

/// Clients skip one at the start of a stream, and read an `id` line after it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The incomplete line at the end of the last chunk.
enum Line {
    /// Nothing yet, or the possible beginning of an `id` line.
    Held(Vec<u8>),
    /// Another line, whose beginning was passed on.
    Passed,
}

const FIELD: &[u8] = b"id:";

/// In bytes. A longer line is not held back, and its ID cannot resume a stream.
const MAX_LINE: usize = MAX_ID;

impl EventIds {
    pub(super) fn new(settings: Arc<Settings>, principal: Principal) -> Self {
        Self {
            settings,
            principal,
            mark: Some(0),
            line: Line::Held(Vec::new()),
        }
    }

    /// The bytes to pass on after `chunk`.
    pub(super) fn rewrite(&mut self, chunk: &[u8]) -> Bytes {
        let mut passed = BytesMut::with_capacity(chunk.len() + 64);
        let chunk = self.pass_mark(chunk, &mut passed);
        for piece in chunk.split_inclusive(|byte| is_line_end(*byte)) {
            let is_end = piece.last().is_some_and(|byte| is_line_end(*byte));
            match &mut self.line {
                Line::Passed => passed.extend_from_slice(piece),
                Line::Held(held) => {
                    held.extend_from_slice(piece);
                    if is_end {
                        let line = mem::take(held);
                        self.pass(&line, &mut passed);
                    } else if !may_be_id(held) {
                        passed.extend_from_slice(held);
                        self.line = Line::Passed;
                    }
                }
            }
            if is_end {
                self.line = Line::Held(Vec::new());
            }
        }
        passed.freeze()
    }

    /// The bytes still held back at the end of the stream.
    pub(super) fn finish(&mut self) -> Bytes {
        match mem::replace(&mut self.line, Line::Passed) {
            Line::Held(held) => held.into(),
            Line::Passed => Bytes::new(),
        }
    }

    /// Passes on a byte order mark at the start of the stream, and returns the rest of `chunk`.
    fn pass_mark<'c>(&mut self, chunk: &'c [u8], passed: &mut BytesMut) -> &'c [u8] {
        let Some(begun) = self.mark else {
            return chunk;
        };
        let missing = &BYTE_ORDER_MARK[begun..];
        let common = missing
            .iter()
            .zip(chunk)
            .take_while(|(one, other)| one == other);
        let (mark, rest) = chunk.split_at(common.count());
        passed.extend_from_slice(mark);
        let begun = begun + mark.len();
        self.mark = Some(begun).filter(|begun| rest.is_empty() && *begun < BYTE_ORDER_MARK.len());
        if !rest.is_empty() && (1..BYTE_ORDER_MARK.len()).contains(&begun) {
            // It was another character, with which the first line begins.
            self.line = Line::Passed;
        }
        rest
    }

    fn pass(&self, line: &[u8], passed: &mut BytesMut) {
        let Some((end, text)) = line.split_last() else {
            return;
        };
        let value = text.strip_prefix(FIELD).unwrap_or_default();
        let id = value.strip_prefix(b" ").unwrap_or(value);
        // An empty ID resets the last one, and clients ignore an ID with a NUL.
        if id.is_empty() || id.contains(&0) {
            passed.extend_from_slice(line);
            return;
        }
        passed.extend_from_slice(b"id: ");
        passed.extend_from_slice(&bind(
            &self.settings.key,
            Purpose::Event,
            id,
            &self.principal,
        ));
        passed.extend_from_slice(&[*end]);
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn may_be_id(line: &[u8]) -> bool {
    line.len() <= MAX_LINE && (line.starts_with(FIELD) || FIELD.starts_with(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac;

    use crate::access_token::AccessToken;
    use crate::mcp::session::binding::unbind;

    fn settings() -> Arc<Settings> {
        Arc::new(Settings {
            key: hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]),
            refusal_map: None,
        })
    }

    fn alice() -> Principal {
        let token = AccessToken::builder("token".parse().unwrap());
        token.subject("alice").build().principal().unwrap()
    }

    /// The stream, rewritten in chunks of `per_chunk` bytes.
    fn rewritten(stream: &str, per_chunk: usize) -> String {
        let mut ids = EventIds::new(settings(), alice());
        let chunks = stream.as_bytes().chunks(per_chunk);
        let mut passed: Vec<u8> = chunks.flat_map(|chunk| ids.rewrite(chunk)).collect();
        passed.extend(ids.finish());
        String::from_utf8(passed).unwrap()
    }

    fn bound(id: &str) -> String {
        let bound = bind(&settings().key, Purpose::Event, id.as_bytes(), &alice());
        String::from_utf8(bound).unwrap()
    }

    #[test]
    fn ids_are_bound_however_the_stream_is_chunked() {
        let table = [
            (
                "id: 5\ndata: id: 6\n\n",
                format!("id: {}\ndata: id: 6\n\n", bound("5")),
            ),
            (
                "id:5\r\ndata: x\r\n\r\n",
                format!("id: {}\r\ndata: x\r\n\r\n", bound("5")),
            ),
            (
                "data: x\rid: a/b c\r\r",
                format!("data: x\rid: {}\r\r", bound("a/b c")),
            ),
            (
                "id: 1\nid: 2\n\n",
                format!("id: {}\nid: {}\n\n", bound("1"), bound("2")),
            ),
            ("id:  5\n", format!("id: {}\n", bound(" 5"))),
            (
                "\u{feff}id: 5\nid: 6\n",
                format!("\u{feff}id: {}\nid: {}\n", bound("5"), bound("6")),
            ),
            // Another character that begins with the same bytes.
            (
                "\u{fec0}id: 5\nid: 6\n",
                format!("\u{fec0}id: 5\nid: {}\n", bound("6")),
            ),
        ];
        for (stream, expected) in table {
            for per_chunk in 1..=stream.len() {
                assert_eq!(
                    rewritten(stream, per_chunk),
                    expected,
                    "{stream:?} {per_chunk}"
                );
            }
        }
        let id = bound("5");
        let unbound = unbind(&settings().key, Purpose::Event, id.as_bytes(), &alice());
        assert_eq!(unbound, Some(&b"5"[..]));
    }

    #[test]
    fn other_lines_pass_unchanged() {
        for stream in [
            "",
            "data: x\n\n",
            "id\n",
            "id:\n",
            "id: \n",
            "id: a\0b\n",
            "idx: 5\n",
            " id: 5\n",
            "ID: 5\n",
            ": id: 5\n",
            "i\n\nid\n",
            "data: x\nid: 5",
            "\u{feff}\u{feff}id: 5\n",
            "data: x\n\u{feff}id: 5\n",
            "event: id:\nretry: 3000\n\n",
        ] {
            for per_chunk in 1..=stream.len().max(1) {
                assert_eq!(
                    rewritten(stream, per_chunk),
                    stream,
                    "{stream:?} {per_chunk}"
                );
            }
        }
        let long = format!("id: {}\n", "x".repeat(2 * MAX_LINE));
        assert_eq!(rewritten(&long, 100), long);
    }
}
