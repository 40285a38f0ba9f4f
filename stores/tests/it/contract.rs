//! What every store promises. See `ReplayStore` and `RevocationStore`.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::{Followed, Position, Revocation, RevocationStore};

use crate::support::{HOUR, eventually, revocation};

/// Checks everything with an empty store, of which there are two handles.
pub(crate) async fn check<S: ReplayStore + RevocationStore>(one: &S, two: &S) {
    a_proof_is_accepted_once(one, two).await;
    a_proof_is_kept_as_long_as_asked(one, two).await;
    a_new_store_is_empty(one).await;
    what_is_added_is_loaded_and_followed(one, two).await;
    a_revocation_that_is_added_again_changes_nothing(one, two).await;
    a_position_of_another_store_is_a_gap(one).await;
    ended_revocations_vanish(one, two).await;
    a_large_batch_is_added_at_once(one, two).await;
}

async fn a_proof_is_accepted_once<S: ReplayStore>(one: &S, two: &S) {
    let proofs: Vec<_> = (0..10)
        .map(|n| ProofId::for_testing(&format!("once {n}")))
        .collect();
    for proof in &proofs {
        let uses = (0..32).map(|n| if n % 2 == 0 { one } else { two });
        let answers = join_all(uses.map(|store| store.first_use(proof, HOUR))).await;
        let accepted = answers
            .into_iter()
            .map(Result::unwrap)
            .filter(|is_first| *is_first);
        assert_eq!(accepted.count(), 1);
    }
    for proof in &proofs {
        assert!(!two.first_use(proof, HOUR).await.unwrap());
    }
}

async fn a_proof_is_kept_as_long_as_asked<S: ReplayStore>(one: &S, two: &S) {
    let proof = ProofId::for_testing("kept");
    let keep = Duration::from_secs(1);
    let began = Instant::now();
    assert!(one.first_use(&proof, keep).await.unwrap());
    let again = async || two.first_use(&proof, keep).await.unwrap().then_some(());
    eventually("the proof is forgotten", again).await;
    assert!(began.elapsed() >= keep);
}

async fn a_new_store_is_empty<S: RevocationStore>(store: &S) {
    let snapshot = store.load().await.unwrap();
    assert_eq!(snapshot.revocations, []);
    // It answers without any change, in the time that `Revocations` allow.
    let followed = tokio::time::timeout(Duration::from_secs(5), store.follow(&snapshot.position));
    let (revocations, _) = changes(followed.await.unwrap().unwrap());
    assert_eq!(revocations, []);
    store.append(&[]).await.unwrap();
}

async fn what_is_added_is_loaded_and_followed<S: RevocationStore>(one: &S, two: &S) {
    let start = one.load().await.unwrap().position;
    let first = [revocation(1, HOUR), revocation(2, HOUR)];
    two.append(&first).await.unwrap();
    let (found, position) = follow_until(one, start.clone(), 2).await;
    assert_eq!(found, set(&first));

    // A call that already waits returns it too.
    let third = revocation(3, HOUR);
    let (followed, appended) = tokio::join!(follow_until(one, position, 1), async {
        two.append(&[third]).await
    });
    appended.unwrap();
    assert_eq!(followed.0, set(&[third]));

    // From an older position, all of it is returned.
    let (found, _) = follow_until(two, start, 3).await;
    assert_eq!(found.len(), 3);
    let snapshot = two.load().await.unwrap();
    assert_eq!(set(&snapshot.revocations), found);
}

async fn a_revocation_that_is_added_again_changes_nothing<S: RevocationStore>(one: &S, two: &S) {
    let before = set(&one.load().await.unwrap().revocations);
    let known: Vec<Revocation> = before.iter().copied().collect();
    two.append(&known).await.unwrap();
    two.append(&known[..1]).await.unwrap();
    assert_eq!(set(&one.load().await.unwrap().revocations), before);
}

async fn a_position_of_another_store_is_a_gap<S: RevocationStore>(store: &S) {
    for text in [
        "",
        "elsewhere",
        "0-0 elsewhere",
        "1 2 3",
        "99999999999999-0 0",
    ] {
        let followed = store.follow(&Position::new(text)).await.unwrap();
        assert!(matches!(followed, Followed::Gap), "{text}: {followed:?}");
    }
}

async fn ended_revocations_vanish<S: RevocationStore>(one: &S, two: &S) {
    let short = revocation(4, Duration::from_secs(2));
    let long = revocation(5, HOUR);
    one.append(&[short, long]).await.unwrap();
    let vanished = async || {
        let revocations = two.load().await.unwrap().revocations;
        assert!(revocations.contains(&long));
        (!revocations.contains(&short)).then_some(())
    };
    eventually("the revocation has ended", vanished).await;
    // Another one is added: the ended ones make no difference.
    one.append(&[revocation(6, HOUR)]).await.unwrap();
    assert_eq!(two.load().await.unwrap().revocations.len(), 5);
}

async fn a_large_batch_is_added_at_once<S: RevocationStore>(one: &S, two: &S) {
    let snapshot = one.load().await.unwrap();
    let many: Vec<Revocation> = (10_000..20_000).map(|n| revocation(n, HOUR)).collect();
    let began = Instant::now();
    two.append(&many).await.unwrap();
    println!("10 000 revocations were added in {:?}", began.elapsed());
    let (found, _) = follow_until(one, snapshot.position, many.len()).await;
    assert_eq!(found, set(&many));
    let loaded = set(&one.load().await.unwrap().revocations);
    assert_eq!(loaded.len(), snapshot.revocations.len() + many.len());
    assert!(loaded.is_superset(&found));
}

/// Follows until this number of different revocations has arrived.
pub(crate) async fn follow_until(
    store: &impl RevocationStore,
    mut position: Position,
    number: usize,
) -> (HashSet<Revocation>, Position) {
    let mut found = HashSet::new();
    let began = Instant::now();
    while found.len() < number {
        assert!(
            began.elapsed() < crate::support::DEADLINE,
            "{} arrived",
            found.len()
        );
        let (revocations, next) = changes(store.follow(&position).await.unwrap());
        found.extend(revocations);
        position = next;
    }
    (found, position)
}

pub(crate) fn changes(followed: Followed) -> (Vec<Revocation>, Position) {
    match followed {
        Followed::Changes {
            revocations,
            position,
        } => (revocations, position),
        Followed::Gap => panic!("there is a gap"),
    }
}

pub(crate) fn set(revocations: &[Revocation]) -> HashSet<Revocation> {
    revocations.iter().copied().collect()
}
