//! What was acknowledged is on the disk.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::{env, io};

use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::RevocationStore;
use tower_bearer_auth_stores::RedbStore;

use crate::support::{HOUR, child_test, revocation};

/// The file of the child process.
const FILE: &str = "STORE_OF_THE_CHILD";

const CHILD: &str = "redb::durability::the_child_process_writes_until_it_is_killed";

#[tokio::test]
async fn what_was_acknowledged_survives_that_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    for round in 0..3 {
        let number = kill_after_acknowledgements(&path, 20 * (round + 1));
        let store = RedbStore::open(&path).unwrap();
        let revocations = store.load().await.unwrap().revocations;
        for number in 0..=number {
            let digest = number.to_be_bytes();
            let is_known = revocations
                .iter()
                .any(|known| known.to_bytes()[1..9] == digest);
            assert!(is_known, "revocation {number} is lost");
            let proof = ProofId::for_testing(&number.to_string());
            assert!(
                !store.first_use(&proof, HOUR).await.unwrap(),
                "proof {number} is lost"
            );
        }
        drop(store);
        let closed = async || RedbStore::open(&path).ok();
        drop(crate::support::eventually("it is closed", closed).await);
    }
}

/// Runs the child and kills it after this number of acknowledgements. Returns the last one that it printed.
fn kill_after_acknowledgements(path: &Path, number: u64) -> u64 {
    let mut child = child_test(CHILD, "")
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = |line: io::Result<String>| -> Option<u64> {
        line.unwrap().strip_prefix("acknowledged ")?.parse().ok()
    };
    let last = lines.by_ref().filter_map(told).find(|told| *told >= number);
    child.kill().unwrap();
    // What it printed before it was killed.
    let last = lines.filter_map(told).last().or(last);
    child.wait().unwrap();
    last.expect("it has told something")
}

#[tokio::test]
#[ignore = "the child of another test"]
async fn the_child_process_writes_until_it_is_killed() {
    let Some(path) = env::var_os(FILE) else {
        return;
    };
    let path = Path::new(&path);
    let (store, _) =
        crate::support::eventually("it is free", async || RedbStore::open(path).ok()).await;
    for number in 0.. {
        let proof = ProofId::for_testing(&number.to_string());
        // A later round has the file of an earlier one.
        let _ = store.first_use(&proof, HOUR).await.unwrap();
        store.append(&[revocation(number, HOUR)]).await.unwrap();
        writeln!(io::stdout(), "acknowledged {number}").unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    // Files of up to 4 MiB. A write beyond is an error, and not a signal.
    let output = child_test(CHILD_WITH_FULL_DISK, "trap '' XFSZ; ulimit -f 8192;")
        .env(FILE, &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let acknowledged = text
        .lines()
        .find_map(|line| line.strip_prefix("acknowledged "));
    let acknowledged: usize = acknowledged
        .unwrap_or_else(|| panic!("{text}"))
        .parse()
        .unwrap();
    assert!(acknowledged > 0);
    let store = RedbStore::open(&path).unwrap();
    let revocations = store.load().await.unwrap().revocations;
    // Some of the last batch may be there too.
    assert!(revocations.len() >= acknowledged);
}

const CHILD_WITH_FULL_DISK: &str = "redb::durability::the_child_process_fills_the_disk";

#[tokio::test]
#[ignore = "the child of another test"]
async fn the_child_process_fills_the_disk() {
    let Some(path) = env::var_os(FILE) else {
        return;
    };
    let store = RedbStore::open(&path).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        let batch: Vec<_> = (acknowledged..acknowledged + 1_000)
            .map(|number| revocation(number, HOUR))
            .collect();
        match store.append(&batch).await {
            Ok(()) => acknowledged += 1_000,
            Err(error) => break error,
        }
        assert!(acknowledged < 1_000_000, "the disk is never full");
    };
    assert_eq!(error.to_string(), "the file of the store cannot be written");
    // What was acknowledged can still be read, and a proof is never accepted twice.
    let loaded = store.load().await.unwrap().revocations.len() as u64;
    assert!(loaded >= acknowledged);
    let mut accepted = 0;
    for _ in 0..3 {
        let is_first = store.first_use(&ProofId::for_testing("proof"), HOUR).await;
        accepted += u32::from(is_first.is_ok_and(|is_first| is_first));
    }
    assert!(accepted <= 1);
    writeln!(io::stdout(), "acknowledged {acknowledged}").unwrap();
}
