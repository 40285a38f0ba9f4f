use std::mem::size_of;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::revocation::entry::ALL_TOKENS;

fn id(number: u32) -> RevocationId {
    let kind = RevocationKind::ALL[number as usize % 4];
    RevocationId::new(kind, "https://issuer.example.com", &number.to_string())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[derive(Debug, Clone)]
enum Step {
    Add(u32, u64, u64),
    Look(u32, Option<u64>),
    Wait(u64),
    SweepOne,
    SweepAll,
}

fn step() -> impl Strategy<Value = Step> {
    let issued_at = prop_oneof![1 => Just(None), 4 => (0..60_u64).prop_map(Some)];
    prop_oneof![
        4 => (0..50_u32, 0..60_u64, 0..40_u64).prop_map(|(id, cutoff, keep)| Step::Add(id, cutoff, keep)),
        4 => (0..60_u32, issued_at).prop_map(|(id, issued_at)| Step::Look(id, issued_at)),
        1 => (0..10_u64).prop_map(Step::Wait),
        1 => Just(Step::SweepOne),
        1 => Just(Step::SweepAll),
    ]
}

proptest! {
    #[test]
    fn it_answers_as_a_plain_map(steps in proptest::collection::vec(step(), 1..300)) {
        let table = Table::default();
        let mut plain: HashMap<u32, (u64, u64)> = HashMap::new();
        let (mut now, mut length) = (1_000, 0);
        for step in steps {
            match step {
                Step::Add(number, cutoff, keep) => {
                    let revocation = Revocation { id: id(number), cutoff: cutoff * 1_000, ends_at: now + keep };
                    length += table.add(revocation, seconds(now));
                    let (old_cutoff, old_end) = plain.get(&number).copied().unwrap_or_default();
                    let known = match old_end > now {
                        true => (old_cutoff.max(cutoff), old_end.max(now + keep)),
                        false => (cutoff, now + keep),
                    };
                    if keep > 0 {
                        plain.insert(number, known);
                    }
                }
                Step::Look(number, issued_at) => {
                    let clock = EndClock::new(Clock::manual(UNIX_EPOCH + seconds(now)));
                    let found = table.revokes(&id(number), issued_at.map(seconds), &clock);
                    let expected = plain.get(&number).is_some_and(|(cutoff, ends_at)| {
                        *ends_at > now && issued_at.is_none_or(|at| at <= *cutoff)
                    });
                    prop_assert_eq!(found, expected);
                }
                Step::Wait(time) => now += time,
                Step::SweepOne => length += table.sweep_one(seconds(now)),
                Step::SweepAll => {
                    length += table.sweep_all(seconds(now));
                    let live = plain.values().filter(|(_, ends_at)| *ends_at > now).count();
                    prop_assert_eq!(table.len(), live);
                }
            }
            prop_assert_eq!(table.len() as isize, length);
            let live = plain.values().filter(|(_, ends_at)| *ends_at > now).count();
            prop_assert_eq!(table.live(seconds(now)).len(), live);
        }
    }
}

#[test]
fn a_revocation_takes_at_most_120_bytes_and_gives_them_back() {
    let table = Table::default();
    let bytes = || {
        let buckets = |shard: &RwLock<Shard>| read(shard).revocations.capacity() * 8 / 7;
        let buckets: usize = table.shards.iter().map(buckets).sum();
        buckets * (size_of::<(RevocationId, Ends)>() + 1)
    };
    for number in 0..200_000 {
        let revocation = Revocation {
            id: id(number),
            cutoff: ALL_TOKENS,
            ends_at: 100,
        };
        table.add(revocation, seconds(0));
        if number > 20_000 && number % 1_000 == 0 {
            let each = bytes() / table.len();
            assert!(each <= 120, "{each} bytes at {number}");
        }
    }
    assert_eq!(table.len(), 200_000);
    // What has ended makes room for what is added, without a sweep of everything.
    for number in 200_000..400_000 {
        let revocation = Revocation {
            id: id(number),
            cutoff: ALL_TOKENS,
            ends_at: 1_000,
        };
        table.add(revocation, seconds(100));
    }
    assert!(table.len() < 300_000, "{}", table.len());
    // One shard in a second.
    for second in 0..SHARDS as u64 {
        table.sweep_one(seconds(1_000 + second));
        table.sweep_one(seconds(1_000 + second));
    }
    assert_eq!(table.len(), 0);
    assert!(bytes() < 2_000_000, "{}", bytes());
}
