//! Chance with a seed.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What a seed says.
pub(crate) struct Chance(SmallRng);

impl Chance {
    pub(crate) fn of(seed: u64) -> Chance {
        Chance(SmallRng::seed_from_u64(seed))
    }

    /// In so many of a hundred cases.
    pub(crate) fn percent(&mut self, of_hundred: u32) -> bool {
        self.0.random_range(0..100) < of_hundred
    }

    pub(crate) fn below(&mut self, end: i64) -> i64 {
        self.0.random_range(0..end)
    }

    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        self.0.random_range(from..=to)
    }

    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.0.random_range(0..of.len())]
    }

    pub(crate) fn some<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[self.0.random_range(0..of.len())])
    }
}
