//! The store gives the answers of a plain map, for any sequence of uses.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Use {
        client: u32,
        key: u32,
        number: u32,
        keep: Duration,
    },
    Wait(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    let keep = (0..20_000_u64).prop_map(Duration::from_millis);
    let wait = (0..3_000_u64).prop_map(Duration::from_millis);
    prop_oneof![
        // The first client, key and number are busier than the others.
        8 => (busy(12), busy(3), busy(30), keep).prop_map(|(client, key, number, keep)| Step::Use { client, key, number, keep }),
        1 => wait.prop_map(Step::Wait),
    ]
}

fn busy(many: u32) -> impl Strategy<Value = u32> {
    prop_oneof![1 => Just(0), 3 => 0..many]
}

#[derive(Debug, Clone, Copy)]
struct Known {
    client: u32,
    key: u32,
    ends: Duration,
}

impl Known {
    /// A proof is removed at the end of the second in which it ends.
    fn is_removed(&self, now: Duration) -> bool {
        now.as_secs() > self.ends.as_secs()
    }
}

proptest! {
    #[test]
    fn the_answers_are_those_of_a_plain_map(steps in proptest::collection::vec(step(), 1..400)) {
        const CAPACITY: usize = 40;
        const PER_CLIENT: usize = 15;
        const PER_KEY: usize = 8;
        let (store, clock) = store(CAPACITY);
        let store = store.max_per_client(PER_CLIENT).max_per_key(PER_KEY);
        let mut known: HashMap<(u32, u32, u32), Known> = HashMap::new();
        for step in steps {
            let now = clock.monotonic();
            known.retain(|_, proof| !proof.is_removed(now));
            match step {
                Step::Wait(time) => clock.advance(time),
                Step::Use { client, key, number, keep } => {
                    let first_use = store.first_use_now(&proof(client, key, number), keep);
                    let first_use = first_use.map_err(|error| *error.downcast::<Full>().unwrap());
                    let of_client = known.values().filter(|known| known.client == client);
                    let of_key = of_client.clone().filter(|known| known.key == key);
                    let expected = if known.contains_key(&(client, key, number)) {
                        Ok(false)
                    } else if of_client.count() >= PER_CLIENT {
                        Err(Full::Client(PER_CLIENT))
                    } else if of_key.count() >= PER_KEY {
                        Err(Full::Key(PER_KEY))
                    } else if known.len() >= CAPACITY {
                        Err(Full::All(CAPACITY))
                    } else {
                        Ok(true)
                    };
                    prop_assert_eq!(first_use, expected);
                    if expected == Ok(true) {
                        let ends = now + keep;
                        known.insert((client, key, number), Known { client, key, ends });
                    }
                }
            }
            prop_assert!(store.memory.total.load(Ordering::Relaxed) <= CAPACITY);
        }
        let now = clock.monotonic();
        known.retain(|_, proof| !proof.is_removed(now));
        prop_assert_eq!(store.len(), known.len());
        // Nothing is left of proofs that have ended.
        clock.advance(Duration::from_secs(60));
        prop_assert!(store.is_empty());
        let shards = store.memory.shards.get();
        for index in 0..shards.map_or(0, |_| SHARDS) {
            prop_assert!(shards.unwrap().lock(index).is_empty());
        }
    }
}
