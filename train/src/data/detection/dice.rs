//! Chance: all of a sample's follows from the seed, the epoch and the sample's number.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64, epoch: usize, sample: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(((epoch as u64) << 40) | sample as u64);
        Dice(rng)
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f32 {
        self.0.random()
    }

    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// As often between 1 and 2 as between 2 and 4.
    pub fn log_between(&mut self, low: f32, high: f32) -> f32 {
        (low * (high / low).powf(self.unit())).clamp(low, high)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }
}
