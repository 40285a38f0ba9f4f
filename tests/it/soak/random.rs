//! A random generator with the same output for the same seed (SplitMix64).

#[derive(Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The generator of one client in one round.
    pub(super) fn new(seed: u64, round: usize, caller: usize) -> Self {
        let mut random = Self(seed);
        random.0 ^= (round as u64) << 32 | caller as u64;
        // Mixes the seed, so that similar seeds give independent sequences.
        random.0 = random.next();
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        match of.len() {
            0 => None,
            length => of.get(self.below(length)),
        }
    }

    /// A new text of this many characters. They need no escaping in base64url, JSON and headers.
    pub(super) fn text(&mut self, length: usize) -> String {
        let mut text = format!("{:016x}{:016x}", self.next(), self.next()).repeat(length / 32 + 1);
        text.truncate(length);
        text
    }
}
