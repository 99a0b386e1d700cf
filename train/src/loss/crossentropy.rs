//! Cross-entropies: of yes and no, of one class out of several.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Int, Tensor};
use ndarray::ArrayD;

use super::{EPSILON, Loss, check_classes, mean_of_rows, rows};
use crate::value::Value;

/// Each output is a probability of its own; the mean over them.
#[derive(Debug, Clone, Copy, Default)]
pub struct BinaryCrossentropy {
    /// The outputs are before the sigmoid.
    pub from_logits: bool,
    /// Truth is moved this far towards one half.
    pub label_smoothing: f32,
}

/// Truth is one-hot or a distribution over the last axis.
#[derive(Debug, Clone, Copy, Default)]
pub struct CategoricalCrossentropy {
    /// The outputs are before the softmax.
    pub from_logits: bool,
    /// Truth is moved this far towards all classes alike.
    pub label_smoothing: f32,
}

/// Truth is the number of the class.
#[derive(Debug, Clone, Copy, Default)]
pub struct SparseCategoricalCrossentropy {
    /// The outputs are before the softmax.
    pub from_logits: bool,
    /// Truth is moved this far towards all classes alike.
    pub label_smoothing: f32,
}

impl Loss for BinaryCrossentropy {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        let smooth = self.label_smoothing;
        let truth = rows(truth).mul_scalar(1.0 - smooth).add_scalar(0.5 * smooth);
        let output = rows(prediction);
        let (yes, no) = if self.from_logits {
            (log_sigmoid(output.clone()), log_sigmoid(output.neg()))
        } else {
            let output = output.clamp(EPSILON, 1.0 - EPSILON);
            (output.clone().log(), output.neg().add_scalar(1.0).log())
        };
        mean_of_rows((truth.clone() * yes + truth.neg().add_scalar(1.0) * no).neg())
    }
}

impl Loss for CategoricalCrossentropy {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        let batch = truth.batch();
        let (output, classes) = by_class(prediction);
        let truth = by_class(truth).0;
        let truth = truth.mul_scalar(1.0 - self.label_smoothing).add_scalar(self.label_smoothing / classes as f32);
        per_sample((truth * logarithms(output, self.from_logits)).neg().sum_dim(1), batch)
    }
}

impl Loss for SparseCategoricalCrossentropy {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        let batch = truth.batch();
        let (output, _) = by_class(prediction);
        let places = output.dims()[0];
        let labels: Tensor<2, Int> = truth.into_flat().reshape([places, 1]).int();
        let logarithms = logarithms(output, self.from_logits);
        let own = logarithms.clone().gather(1, labels);
        let smooth = self.label_smoothing;
        let each = match smooth {
            0.0 => own,
            _ => own.mul_scalar(1.0 - smooth) + logarithms.mean_dim(1).mul_scalar(smooth),
        };
        per_sample(each.neg(), batch)
    }

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        let places = &output[..output.len() - 1];
        if truth.iter().product::<usize>() == places.iter().product::<usize>() {
            Ok(())
        } else {
            Err(format!("has the shape {truth:?}: the number of a class is needed for each of {places:?}"))
        }
    }

    fn check(&self, truth: &ArrayD<f32>, output: &[usize]) -> Result<(), String> {
        check_classes(truth, output.last().copied().unwrap_or(1))
    }
}

/// (batch × places, classes), and how many classes there are.
fn by_class(value: Value) -> (Tensor<2>, usize) {
    let (batch, shape) = (value.batch(), value.shape());
    let classes = shape.last().copied().unwrap_or(1);
    let places = batch * shape.iter().product::<usize>() / classes;
    (value.into_flat().reshape([places, classes]), classes)
}

/// Of probabilities, which are scaled to a sum of one first, as Keras does.
fn logarithms(output: Tensor<2>, from_logits: bool) -> Tensor<2> {
    if from_logits {
        return log_softmax(output, 1);
    }
    let output = output.clone() / output.sum_dim(1);
    output.clamp(EPSILON, 1.0 - EPSILON).log()
}

/// Mean over the places of each sample.
fn per_sample(losses: Tensor<2>, batch: usize) -> Tensor<1> {
    let places = losses.dims()[0] / batch;
    mean_of_rows(losses.reshape([batch, places]))
}
