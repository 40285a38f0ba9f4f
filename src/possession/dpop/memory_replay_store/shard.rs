//! The proofs of some clients: a set of IDs, the order in which they end, and counts per client and key.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The first 12 bytes of a proof's ID, to save memory.
///
/// A collision never lets a replay pass: it refuses a new proof. Two of a million remembered proofs collide by chance
/// once in 10¹⁷ cases. An attacker would have to compute 2⁹⁶ digests for one.
pub(super) type ShortId = [u8; 12];

/// Identifies a client, or a key of a client: 48 bits of a SipHash with a secret of the store. Two clients with the
/// same tag would share a bound. The hash has a secret key, so a client cannot search for an identity with the tag of
/// another client. By chance, two clients have the same tag once in 10¹⁴ cases.
pub(super) type Tag = [u8; 6];

/// A `u32` in bytes, which need no padding behind a [`Tag`].
type Count = [u8; 4];

/// The second of a monotonic clock at which a proof is removed.
pub(super) type Second = u64;

/// One of the parts of a store, each behind a lock of its own. All proofs of a client are in the same shard.
#[derive(Default)]
pub(super) struct Shard {
    ids: HashSet<ShortId>,
    /// The number of proofs by client, and by key of a client.
    counts: HashMap<Tag, Count>,
    by_end: BTreeMap<Second, Records>,
}

/// What a removal needs. 24 bytes, without padding.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) id: ShortId,
    pub(super) client: Tag,
    pub(super) key: Tag,
}

/// The records that end in the same second, in blocks, since a single growing vector is up to half empty.
#[derive(Default)]
struct Records {
    blocks: Vec<Vec<Record>>,
}

const BLOCK: usize = 32;

impl Records {
    fn push(&mut self, record: Record) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(record),
            Some(_) => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(record);
                self.blocks.push(block);
            }
            // Grows as it needs to: most seconds of a quiet server have few records.
            None => self.blocks.push(vec![record]),
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn pop(&mut self) -> Option<Record> {
        let block = self.blocks.last_mut()?;
        let record = block.pop();
        if block.is_empty() {
            self.blocks.pop();
        }
        record
    }
}

impl Shard {
    pub(super) fn contains(&self, id: &ShortId) -> bool {
        self.ids.contains(id)
    }

    /// The number of proofs of a client, or of a key of a client.
    pub(super) fn count(&self, tag: &Tag) -> usize {
        let count = self.counts.get(tag);
        count.map_or(0, |count| u32::from_ne_bytes(*count) as usize)
    }

    pub(super) fn insert(&mut self, record: Record, end: Second) {
        self.ids.insert(record.id);
        for tag in [record.client, record.key] {
            let count = self.counts.entry(tag).or_default();
            *count = (u32::from_ne_bytes(*count) + 1).to_ne_bytes();
        }
        self.by_end.entry(end).or_default().push(record);
    }

    /// Removes up to `max` proofs that have ended. Returns the number of removed proofs.
    pub(super) fn remove_ended(&mut self, now: Second, max: usize) -> usize {
        let mut removed = 0;
        while removed < max
            && let Some(mut first) = self.by_end.first_entry()
            && *first.key() <= now
        {
            let Some(record) = first.get_mut().pop() else {
                first.remove();
                continue;
            };
            self.ids.remove(&record.id);
            for tag in [record.client, record.key] {
                self.subtract(tag);
            }
            removed += 1;
        }
        if removed > 0 {
            self.shrink();
        }
        removed
    }

    fn subtract(&mut self, tag: Tag) {
        if let Entry::Occupied(mut count) = self.counts.entry(tag) {
            match u32::from_ne_bytes(*count.get()) {
                0 | 1 => drop(count.remove()),
                many => *count.get_mut() = (many - 1).to_ne_bytes(),
            }
        }
    }

    /// Frees memory after a peak. Each call that moves entries has few to move.
    fn shrink(&mut self) {
        if is_sparse(self.ids.len(), self.ids.capacity()) {
            self.ids.shrink_to(self.ids.len() * 2);
        }
        if is_sparse(self.counts.len(), self.counts.capacity()) {
            self.counts.shrink_to(self.counts.len() * 2);
        }
    }
}

fn is_sparse(len: usize, capacity: usize) -> bool {
    capacity > 1024 && len < capacity / 8
}

#[cfg(test)]
impl Shard {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.counts.is_empty() && self.by_end.values().all(Records::is_empty)
    }

    /// The allocated bytes, computed from capacities: a hash table has a power of two of buckets, of which it fills
    /// 7/8, and a byte of control per bucket.
    pub(super) fn allocated(&self) -> usize {
        let table = |capacity: usize, size: usize| match capacity {
            0 => 0,
            capacity => (capacity * 8 / 7).next_power_of_two() * (size + 1) + 16,
        };
        let blocks = |records: &Records| -> usize {
            let blocks = records.blocks.iter();
            let records_of = |block: &Vec<Record>| block.capacity() * size_of::<Record>();
            records.blocks.capacity() * size_of::<Vec<Record>>()
                + blocks.map(records_of).sum::<usize>()
        };
        // A node of the tree has 11 entries, and at least 5.
        let node = size_of::<(Second, Records)>() * 11 / 5 + 8;
        size_of::<Self>()
            + table(self.ids.capacity(), size_of::<ShortId>())
            + table(self.counts.capacity(), size_of::<(Tag, Count)>())
            + self
                .by_end
                .values()
                .map(|r| node + blocks(r))
                .sum::<usize>()
    }
}
