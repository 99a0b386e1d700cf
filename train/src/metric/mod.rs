//! What one wants to know of a network beside its loss.

mod accuracy;
mod auc;
mod counts;
mod mean;

use std::fmt::Debug;

use ndarray::ArrayViewD;

pub use accuracy::{BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopK};
pub use auc::Auc;
pub use counts::{Precision, Recall};
pub use mean::MeanOf;

/// A number that gathers over the batches of an epoch. One of one's own implements this.
pub trait Metric: Debug + Send {
    /// As Keras names it: `accuracy`.
    fn name(&self) -> String;

    /// Takes in a batch: truth and prediction with the batch first; how much each sample counts.
    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]);

    /// Of everything since the last reset.
    fn value(&self) -> f32;

    fn reset(&mut self);

    /// The numbers that it has gathered, for a training that is ended in the middle of an epoch.
    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Takes back what [`Metric::state`] gave.
    fn restore(&mut self, _state: &[f64]) {}

    /// Whether a truth of this shape (without the batch) fits an output of that one; why not, to end "the truth …".
    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        if truth == output { Ok(()) } else { Err(format!("has the shape {truth:?}, the output {output:?}")) }
    }
}

/// A weighted mean in the making.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    pub fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    pub fn value(&self) -> f32 {
        if self.weight == 0.0 { 0.0 } else { (self.sum / self.weight) as f32 }
    }

    pub fn state(&self) -> Vec<f64> {
        vec![self.sum, self.weight]
    }

    pub fn restore(&mut self, state: &[f64]) {
        if let [sum, weight] = *state {
            *self = Mean { sum, weight };
        }
    }
}

/// The numbers of each sample, side by side.
fn samples<'a>(array: &'a ArrayViewD<f32>) -> impl Iterator<Item = Vec<f32>> + 'a {
    array.outer_iter().map(|sample| sample.iter().copied().collect())
}
