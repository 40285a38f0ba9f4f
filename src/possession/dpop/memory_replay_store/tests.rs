use std::sync::Barrier;
use std::time::SystemTime;

use super::*;

mod model;

fn digest(of: impl std::hash::Hash) -> [u8; 32] {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut digest = [0; 32];
    for (part, bytes) in digest.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (part, &of).hash(&mut hasher);
        bytes.copy_from_slice(&hasher.finish().to_ne_bytes());
    }
    digest
}

/// A proof with this number, of a key of a client.
fn proof(client: u32, key: u32, number: u32) -> ProofId {
    ProofId::new(
        digest((client, key, number)),
        digest(client),
        digest((client, key)),
    )
}

const KEEP: Duration = Duration::from_secs(60);
const LITTLE: Duration = Duration::from_millis(1);

fn manual() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn store(capacity: usize) -> (MemoryReplayStore, Clock) {
    let clock = manual();
    (MemoryReplayStore::new(capacity).clock(clock.clone()), clock)
}

#[track_caller]
fn message(result: Result<bool, BoxError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_proof_is_used_once_until_its_time_has_ended() {
    let (store, clock) = store(100);
    let clone = store.clone();
    assert!(store.first_use_now(&proof(1, 1, 1), KEEP).unwrap());
    assert!(!clone.first_use_now(&proof(1, 1, 1), KEEP).unwrap());
    assert!(clone.first_use_now(&proof(1, 1, 2), KEEP).unwrap());
    assert!(clone.first_use_now(&proof(1, 2, 1), KEEP).unwrap());
    assert!(clone.first_use_now(&proof(2, 1, 1), KEEP).unwrap());
    assert_eq!((store.len(), store.is_empty()), (4, false));

    clock.advance(KEEP - LITTLE);
    assert!(!store.first_use_now(&proof(1, 1, 1), KEEP).unwrap());
    clock.advance(Duration::from_secs(1) + LITTLE);
    assert_eq!((store.len(), store.is_empty()), (0, true));
    assert!(store.first_use_now(&proof(1, 1, 1), KEEP).unwrap());
}

#[test]
fn a_clock_that_is_set_back_and_a_long_time_to_keep_forget_no_proof() {
    let (store, clock) = store(100);
    for (number, keep) in [(1, KEEP), (2, Duration::MAX), (3, Duration::ZERO)] {
        assert!(store.first_use_now(&proof(1, 1, number), keep).unwrap());
        assert!(!store.first_use_now(&proof(1, 1, number), keep).unwrap());
    }
    clock.set(SystemTime::UNIX_EPOCH);
    for number in 1..=3 {
        assert!(!store.first_use_now(&proof(1, 1, number), KEEP).unwrap());
    }
    clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000));
    assert_eq!(store.len(), 1);
    assert!(!store.first_use_now(&proof(1, 1, 2), KEEP).unwrap());
}

#[test]
fn a_client_at_its_bound_gets_an_error_and_the_others_pass() {
    let (store, clock) = store(100);
    let store = store.max_per_client(5).max_per_key(3);
    let used = |client, key, number| store.first_use_now(&proof(client, key, number), KEEP);
    for number in 0..3 {
        assert!(used(1, 1, number).unwrap());
    }
    let key_is_full = "the memory of used proofs has 3 proofs of this key, which is its maximum";
    assert_eq!(message(used(1, 1, 3)), key_is_full);
    assert!(used(1, 2, 0).unwrap());
    clock.advance(Duration::from_secs(1));
    assert!(used(1, 2, 1).unwrap());
    let client_is_full =
        "the memory of used proofs has 5 proofs of this client, which is its maximum";
    for key in [1, 2, 3] {
        assert_eq!(message(used(1, key, 9)), client_is_full);
    }
    // A replay is one, even of a client at its bound.
    assert!(!used(1, 1, 0).unwrap());
    for client in 2..20 {
        assert!(used(client, 1, 0).unwrap());
    }
    clock.advance(KEEP);
    for number in 10..13 {
        assert!(used(1, 1, number).unwrap());
    }
    assert_eq!(message(used(1, 1, 13)), key_is_full);
}

#[test]
fn a_full_store_is_an_error_and_forgets_no_proof() {
    let (store, clock) = store(50);
    for client in 0..50 {
        assert!(store.first_use_now(&proof(client, 0, 0), KEEP).unwrap());
    }
    let full = "the memory of used proofs is full, with 50 proofs of all clients";
    for client in 50..100 {
        assert_eq!(
            message(store.first_use_now(&proof(client, 0, 0), KEEP)),
            full
        );
    }
    for client in 0..50 {
        assert!(!store.first_use_now(&proof(client, 0, 0), KEEP).unwrap());
    }
    clock.advance(KEEP + Duration::from_secs(1));
    // The ended proofs of all shards make room at once.
    for client in 100..150 {
        assert!(store.first_use_now(&proof(client, 0, 0), KEEP).unwrap());
    }
    assert_eq!(store.len(), 50);
}

#[test]
fn the_defaults_let_a_client_send_a_thousand_requests_per_second() {
    let limits = MemoryReplayStore::default().memory.limits;
    assert_eq!(limits.capacity, 1_000_000);
    assert_eq!(limits.per_client(), 125_000);
    assert_eq!(limits.per_key(), 100_000);
    let small = MemoryReplayStore::new(1).memory.limits;
    assert_eq!((small.per_client(), small.per_key()), (1, 1));
}

#[test]
fn one_of_twenty_threads_with_the_same_proof_passes() {
    let store = MemoryReplayStore::new(10_000);
    let start = Barrier::new(20);
    for number in 0..50 {
        let passed: usize = std::thread::scope(|scope| {
            let one = || {
                start.wait();
                usize::from(store.first_use_now(&proof(1, 1, number), KEEP).unwrap())
            };
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(passed, 1);
    }
    assert_eq!(store.len(), 50);
}

#[test]
fn the_bounds_hold_while_threads_compete() {
    let store = MemoryReplayStore::new(1_000).max_per_client(90);
    let recorded: usize = std::thread::scope(|scope| {
        let one = |thread: u32| {
            let store = &store;
            move || {
                let of = |client| (0..200).map(move |number| proof(client, thread, number));
                let used = (0..20).flat_map(of).map(|p| store.first_use_now(&p, KEEP));
                used.filter(|first_use| matches!(first_use, Ok(true)))
                    .count()
            }
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(one(thread))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!((recorded, store.len()), (1_000, 1_000));
    let shards = store.memory.shards.get().unwrap();
    for client in 0..20 {
        let record = shards.record(&proof(client, 0, 0));
        let shard = shards.lock(shards.of_client(record.client));
        assert!(shard.count(&record.client) <= 90);
    }
}

#[test]
fn proofs_of_clients_that_went_away_are_removed_while_other_requests_come() {
    let (store, clock) = store(100_000);
    for client in 0..100_000 {
        store.first_use_now(&proof(client, 0, 0), KEEP).unwrap();
    }
    let full = allocated(&store);
    clock.advance(KEEP * 2);
    for number in 0..5_000 {
        store.first_use_now(&proof(1, 1, number), KEEP).unwrap();
    }
    assert_eq!(store.memory.total.load(Ordering::Relaxed), 5_000);
    assert!(allocated(&store) < full / 4);
}

#[test]
fn nothing_is_allocated_before_the_first_proof() {
    let store = MemoryReplayStore::default();
    assert!(store.is_empty());
    assert!(store.memory.shards.get().is_none());
}

#[test]
fn the_debug_output_has_sizes_only() {
    let (store, _) = store(100);
    store.first_use_now(&proof(1, 1, 1), KEEP).unwrap();
    assert_eq!(
        format!("{store:?}"),
        "MemoryReplayStore { proofs: 1, capacity: 100, max_per_client: 13, max_per_key: 10 }"
    );
}

fn allocated(store: &MemoryReplayStore) -> usize {
    let shards = store.memory.shards.get().unwrap();
    (0..SHARDS)
        .map(|index| shards.lock(index).allocated())
        .sum()
}

/// DHAT shows the same number of bytes as `Shard::allocated` computes. The most is that of a table that has just
/// doubled.
#[test]
fn a_proof_takes_120_bytes_at_most() {
    let bytes = |number: u32| digest(number);
    let tag = |number: u32| -> Tag { *bytes(number).first_chunk().unwrap() };
    for (kind, most) in [("a client per proof", 120), ("one client", 60)] {
        let mut shard = Shard::default();
        for number in 0..20_000_u32 {
            let owner = if most == 60 { 0 } else { number };
            let record = Record {
                id: *bytes(number).first_chunk().unwrap(),
                client: tag(owner),
                key: tag(owner + 1_000_000),
            };
            // The proofs of a minute.
            shard.insert(record, u64::from(number % 60));
            if number >= 5_000 && number % 32 == 0 {
                let per_proof = shard.allocated() / (number as usize + 1);
                assert!(per_proof <= most, "{kind}: {per_proof} with {number}");
            }
        }
    }
}

/// Counts the events of one target.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target() == POSSESSION {
            assert_eq!(*event.metadata().level(), tracing::Level::WARN);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_warning_comes_at_eighty_percent_and_again_after_the_store_was_below_sixty() {
    use tracing_subscriber::layer::SubscriberExt;

    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    let _recording = tracing::subscriber::set_default(subscriber);
    let (store, clock) = store(100);
    let fill = |from: u32, to: u32, keep| {
        for client in from..to {
            store.first_use_now(&proof(client, 0, 0), keep).unwrap();
        }
        (store.len(), warnings.0.load(Ordering::Relaxed))
    };
    let (short, long) = (KEEP, KEEP * 10);
    let second = Duration::from_secs(1);
    assert_eq!(fill(0, 59, long), (59, 0));
    assert_eq!(fill(59, 79, short), (79, 0));
    assert_eq!(fill(79, 80, short), (80, 1));
    assert_eq!(fill(80, 100, short), (100, 1));
    clock.advance(short + second);
    // 60 and 61 are not below 60.
    assert_eq!(fill(100, 102, short), (61, 1));
    assert_eq!(fill(102, 141, short), (100, 1));
    clock.advance(long);
    assert!(store.is_empty());
    assert_eq!(fill(200, 279, short), (79, 1));
    assert_eq!(fill(279, 300, short), (100, 2));
}

#[cfg(feature = "metrics")]
#[test]
fn the_gauge_shows_the_proofs_of_all_stores() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let shown = || {
        let samples = handle.render();
        let sample = "bearer_auth_replay_memory_proofs ";
        let sample = samples.lines().find_map(|line| line.strip_prefix(sample));
        sample.map(str::to_owned)
    };
    metrics::with_local_recorder(&recorder, || {
        let ((one, clock), (other, _)) = (store(100), store(100));
        for client in 0..5 {
            one.first_use_now(&proof(client, 0, 0), KEEP).unwrap();
            other.first_use_now(&proof(client, 0, 0), KEEP).unwrap();
        }
        one.first_use_now(&proof(0, 0, 0), KEEP).unwrap();
        assert_eq!(shown().as_deref(), Some("10"));
        clock.advance(KEEP * 2);
        assert_eq!(one.len(), 0);
        assert_eq!(shown().as_deref(), Some("5"));
        drop(other);
        assert_eq!(shown().as_deref(), Some("0"));
    });
}
