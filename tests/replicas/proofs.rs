//! A proof is accepted once, by whichever replica.

use std::time::Instant;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use crate::support::{Gateway, Outcome};

/// How many proofs are on their way at once.
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_is_sent_to_all_replicas_at_once_is_accepted_once() {
    send_proofs(4_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes more than a minute; see main.rs"]
async fn complete_a_proof_that_is_sent_to_all_replicas_at_once_is_accepted_once() {
    send_proofs(20_000).await;
}

async fn send_proofs(count: usize) {
    let Some(gateway) = Gateway::start().await else {
        return;
    };
    let caller = gateway.bound("alice");
    let began = Instant::now();
    let sent = stream::iter(0..count).map(async |_| {
        let proof = caller.proof();
        let replicas = gateway.replicas.iter();
        join_all(replicas.map(|replica| replica.whoami_with(&caller, proof.as_deref()))).await
    });
    let mut answered = sent.buffer_unordered(AT_ONCE);
    let mut accepted = [0; 3];
    while let Some(outcomes) = answered.next().await {
        let passed = outcomes
            .iter()
            .position(|outcome| *outcome == Outcome::Passed);
        accepted[passed.unwrap_or_else(|| panic!("{outcomes:?}"))] += 1;
        let replayed = outcomes
            .iter()
            .filter(|outcome| **outcome == Outcome::Replayed);
        assert_eq!(replayed.count(), 2, "{outcomes:?}");
    }
    let took = began.elapsed();
    let rate = (3 * count) as f64 / took.as_secs_f64();
    println!("{count} proofs: {took:.1?}, {rate:.0} requests per second, accepted: {accepted:?}");
}
