use std::time::Instant;

use futures_util::stream::{self, StreamExt};
use tower_bearer_auth::possession::{ProofId, ReplayStore};

use crate::support::HOUR;
use crate::support::redis_server::with_servers;

/// The proofs of replicas: each is sent to all of them at once.
#[tokio::test(flavor = "multi_thread")]
async fn each_of_20_000_proofs_that_three_stores_get_at_once_is_accepted_once() {
    with_servers(&[], async |server| {
        let stores = [server.store(), server.store(), server.store()];
        let stores = &stores;
        let accepted = stream::iter(0..20_000).map(async |number| {
            let proof = ProofId::for_testing(&format!("proof {number}"));
            let [one, two, three] = stores;
            let (one, two, three) = tokio::join!(
                one.first_use(&proof, HOUR),
                two.first_use(&proof, HOUR),
                three.first_use(&proof, HOUR)
            );
            [one, two, three]
                .map(|is_first| usize::from(is_first.unwrap()))
                .iter()
                .sum::<usize>()
        });
        let began = Instant::now();
        let accepted: Vec<usize> = accepted.buffer_unordered(200).collect().await;
        println!("60 000 calls took {:?}", began.elapsed());
        assert_eq!(accepted.len(), 20_000);
        assert!(accepted.iter().all(|&accepted| accepted == 1));
    })
    .await;
}

#[tokio::test]
async fn stores_with_different_prefixes_are_separate() {
    with_servers(&[], async |server| {
        let proof = ProofId::for_testing("proof");
        let other = server.store().key_prefix("other");
        assert!(server.store().first_use(&proof, HOUR).await.unwrap());
        assert!(other.first_use(&proof, HOUR).await.unwrap());
        assert!(!other.first_use(&proof, HOUR).await.unwrap());
    })
    .await;
}
