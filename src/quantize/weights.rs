//! Weights in 8 bits, a scale per output channel by least squared error, and biases that make up for what rounding shifts
//! (Nagel et al. 2019, arXiv:1906.04721, section 4.2).

use super::layers::Layer;
use super::ranges::Affine;
use super::statistics::Tensor;

/// Part of the largest weight that the byte 127 stands for, at the least.
const LEAST_PART: f32 = 0.6;
const PARTS: usize = 21;
/// Scale of a channel of zeros.
const LEAST_SCALE: f32 = 1e-9;
/// A bias is at most this many steps of the 32-bit sum: so the sum itself never overflows.
const MOST_STEPS: f32 = (1 << 28) as f32;

/// Weights of one layer, in the order of [`Layer::weights`].
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded {
    pub values: Vec<i8>,
    /// One per output channel; the zero point is 0.
    pub scale: Vec<f32>,
}

impl Rounded {
    /// `inputs`: the scales of what the layer reads. They only bound the bias from above.
    pub fn of(layer: &Layer, inputs: &Affine) -> Self {
        let each = layer.each().max(1);
        let mut values = Vec::with_capacity(layer.weights.values.len());
        let mut scales = Vec::with_capacity(layer.outputs());
        for (output, row) in layer.weights.values.chunks(each).enumerate() {
            let needed = layer.bias[output].abs() / (inputs.scale_of(output) * MOST_STEPS);
            let scale = best(row).max(needed);
            values.extend(row.iter().map(|&weight| byte(weight, scale) as i8));
            scales.push(scale);
        }
        Self { values, scale: scales }
    }

    pub fn weight(&self, layer: &Layer, output: usize, index: usize) -> f32 {
        f32::from(self.values[output * layer.each() + index]) * self.scale[output]
    }
}

fn byte(weight: f32, scale: f32) -> f32 {
    (weight / scale).round_ties_even().clamp(-127.0, 127.0)
}

fn best(row: &[f32]) -> f32 {
    let most = row.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
    let lost = |scale: f32| row.iter().map(|&w| f64::from(byte(w, scale) * scale - w).powi(2)).sum::<f64>();
    let part = |index: usize| LEAST_PART + (1.0 - LEAST_PART) * index as f32 / (PARTS - 1) as f32;
    let scales = (0..PARTS).map(|index| (most * part(index) / 127.0).max(LEAST_SCALE));
    scales.map(|scale| (lost(scale), scale)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(LEAST_SCALE, |best| best.1)
}

/// The biases with which each output channel has the mean that it has in float, given what the layer reads on average.
/// Padding is left out of account.
pub fn corrected_bias(layer: &Layer, rounded: &Rounded, read: &Tensor, inputs: &Affine) -> Vec<f32> {
    let channels: Vec<(f32, f32)> = read
        .channels
        .iter()
        .enumerate()
        .map(|(index, channel)| {
            let count = channel.samples.len().max(1) as f64;
            let shift = |&x: &f32| f64::from(inputs.rounded(index, x)) - f64::from(x);
            let shift = channel.samples.iter().map(shift).sum::<f64>() / count;
            (channel.mean(), channel.mean() + shift as f32)
        })
        .collect();
    // A layer behind a reshape reads channels that were counted otherwise: nothing to correct by.
    if channels.len() != layer.inputs() {
        return layer.bias.clone();
    }
    let correct = |output: usize| {
        let terms = (0..layer.each()).map(|index| {
            let (exact, rounded_mean) = channels[layer.input_channel(output, index)];
            let weight = layer.weights.values[output * layer.each() + index];
            f64::from(weight) * f64::from(exact)
                - f64::from(rounded.weight(layer, output, index)) * f64::from(rounded_mean)
        });
        layer.bias[output] + terms.sum::<f64>() as f32
    };
    (0..layer.outputs()).map(correct).collect()
}

/// Biases in steps of the 32-bit sum, `input scale · weight scale`, and that scale.
pub fn bias_steps(bias: &[f32], rounded: &Rounded, inputs: &Affine) -> (Vec<i32>, Vec<f32>) {
    let scale: Vec<f32> = (0..bias.len()).map(|output| inputs.scale_of(output) * rounded.scale[output]).collect();
    let steps = bias.iter().zip(&scale).map(|(&bias, &scale)| {
        (f64::from(bias) / f64::from(scale)).round_ties_even().clamp(-f64::from(MOST_STEPS), f64::from(MOST_STEPS))
            as i32
    });
    (steps.collect(), scale)
}

/// Ratio of weights to what rounding takes from them, in decibels.
pub fn signal_to_noise(layer: &Layer, rounded: &Rounded) -> f64 {
    let (mut energy, mut lost) = (0.0, 0.0);
    for output in 0..layer.outputs() {
        for index in 0..layer.each() {
            let weight = layer.weights.values[output * layer.each() + index];
            energy += f64::from(weight).powi(2);
            lost += f64::from(rounded.weight(layer, output, index) - weight).powi(2);
        }
    }
    10.0 * (energy / lost).log10()
}
