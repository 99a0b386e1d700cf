//! Batches for metric learning: so many people, so many pictures of each.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pictures::Pictures;
use super::{Batch, Dataset};
use crate::{Error, Result};

/// Draws `people` × `each` pictures for a batch, as triplets that are mined in a batch need them (Hermans et al. 2017,
/// §2). Sample numbers only count: a batch holds whatever was drawn for its place in the epoch. Fit with
/// `batch_size(people · each)` and `shuffle(false)`.
#[derive(Debug)]
pub struct People {
    pictures: Pictures,
    /// Sample numbers of each person.
    of: Vec<Vec<usize>>,
    people: usize,
    each: usize,
    batches: usize,
    seed: u64,
}

impl People {
    pub fn new(pictures: Pictures, people: usize, each: usize, batches: usize, seed: u64) -> Result<Self> {
        let mut of = vec![Vec::new(); pictures.classes.len()];
        for (sample, &label) in pictures.labels.iter().enumerate() {
            of[label].push(sample);
        }
        of.retain(|samples| samples.len() >= 2);
        if of.len() < people || people < 2 || each < 2 {
            return Err(Error::Data(format!(
                "{} people with at least two pictures: batches of {people} people with {each} pictures can't be drawn",
                of.len()
            )));
        }
        Ok(People { pictures, of, people, each, batches, seed })
    }

    pub fn batch_size(&self) -> usize {
        self.people * self.each
    }

    fn draw(&self, batch: usize, epoch: usize) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(((epoch as u64) << 32) | batch as u64);
        let mut people: Vec<usize> = (0..self.of.len()).collect();
        people.shuffle(&mut rng);
        let mut drawn = Vec::with_capacity(self.batch_size());
        for &person in &people[..self.people] {
            let mut samples = self.of[person].clone();
            samples.shuffle(&mut rng);
            // Someone with fewer pictures shows some of them again.
            drawn.extend((0..self.each).map(|place| match samples.get(place) {
                Some(&sample) => sample,
                None => samples[rng.random_range(0..samples.len())],
            }));
        }
        drawn
    }
}

impl Dataset for People {
    fn len(&self) -> usize {
        self.batches * self.batch_size()
    }

    fn batch(&self, samples: &[usize], epoch: usize) -> Result<Batch> {
        let place = samples.first().map_or(0, |sample| sample / self.batch_size());
        let mut drawn = self.draw(place, epoch);
        drawn.truncate(samples.len());
        self.pictures.batch(&drawn, epoch)
    }
}
