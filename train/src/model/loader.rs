//! Batches, made on a thread of their own while the network works.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, Scope};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::data::{Batch, Dataset};
use crate::{Error, Result};

/// Which samples come when. Batches are numbered through all epochs, so the thread goes on into the next one while the last is
/// being measured.
#[derive(Clone)]
pub(super) struct Plan<'a> {
    pub data: &'a dyn Dataset,
    /// Which of its samples are used.
    pub samples: Range<usize>,
    pub batch_size: usize,
    /// Where each pass over the samples has an order of its own, what that follows from.
    pub shuffle: Option<u64>,
    /// How much each sample of the dataset counts, by its number.
    pub weights: Option<&'a [f32]>,
}

/// Batches that lie ready: enough that neither side waits for a slow one, few enough to fit beside the network.
const AHEAD: usize = 2;

impl<'a> Plan<'a> {
    /// All samples in their order.
    pub fn plain(data: &'a dyn Dataset, samples: Range<usize>, batch_size: usize) -> Self {
        Plan { data, samples, batch_size, shuffle: None, weights: None }
    }

    /// Batches of one pass over the samples; the last one may be smaller.
    pub fn batches(&self) -> usize {
        self.samples.len().div_ceil(self.batch_size)
    }

    /// Sample numbers in the order of a pass.
    fn order(&self, pass: usize) -> Vec<usize> {
        let mut order: Vec<usize> = self.samples.clone().collect();
        if let Some(seed) = self.shuffle {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5348_5546);
            rng.set_stream(pass as u64);
            order.shuffle(&mut rng);
        }
        order
    }

    fn load(&self, order: &[usize], place: usize, pass: usize) -> Result<Batch> {
        let from = place * self.batch_size;
        let samples = &order[from..order.len().min(from + self.batch_size)];
        let mut batch = self.data.batch(samples, pass)?;
        if let Some(weights) = self.weights {
            let own = samples.iter().map(|&sample| weights[sample]);
            batch.weights = Some(match batch.weights {
                Some(others) if others.len() == samples.len() => {
                    own.zip(others).map(|(own, other)| own * other).collect()
                }
                _ => own.collect(),
            });
        }
        Ok(batch)
    }

    /// Starts the thread; it ends when the receiver is dropped.
    pub fn start<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        numbers: Range<usize>,
    ) -> Result<Receiver<Result<Batch>>>
    where
        'a: 'scope,
    {
        let (sender, receiver) = sync_channel(AHEAD);
        let work = move || {
            let (mut pass, mut order) = (usize::MAX, Vec::new());
            for number in numbers {
                if pass != number / self.batches() {
                    pass = number / self.batches();
                    order = self.order(pass);
                }
                if sender.send(self.load(&order, number % self.batches(), pass)).is_err() {
                    break;
                }
            }
        };
        Builder::new()
            .name("loader".into())
            .spawn_scoped(scope, work)
            .map_err(|error| Error::Data(format!("no thread to load batches: {error}")))?;
        Ok(receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    /// Samples are their own numbers.
    struct Numbers(usize);

    impl Dataset for Numbers {
        fn len(&self) -> usize {
            self.0
        }

        fn batch(&self, samples: &[usize], epoch: usize) -> Result<Batch> {
            let x = samples.iter().map(|&sample| (100 * epoch + sample) as f32).collect();
            Ok(Batch { x: vec![ArrayD::from_shape_vec(vec![samples.len(), 1], x).unwrap()], y: vec![], weights: None })
        }
    }

    fn loaded(plan: Plan, numbers: Range<usize>) -> Vec<Vec<f32>> {
        std::thread::scope(|scope| {
            let batches = plan.start(scope, numbers).unwrap();
            batches.iter().map(|batch| batch.unwrap().x[0].iter().copied().collect()).collect()
        })
    }

    #[test]
    fn passes_follow_each_other_and_the_last_batch_is_smaller() {
        let data = Numbers(9);
        let plan = Plan::plain(&data, 2..7, 2);
        assert_eq!(plan.batches(), 3);
        assert_eq!(loaded(plan, 1..5), [vec![4.0, 5.0], vec![6.0], vec![102.0, 103.0], vec![104.0, 105.0]]);
    }

    #[test]
    fn an_order_follows_from_the_seed_and_the_pass_alone() {
        let data = Numbers(50);
        let plan = |seed| Plan { shuffle: Some(seed), ..Plan::plain(&data, 0..50, 10) };
        let whole = loaded(plan(1), 0..10);
        assert_eq!(whole[7..], loaded(plan(1), 7..10), "it can begin anywhere");
        assert_ne!(whole, loaded(plan(2), 0..10));
        let pass = |number: usize| {
            let mut samples: Vec<usize> =
                whole[5 * number..5 * number + 5].iter().flatten().map(|it| *it as usize % 100).collect();
            let order = samples.clone();
            samples.sort_unstable();
            assert_eq!(samples, (0..50).collect::<Vec<_>>(), "each sample once");
            order
        };
        assert_ne!(pass(0), pass(1));
    }

    #[test]
    fn weights_of_the_samples_go_along() {
        let data = Numbers(3);
        let plan = Plan { weights: Some(&[1.0, 2.0, 3.0]), ..Plan::plain(&data, 1..3, 2) };
        assert_eq!(plan.load(&[1, 2], 0, 0).unwrap().weights.unwrap(), [2.0, 3.0]);
    }

    #[test]
    fn the_thread_ends_with_its_receiver() {
        let data = Numbers(1000);
        std::thread::scope(|scope| {
            let batches = Plan::plain(&data, 0..1000, 1).start(scope, 0..1_000_000_000).unwrap();
            batches.recv().unwrap().unwrap();
        });
    }
}
