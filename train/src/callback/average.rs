//! Weights averaged over the steps.

use burn::tensor::Tensor;
use serde_json::{Value as Json, json};

use super::{Callback, Training};
use crate::Result;
use crate::model::Logs;

/// Keras' SwapEMAWeights: a moving average of all weights over the steps, which is measured and saved after each epoch and is what the
/// training ends with; the epochs themselves go on with the plain weights. Callbacks that come behind this one see the average.
#[derive(Debug)]
pub struct MovingAverage {
    momentum: f32,
    /// Steps averaged so far.
    steps: usize,
    /// The average, or the plain weights while the model has the average.
    other: Vec<Tensor<1>>,
    swapped: bool,
}

/// Steps over which the average grows slow: at first the weights move much, and an average of them is worth nothing.
const GROWS_OVER: f32 = 2000.0;

impl MovingAverage {
    /// A momentum such as 0.9998 is that of the end: at first it is smaller (1 − e^(−step/2000) times as large, as YOLOv5 has it).
    pub fn new(momentum: f32) -> Self {
        MovingAverage { momentum, steps: 0, other: Vec::new(), swapped: false }
    }

    fn swap(&mut self, training: &mut Training) {
        let plain = training.model.weights();
        training.model.set_weights(std::mem::replace(&mut self.other, plain));
        self.swapped = !self.swapped;
    }
}

impl Callback for MovingAverage {
    fn epoch_begin(&mut self, _epoch: usize, training: &mut Training) -> Result<()> {
        if self.swapped {
            self.swap(training);
        }
        if self.other.is_empty() {
            self.other = training.model.weights();
        }
        Ok(())
    }

    fn batch_end(&mut self, _batch: usize, _logs: &Logs, training: &mut Training) -> Result<()> {
        self.steps += 1;
        let momentum = self.momentum * (1.0 - (-(self.steps as f32) / GROWS_OVER).exp());
        for (average, new) in self.other.iter_mut().zip(training.model.weights()) {
            *average = average.clone().mul_scalar(momentum) + new.mul_scalar(1.0 - momentum);
        }
        Ok(())
    }

    fn epoch_end(&mut self, _epoch: usize, _logs: &Logs, training: &mut Training) -> Result<()> {
        self.swap(training);
        Ok(())
    }

    fn state(&self) -> Json {
        json!({ "steps": self.steps, "swapped": self.swapped })
    }

    fn restore(&mut self, state: &Json) {
        self.steps = state["steps"].as_u64().unwrap_or(0) as usize;
        self.swapped = state["swapped"].as_bool().unwrap_or(false);
    }

    fn weights(&self) -> &[Tensor<1>] {
        &self.other
    }

    fn restore_weights(&mut self, weights: Vec<Tensor<1>>) {
        self.other = weights;
    }
}
