//! The thread that reads and writes the file.
//!
//! redb blocks, and each of its transactions waits for the disk. So one thread owns the file. It takes all calls
//! that wait, makes their changes in one transaction, and answers them when the transaction is on the disk.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use redb::Database;
use tokio::sync::{mpsc, oneshot};
use tower_bearer_auth::Clock;
use tower_bearer_auth::revocation::{Revocation, Snapshot};

use super::changes::Changes;
use super::database::{self, Change};
use super::error::RedbStoreError;

pub(super) type Answer<T> = oneshot::Sender<Result<T, RedbStoreError>>;

/// A call of the store.
#[derive(Debug)]
pub(super) enum Call {
    FirstUse {
        id: [u8; 32],
        keep: Duration,
        answer: Answer<bool>,
    },
    Append {
        revocations: Vec<Revocation>,
        answer: Answer<bool>,
    },
    Load {
        answer: Answer<Snapshot>,
    },
}

/// The length of the queue of calls. When it is full, callers wait.
const QUEUE: usize = 1_024;

/// How much of the file is kept in memory.
const CACHE: usize = 32 * 1024 * 1024;

struct Writer {
    path: PathBuf,
    /// `None` after an error, after which redb requires that the file is opened again.
    database: Option<Database>,
    changes: Arc<Changes>,
    clock: Clock,
}

/// Opens the file, and starts the thread. It ends when the sender is dropped.
pub(super) fn start(
    path: PathBuf,
    changes: Arc<Changes>,
    clock: Clock,
) -> Result<mpsc::Sender<Call>, RedbStoreError> {
    let mut writer = Writer {
        database: None,
        path,
        changes,
        clock,
    };
    writer.database()?;
    let (sender, calls) = mpsc::channel(QUEUE);
    thread::Builder::new()
        .name("tower-bearer-auth-redb".to_owned())
        .spawn(move || writer.run(calls))
        .map_err(|error| RedbStoreError::failed("written", redb::Error::Io(error)))?;
    Ok(sender)
}

impl Writer {
    fn run(mut self, mut calls: mpsc::Receiver<Call>) {
        let mut batch = Vec::new();
        while calls.blocking_recv_many(&mut batch, QUEUE) > 0 {
            self.answer(mem::take(&mut batch));
        }
    }

    fn answer(&mut self, batch: Vec<Call>) {
        let mut writes = Vec::new();
        let mut answers = Vec::new();
        let mut loads = Vec::new();
        for call in batch {
            match call {
                Call::FirstUse { id, keep, answer } => {
                    writes.push(Change::Proof { id, keep });
                    answers.push(answer);
                }
                Call::Append {
                    revocations,
                    answer,
                } => {
                    writes.push(Change::Append(revocations));
                    answers.push(answer);
                }
                Call::Load { answer } => loads.push(answer),
            }
        }
        if !writes.is_empty() {
            let results = self.write(&writes);
            for (index, answer) in answers.into_iter().enumerate() {
                // An error means that the caller has been dropped.
                let _ = answer.send(match &results {
                    Ok(results) => Ok(results[index]),
                    Err(error) => Err(error.clone()),
                });
            }
        }
        for answer in loads {
            let _ = answer.send(self.load());
        }
    }

    fn write(&mut self, writes: &[Change]) -> Result<Vec<bool>, RedbStoreError> {
        let now = self.now();
        let results = database::write(self.database()?, writes, now);
        match &results {
            Ok(_) => {
                for change in writes {
                    match change {
                        Change::Append(revocations) => self.changes.add(revocations),
                        Change::Proof { .. } => {}
                    }
                }
            }
            Err(_) => self.database = None,
        }
        results
    }

    fn load(&mut self) -> Result<Snapshot, RedbStoreError> {
        let now = self.now();
        let position = self.changes.position();
        let revocations = database::load(self.database()?, now);
        if revocations.is_err() {
            self.database = None;
        }
        Ok(Snapshot {
            revocations: revocations?,
            position,
        })
    }

    /// The file, which is opened if it is not.
    fn database(&mut self) -> Result<&Database, RedbStoreError> {
        if self.database.is_none() {
            let opened = Database::builder()
                .set_cache_size(CACHE)
                .create(&self.path)
                .map_err(|error| RedbStoreError::open(&self.path, error))?;
            self.database = Some(opened);
        }
        self.database
            .as_ref()
            .ok_or_else(|| RedbStoreError::new("the file of the store is closed"))
    }

    /// The time since 1970, which a restart does not change.
    fn now(&self) -> Duration {
        let now = self.clock.now();
        now.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
