//! ArcFace (Deng et al. 2019, eq. 3): classes as directions on a sphere, with a margin on the angle.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use ndarray::ArrayD;

use super::{Loss, check_classes, rows};
use crate::value::Value;

/// The output is the cosine to each class: a [`crate::layer::CosineDense`] behind the encoding. The truth is the class's number.
#[derive(Debug, Clone, Copy)]
pub struct ArcFace {
    /// Added to the angle to one's own class, in radians.
    pub margin: f32,
    /// Length of the encoding: the softmax is over `scale · cosine`.
    pub scale: f32,
}

impl Default for ArcFace {
    fn default() -> Self {
        ArcFace { margin: 0.5, scale: 64.0 }
    }
}

impl Loss for ArcFace {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        let cosines = rows(prediction).clamp(-1.0 + 1e-6, 1.0 - 1e-6);
        let [batch, classes] = cosines.dims();
        let labels: Tensor<2, Int> = truth.into_flat().reshape([batch, 1]).int();
        let own = cosines.clone().gather(1, labels.clone());
        let sine = own.clone().mul(own.clone()).neg().add_scalar(1.0).sqrt();
        // cos(angle + margin); where that would be beyond π and grow again, the authors' code goes on in a straight line.
        let moved = own.clone().mul_scalar(self.margin.cos()) - sine.mul_scalar(self.margin.sin());
        let beyond = own.clone().lower_elem(-self.margin.cos());
        let moved = moved.mask_where(beyond, own.clone().sub_scalar(self.margin * self.margin.sin()));
        let numbers = Tensor::<1, Int>::arange(0..classes as i64, &cosines.device()).reshape([1, classes]);
        let hot = labels.clone().expand([batch, classes]).equal(numbers.expand([batch, classes])).float();
        let logits = (cosines + hot * (moved - own)).mul_scalar(self.scale);
        log_softmax(logits, 1).gather(1, labels).neg().reshape([batch])
    }

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        match (truth, output) {
            ([1], [_]) => Ok(()),
            _ => Err(format!("has the shape {truth:?} and the output {output:?}: a label and cosines are needed")),
        }
    }

    fn check(&self, truth: &ArrayD<f32>, output: &[usize]) -> Result<(), String> {
        check_classes(truth, output.last().copied().unwrap_or(1))
    }
}
