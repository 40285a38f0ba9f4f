//! The file.

mod durability;

use std::time::Duration;

use redb::{Key, Value};
use tower_bearer_auth::Clock;
use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::{Followed, RevocationStore};
use tower_bearer_auth_stores::RedbStore;

use crate::contract;
use crate::support::{HOUR, eventually, revocation};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path().join("store.redb")).unwrap();
    contract::check(&store, &store.clone()).await;
}

#[tokio::test]
async fn a_second_opener_gets_an_error_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = RedbStore::open(&path).unwrap();
    let error = RedbStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("is open already"), "{error}");
    // The first one is not disturbed.
    store.append(&[revocation(1, HOUR)]).await.unwrap();
    drop(store);
    let (store, _) = eventually("it is closed", async || RedbStore::open(&path).ok()).await;
    assert_eq!(store.load().await.unwrap().revocations.len(), 1);
}

#[tokio::test]
async fn a_position_of_an_earlier_opening_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = RedbStore::open(&path).unwrap();
    let position = store.load().await.unwrap().position;
    drop(store);
    let (store, _) = eventually("it is closed", async || RedbStore::open(&path).ok()).await;
    let followed = store.follow(&position).await.unwrap();
    assert!(matches!(followed, Followed::Gap));
}

#[tokio::test]
async fn a_follower_that_is_too_far_behind_has_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path().join("store.redb")).unwrap();
    let position = store.load().await.unwrap().position;
    let many: Vec<_> = (0..10_001).map(|n| revocation(n, HOUR)).collect();
    store.append(&many).await.unwrap();
    assert!(matches!(
        store.follow(&position).await.unwrap(),
        Followed::Gap
    ));
}

#[test]
fn what_is_no_such_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    assert!(RedbStore::open(folder.path().join("missing/store.redb")).is_err());
    assert!(RedbStore::open(folder.path()).is_err());
    std::fs::write(
        &path,
        "something else, which is no file of redb".repeat(1_000),
    )
    .unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert!(
        error.to_string().contains("cannot be opened as a store"),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

/// A store whose file has something in this table.
fn store_with<K: Key + 'static, V: Value + 'static>(
    table: &str,
    insert: impl Fn(&mut redb::Table<'_, K, V>),
) -> (RedbStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    insert(
        &mut transaction
            .open_table(redb::TableDefinition::new(table))
            .unwrap(),
    );
    transaction.commit().unwrap();
    drop(database);
    (RedbStore::open(&path).unwrap(), folder)
}

#[tokio::test]
async fn malformed_data_in_the_file_is_an_error_and_not_skipped() {
    let malformed = [9; 33];
    let (store, _folder) = store_with::<(u64, &[u8; 33]), ()>("revocations", |table| {
        table.insert((u64::MAX, &malformed), ()).unwrap();
    });
    let error = store.load().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file of the store contains a malformed revocation"
    );

    // Tables of other types.
    let (store, _folder) = store_with::<&str, &str>("revocations", |table| {
        table.insert("a", "b").unwrap();
    });
    assert!(store.load().await.is_err());
    assert!(store.append(&[revocation(1, HOUR)]).await.is_err());
    let (store, _folder) = store_with::<&str, &str>("proofs", |table| {
        table.insert("a", "b").unwrap();
    });
    let proof = ProofId::for_testing("proof");
    assert!(store.first_use(&proof, HOUR).await.is_err());
}

/// The clock decides when entries end, and the file does not grow with those that have ended.
#[tokio::test]
async fn the_file_does_not_grow_with_what_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let clock = Clock::manual(Clock::system().now());
    let store = RedbStore::open_with_clock(&path, clock.clone()).unwrap();
    let mut sizes = Vec::new();
    for round in 0..6 {
        let proofs: Vec<_> = (0..2_000)
            .map(|n| ProofId::for_testing(&format!("{round} {n}")))
            .collect();
        let keep = Duration::from_secs(65);
        let uses = proofs.iter().map(|proof| store.first_use(proof, keep));
        let answers = futures_util::future::join_all(uses).await;
        assert!(answers.into_iter().all(Result::unwrap));
        assert!(!store.first_use(&proofs[0], keep).await.unwrap());
        clock.advance(Duration::from_secs(66));
        sizes.push(std::fs::metadata(&path).unwrap().len());
    }
    assert!(sizes[5] <= 2 * sizes[1], "{sizes:?}");
}

/// Calls that wait at the same time share a transaction, and the runtime goes on meanwhile.
#[tokio::test]
async fn proofs_of_many_connections_share_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path().join("store.redb")).unwrap();
    let began = std::time::Instant::now();
    let connections = (0..200).map(async |connection| {
        for number in 0..10 {
            let proof = ProofId::for_testing(&format!("{connection} {number}"));
            assert!(store.first_use(&proof, HOUR).await.unwrap());
        }
    });
    futures_util::future::join_all(connections).await;
    println!("2 000 proofs on 200 connections took {:?}", began.elapsed());
    let began = std::time::Instant::now();
    for number in 0..100 {
        let proof = ProofId::for_testing(&format!("alone {number}"));
        assert!(store.first_use(&proof, HOUR).await.unwrap());
    }
    println!(
        "100 proofs, one after the other, took {:?}",
        began.elapsed()
    );
}
