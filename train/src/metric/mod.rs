//! What one wants to know of a network beside its loss.

/// The part of a metric that is about what it has gathered, in its field of this name.
macro_rules! gathers {
    ($field:ident) => {
        fn reset(&mut self) {
            self.$field = Default::default();
        }

        fn state(&self) -> Vec<f64> {
            self.$field.state()
        }

        fn restore(&mut self, state: &[f64]) {
            self.$field.restore(state);
        }
    };
}
use gathers;

/// The same of one whose value is a mean.
macro_rules! averages {
    ($field:ident) => {
        fn value(&self) -> f32 {
            self.$field.value()
        }

        super::gathers!($field);
    };
}
use averages;

mod accuracy;
mod auc;
mod counts;
mod mean;

use std::fmt::Debug;

use ndarray::ArrayViewD;

use crate::Error;
use crate::loss::{MeanAbsoluteError, MeanSquaredError};

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopK};
pub use auc::{Auc, Curve};
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

/// For metrics of yes and no: as many truths as outputs, or the number of a class.
fn yes_or_class(truth: &[usize], output: &[usize]) -> Result<(), String> {
    match (truth, output) {
        ([1], [_]) => Ok(()),
        _ if truth == output => Ok(()),
        _ => Err(format!("has the shape {truth:?}, the output {output:?}")),
    }
}

/// By Keras' name, with Keras' defaults.
pub fn by_name(name: &str) -> Result<Box<dyn Metric>, Error> {
    Ok(match name {
        "accuracy" | "acc" => Box::new(Accuracy::default()),
        "binary_accuracy" => Box::new(BinaryAccuracy::default()),
        "categorical_accuracy" => Box::new(CategoricalAccuracy::default()),
        "sparse_categorical_accuracy" => Box::new(SparseCategoricalAccuracy::default()),
        "top_k_categorical_accuracy" | "sparse_top_k_categorical_accuracy" => Box::new(TopK::new(5)),
        "precision" => Box::new(Precision::default()),
        "recall" => Box::new(Recall::default()),
        "auc" => Box::new(Auc::default()),
        "mse" | "mean_squared_error" => Box::new(MeanOf::new(name, MeanSquaredError)),
        "mae" | "mean_absolute_error" => Box::new(MeanOf::new(name, MeanAbsoluteError)),
        other => {
            return Err(Error::Model(format!(
                "no metric {other}: accuracy, binary_accuracy, categorical_accuracy, sparse_categorical_accuracy, \
                 top_k_categorical_accuracy, precision, recall, auc, mse, mae"
            )));
        }
    })
}

impl Metric for Box<dyn Metric> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        (**self).update(truth, prediction, weights);
    }

    fn value(&self) -> f32 {
        (**self).value()
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn state(&self) -> Vec<f64> {
        (**self).state()
    }

    fn restore(&mut self, state: &[f64]) {
        (**self).restore(state);
    }

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        (**self).fits(truth, output)
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
