//! Chance, all of it from one seed.

use rand_core::{Rng as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A generator of its own for each purpose, so that what one draws changes nothing for another.
pub(crate) struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The generator for the `number`-th thing of a kind.
    pub(crate) fn new(seed: u64, kind: &str, number: u64) -> Self {
        // FNV-1a: it must be the same in every build.
        let bytes = kind.bytes().chain(number.to_le_bytes());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ hash))
    }

    /// At least `from`, less than `to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.next_u64() % (to - from)
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.between(0, 100) < percent
    }

    /// One of them.
    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.between(0, of.len() as u64)).expect("it is less than a length")]
    }

    /// In another order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            let other = self.between(0, end as u64 + 1);
            things.swap(end, usize::try_from(other).expect("it is less than a length"));
        }
    }
}

/// A seed that nobody has chosen.
pub(crate) fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    // Short enough to be typed.
    RandomState::new().hash_one(std::process::id()) % 1_000_000
}
