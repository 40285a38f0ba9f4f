//! The tables of the file.

use std::time::Duration;

use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};
use tower_bearer_auth::revocation::Revocation;

use super::error::RedbStoreError;

type ProofKey = [u8; 32];
type RevocationBytes = [u8; Revocation::LENGTH];

/// When a proof ends, in milliseconds since 1970.
const PROOFS: TableDefinition<'_, &ProofKey, u64> = TableDefinition::new("proofs");

/// The proofs by their end, so that the ended ones are found.
const PROOF_ENDS: TableDefinition<'_, (u64, &ProofKey), ()> = TableDefinition::new("proof-ends");

/// The revocations by their end, in seconds since 1970.
const REVOCATIONS: TableDefinition<'_, (u64, &RevocationBytes), ()> =
    TableDefinition::new("revocations");

/// What one transaction does.
#[derive(Debug)]
pub(super) enum Change {
    Proof { id: ProofKey, keep: Duration },
    Append(Vec<Revocation>),
}

/// How many ended entries a transaction removes, beside one for each change.
const REMOVED: usize = 64;

/// Makes all changes in one transaction, which is on the disk when this returns. Returns whether each proof was new.
pub(super) fn write(
    database: &Database,
    changes: &[Change],
    now: Duration,
) -> Result<Vec<bool>, RedbStoreError> {
    let transaction = database
        .begin_write()
        .map_err(|error| RedbStoreError::failed("written", error))?;
    let results = apply(&transaction, changes, now)
        .map_err(|error| RedbStoreError::failed("written", error))?;
    transaction
        .commit()
        .map_err(|error| RedbStoreError::failed("written", error))?;
    Ok(results)
}

#[allow(clippy::result_large_err, reason = "it is redb's")]
fn apply(
    transaction: &WriteTransaction,
    changes: &[Change],
    now: Duration,
) -> Result<Vec<bool>, redb::Error> {
    let mut proofs = transaction.open_table(PROOFS)?;
    let mut proof_ends = transaction.open_table(PROOF_ENDS)?;
    let mut revocations = transaction.open_table(REVOCATIONS)?;
    let now_millis = millis(now);
    let mut results = Vec::with_capacity(changes.len());
    for change in changes {
        let is_new = match change {
            Change::Proof { id, keep } => {
                let known = proofs.get(id)?.map(|end| end.value());
                let is_new = known.is_none_or(|end| end <= now_millis);
                if is_new {
                    if let Some(end) = known {
                        proof_ends.remove((end, id))?;
                    }
                    let end = millis(now.saturating_add(*keep)).saturating_add(1);
                    proofs.insert(id, end)?;
                    proof_ends.insert((end, id), ())?;
                }
                is_new
            }
            Change::Append(appended) => {
                for revocation in appended {
                    let bytes = revocation.to_bytes();
                    revocations.insert((end_of(&bytes), &bytes), ())?;
                }
                true
            }
        };
        results.push(is_new);
    }

    let max = REMOVED + changes.len();
    let mut ended = Vec::new();
    for entry in proof_ends.range(..(now_millis, &[0; 32]))?.take(max) {
        let (key, _) = entry?;
        let (end, id) = key.value();
        ended.push((end, *id));
    }
    for (end, id) in ended {
        proof_ends.remove((end, &id))?;
        proofs.remove(&id)?;
    }
    let mut ended = Vec::new();
    for entry in revocations.range(..first_live(now))?.take(max) {
        let (key, _) = entry?;
        let (end, bytes) = key.value();
        ended.push((end, *bytes));
    }
    for (end, bytes) in ended {
        revocations.remove((end, &bytes))?;
    }
    Ok(results)
}

/// Reads the revocations that have not ended.
pub(super) fn load(database: &Database, now: Duration) -> Result<Vec<Revocation>, RedbStoreError> {
    let failed = |error: redb::Error| RedbStoreError::failed("read", error);
    let transaction = database
        .begin_read()
        .map_err(|error| failed(error.into()))?;
    let table = match transaction.open_table(REVOCATIONS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error.into())),
    };
    let live = table
        .range(first_live(now)..)
        .map_err(|error| failed(error.into()))?;
    live.map(|entry| {
        let (key, _) = entry.map_err(|error| failed(error.into()))?;
        let (_, bytes) = key.value();
        Revocation::from_bytes(bytes).ok_or_else(|| {
            RedbStoreError::new("the file of the store contains a malformed revocation")
        })
    })
    .collect()
}

/// The key of no revocation, before all that have not ended.
fn first_live(now: Duration) -> (u64, &'static RevocationBytes) {
    (now.as_secs() + 1, &[0; Revocation::LENGTH])
}

/// The end of a revocation: its last 8 bytes.
fn end_of(bytes: &RevocationBytes) -> u64 {
    bytes.last_chunk().map_or(0, |end| u64::from_be_bytes(*end))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
