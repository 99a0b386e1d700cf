//! Muon (Jordan 2024): momentum whose matrices are made orthogonal; AdamW for what is no matrix.

use burn::tensor::Tensor;

use super::{AdamW, Optimizer, Settings, Step, take};
use crate::schedule::Schedule;

/// Kernels of convolutions and dense layers are matrices (outputs, everything else); biases and norms go by AdamW with its own
/// rate, which follows the same course.
#[derive(Debug, Clone)]
pub struct Muon {
    settings: Settings,
    momentum: f32,
    /// Rate of AdamW as a part of Muon's.
    part: f32,
    rest: AdamW,
}

/// Of the odd polynomial a·x + b·x³ + c·x⁵ that drives singular values to about 1 (Jordan 2024).
const STEPS: usize = 5;
const COEFFICIENTS: (f32, f32, f32) = (3.4445, -4.7750, 2.0315);

impl Muon {
    /// `rest` is the rate of AdamW where `learning_rate` begins, a warm-up left out.
    pub fn new(learning_rate: impl Into<Schedule>, rest: f32) -> Self {
        let settings = Settings::new(learning_rate.into());
        // Not by the rate of the first step: a warm-up begins near nothing, and biases would fly off at its end.
        let initial = settings.learning_rate.initial().max(f32::MIN_POSITIVE);
        Muon { settings, momentum: 0.95, part: rest / initial, rest: AdamW::new(rest) }
    }

    pub fn momentum(mut self, momentum: f32) -> Self {
        self.momentum = momentum;
        self
    }

    super::settings!();
}

/// The authors' rates.
impl Default for Muon {
    fn default() -> Self {
        Muon::new(0.02, 3e-4)
    }
}

impl Optimizer for Muon {
    fn name(&self) -> &'static str {
        "Muon"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, slots: &mut Vec<Tensor<1>>, step: &Step) -> Tensor<1> {
        let (spec, count) = (step.spec, step.spec.count());
        let outputs = match (spec.shape.len(), spec.outputs_last) {
            (0 | 1, _) => 1,
            (_, true) => spec.shape[spec.shape.len() - 1],
            (_, false) => spec.shape[0],
        };
        if outputs < 2 || outputs == count {
            let step = Step { rate: step.rate * self.part, ..*step };
            return self.rest.update(value, gradient, slots, &step);
        }
        let velocity = take(slots, 0, &value).mul_scalar(self.momentum) + gradient.clone();
        *slots = vec![velocity.clone()];
        let ahead = gradient + velocity.mul_scalar(self.momentum);
        let dims = if spec.outputs_last { [count / outputs, outputs] } else { [outputs, count / outputs] };
        // So that a step moves each output alike, whatever the shape of the matrix (Jordan 2024).
        let scale = (outputs as f32 / (count / outputs) as f32).max(1.0).sqrt();
        value - orthogonal(ahead.reshape(dims)).reshape([count]).mul_scalar(step.rate * scale)
    }
}

/// The nearest matrix whose singular values are about 1, by Newton and Schulz' iteration.
fn orthogonal(matrix: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    let tall = rows > columns;
    let mut x = if tall { matrix.transpose() } else { matrix };
    let norm = x.clone().mul(x.clone()).sum().sqrt().add_scalar(1e-7);
    x = x / norm.reshape([1, 1]);
    let (a, b, c) = COEFFICIENTS;
    for _ in 0..STEPS {
        let square = x.clone().matmul(x.clone().transpose());
        let mixed = square.clone().mul_scalar(b) + square.clone().matmul(square).mul_scalar(c);
        x = x.clone().mul_scalar(a) + mixed.matmul(x);
    }
    if tall { x.transpose() } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    #[test]
    fn singular_values_come_near_one() {
        let device = Device::flex();
        let matrix = Tensor::<2>::from_floats([[3.0, 0.0, 0.5], [0.0, 0.2, 0.1]], &device);
        let flat = orthogonal(matrix);
        let gram: Vec<f32> = flat.clone().matmul(flat.transpose()).into_data().try_to_vec().unwrap();
        assert!((0.4..1.6).contains(&gram[0]) && (0.4..1.6).contains(&gram[3]), "{gram:?}");
        assert!(gram[1].abs() < 0.3, "{gram:?}");
    }
}
