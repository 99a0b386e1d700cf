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

#[cfg(test)]
mod tests {
    use super::super::graph::Floats;
    use super::super::statistics::Tensor;
    use super::*;

    fn layer(weights: Vec<f32>, dims: [usize; 4], bias: Vec<f32>) -> Layer {
        Layer {
            node: 0,
            name: "conv".into(),
            input: "x".into(),
            output: "y".into(),
            weights: Floats { dims: dims.to_vec(), values: weights },
            bias,
            depthwise: false,
            groups: 1,
            turned: false,
        }
    }

    #[test]
    fn each_output_has_a_scale_of_its_own() {
        let layer = layer(vec![1.0, -0.5, 0.01, 0.002], [2, 2, 1, 1], vec![0.0; 2]);
        let rounded = Rounded::of(&layer, &Affine { scale: vec![1.0], zero: vec![0] });
        assert!(rounded.scale[0] > 50.0 * rounded.scale[1], "{:?}", rounded.scale);
        assert!(signal_to_noise(&layer, &rounded) > 40.0);
    }

    #[test]
    fn a_large_bias_over_tiny_weights_fits_the_sum() {
        let layer = layer(vec![1e-9, 0.0], [1, 2, 1, 1], vec![1000.0]);
        let inputs = Affine { scale: vec![1e-6], zero: vec![0] };
        let rounded = Rounded::of(&layer, &inputs);
        let (steps, scale) = bias_steps(&layer.bias, &rounded, &inputs);
        assert!((steps[0] as f32 * scale[0] - 1000.0).abs() < 0.01, "{steps:?} {scale:?}");
    }

    #[test]
    fn the_bias_makes_up_for_what_rounding_shifts() {
        let layer = layer(vec![1.0, 0.0031], [1, 2, 1, 1], vec![0.5]);
        let inputs = Affine { scale: vec![0.1], zero: vec![0] };
        let rounded = Rounded::of(&layer, &inputs);
        let read = Tensor::of(&[1, 2, 1, 4], &[1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0], 4, 1);
        let bias = corrected_bias(&layer, &rounded, &read, &inputs)[0];
        let [a, b] = [0, 1].map(|index| rounded.weight(&layer, 0, index));
        assert!((a + 9.0 * b + bias - (1.0 + 9.0 * 0.0031 + 0.5)).abs() < 1e-5, "{bias}");
    }
}
