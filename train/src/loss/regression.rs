//! Distances between numbers: mean squared, mean absolute, Huber's.

use burn::tensor::Tensor;

use super::{Loss, mean_of_rows, rows};
use crate::value::Value;

/// mean((y − ŷ)²)
#[derive(Debug, Clone, Copy, Default)]
pub struct MeanSquaredError;

/// mean(|y − ŷ|)
#[derive(Debug, Clone, Copy, Default)]
pub struct MeanAbsoluteError;

/// ½(y − ŷ)² within `delta` of the truth, `delta`·(|y − ŷ| − ½`delta`) beyond (Huber 1964).
#[derive(Debug, Clone, Copy)]
pub struct Huber {
    pub delta: f32,
}

impl Default for Huber {
    fn default() -> Self {
        Huber { delta: 1.0 }
    }
}

impl Loss for MeanSquaredError {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        let difference = rows(prediction) - rows(truth);
        mean_of_rows(difference.clone().mul(difference))
    }
}

impl Loss for MeanAbsoluteError {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        mean_of_rows((rows(prediction) - rows(truth)).abs())
    }
}

impl Loss for Huber {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        let distance = (rows(prediction) - rows(truth)).abs();
        // With near = min(distance, delta): ½near² + delta·(distance − near) is both branches at once.
        let near = distance.clone().clamp_max(self.delta);
        mean_of_rows(near.clone().mul(near.clone()).mul_scalar(0.5) + (distance - near).mul_scalar(self.delta))
    }
}
