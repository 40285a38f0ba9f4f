//! The log of changes: a stream whose entries form a chain.
//!
//! # Protocol
//!
//! Each entry names the one before it, and the *head* names the last one. A name is the ID of the entry and a random
//! token of the call that wrote it. A replica whose position is a name has missed nothing if the entries that it reads
//! continue the chain from there. If there are none, its position must be the head. Else there is a gap: Redis has lost
//! its data, or its latest writes in a failover, or the stream was trimmed past the position. Another history with
//! the same IDs is a gap too, since its tokens differ.

use redis::{FromRedisValue, Value};
use tower_bearer_auth::revocation::{Followed, Position, Revocation};

use super::error::Failure;

/// The name of an entry: its ID, a space, and a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head(String);

impl Head {
    pub(super) fn new(text: String) -> Result<Self, Failure> {
        let is_id = |id: &str| {
            let is_number = |part: &str| part.parse::<u64>().is_ok();
            id.split_once('-')
                .is_some_and(|(time, sequence)| is_number(time) && is_number(sequence))
        };
        match text.split_once(' ') {
            Some((id, token)) if is_id(id) && !token.is_empty() => Ok(Self(text)),
            Some(_) | None => Err(Failure::unexpected("the name of a change")),
        }
    }

    /// The ID, after which to read.
    pub(super) fn id(&self) -> &str {
        self.0.split_once(' ').map_or("0-0", |(id, _)| id)
    }

    pub(super) fn position(self) -> Position {
        Position::new(self.0)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An entry of the stream.
struct Change {
    id: String,
    after: String,
    token: String,
    revocations: Vec<u8>,
}

/// Reads what `XREAD` has answered for one stream. No entries are `None`.
pub(super) fn followed(answer: Value, position: &Head) -> Result<Option<Followed>, Failure> {
    let streams: Vec<(Value, Vec<Value>)> = match answer {
        Value::Nil => return Ok(None),
        answer => FromRedisValue::from_redis_value(answer)
            .map_err(|_| Failure::unexpected("a list of changes"))?,
    };
    let mut last = position.as_str().to_owned();
    let mut revocations = Vec::new();
    let mut is_empty = true;
    for entry in streams.into_iter().flat_map(|(_, entries)| entries) {
        let change = Change::read(entry)?;
        if change.after != last {
            return Ok(Some(Followed::Gap));
        }
        read_revocations(&change.revocations, &mut revocations)?;
        last = format!("{} {}", change.id, change.token);
        is_empty = false;
    }
    if is_empty {
        return Ok(None);
    }
    Ok(Some(Followed::Changes {
        revocations,
        position: Head::new(last)?.position(),
    }))
}

impl Change {
    fn read(entry: Value) -> Result<Self, Failure> {
        let unexpected = || Failure::unexpected("a change");
        let (id, fields): (String, Vec<Vec<u8>>) =
            FromRedisValue::from_redis_value(entry).map_err(|_| unexpected())?;
        let fields: [Vec<u8>; 6] = fields.try_into().map_err(|_| unexpected())?;
        let [
            after_name,
            after,
            token_name,
            token,
            revocations_name,
            revocations,
        ] = fields;
        if after_name != b"after" || token_name != b"token" || revocations_name != b"revocations" {
            return Err(unexpected());
        }
        let text = |bytes| String::from_utf8(bytes).map_err(|_| unexpected());
        Ok(Self {
            id,
            after: text(after)?,
            token: text(token)?,
            revocations,
        })
    }
}

/// Reads one revocation after the other.
pub(super) fn read_revocations(bytes: &[u8], into: &mut Vec<Revocation>) -> Result<(), Failure> {
    let unexpected = || Failure::unexpected("revocations");
    if bytes.is_empty() {
        return Err(unexpected());
    }
    for one in bytes.chunks(Revocation::LENGTH) {
        into.push(Revocation::from_bytes(one).ok_or_else(unexpected)?);
    }
    Ok(())
}
