//! A loss as a metric: its mean over the samples.

use ndarray::{ArrayViewD, Axis};

use super::{Mean, Metric};
use crate::device::Device;
use crate::loss::Loss;
use crate::value::Value;

/// The mean of a loss under a name: `MeanOf::new("mae", MeanAbsoluteError)`.
#[derive(Debug)]
pub struct MeanOf<L> {
    name: String,
    loss: L,
    mean: Mean,
}

impl<L: Loss> MeanOf<L> {
    pub fn new(name: &str, loss: L) -> Self {
        MeanOf { name: name.into(), loss, mean: Mean::default() }
    }
}

impl<L: Loss> Metric for MeanOf<L> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        // Both come from the model, whose values have 2 to 5 axes; a truth of one axis gets a second one.
        let value = |array: ArrayViewD<f32>| {
            let array = if array.ndim() == 1 { array.insert_axis(Axis(1)) } else { array };
            Value::from_array(&array.to_owned(), &Device::flex()).expect("2 to 5 axes")
        };
        let losses = self.loss.call(value(truth), value(prediction)).into_data();
        for (loss, &weight) in losses.iter::<f32>().zip(weights) {
            self.mean.add(f64::from(loss), f64::from(weight));
        }
    }

    super::averages!(mean);

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        self.loss.fits(truth, output)
    }
}
