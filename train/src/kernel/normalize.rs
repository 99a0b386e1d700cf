//! Batch normalisation by the batch's own statistics, with the activation behind it: two passes over memory there and two
//! back, instead of one for each step of arithmetic.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::gate::{Curve, Gate, with_curve};
use super::loops;
use super::pictures::{Pictures, tensor_of};
use super::sums::BLOCK;
use super::tape::{Operand, apply};
use super::vector::unwritten;

/// The activated output, and the batch's mean and biased variance of each channel, off the tape.
pub struct Normalized {
    pub output: Tensor<4>,
    pub mean: Tensor<1>,
    pub variance: Tensor<1>,
}

/// `gate(gamma · (x − mean) / √(variance + epsilon) + beta)` over each channel of x (batch, channels, height, width). None
/// where this room has no kernel for it: on another device.
pub fn batch_norm(x: &Tensor<4>, gamma: &Tensor<1>, beta: &Tensor<1>, epsilon: f32, gate: Gate) -> Option<Normalized> {
    if x.shape().num_elements() == 0 {
        return None;
    }
    let operands = [Operand::of(x)?, Operand::of(gamma)?, Operand::of(beta)?];
    let mut found = None;
    let output = apply(operands, Normalization, |[x, gamma, beta]| {
        let x = Pictures::of(x);
        let (mean, variance) = statistics(&x);
        let inverse: Vec<f32> = variance.iter().map(|it| (1.0 / f64::from(it + epsilon).sqrt()) as f32).collect();
        let gamma = numbers(&gamma);
        let scale = gamma.iter().zip(&inverse).map(|(gamma, inverse)| gamma * inverse).collect();
        let channels = Channels { mean: mean.clone(), scale, beta: numbers(&beta) };
        let mut output = unwritten(x.numbers().len());
        with_curve!(gate, curve => channels.forward(curve, x.numbers(), &mut output));
        let dims = x.dims();
        found = Some((mean, variance));
        (Pictures::tensor_of(output, dims), Saved { x, channels, inverse, gate })
    });
    let (mean, variance) = found?;
    let plain = |numbers: Vec<f32>| {
        let count = numbers.len();
        Tensor::from_primitive::<Flex>(tensor_of(numbers, &[count]))
    };
    Some(Normalized { output, mean: plain(mean), variance: plain(variance) })
}

/// With statistics that are given, [mean, variance, gamma, beta]; None where this room has no kernel for it: on another
/// device, or on a tape.
pub fn batch_norm_by(x: &Tensor<4>, channels: [&Tensor<1>; 4], epsilon: f32, gate: Gate) -> Option<Tensor<4>> {
    let x = Pictures::of(Operand::of(x)?.off_tape()?);
    let mut vectors = Vec::new();
    for vector in channels {
        vectors.push(numbers(&Operand::of(vector)?.off_tape()?));
    }
    let [mean, variance, gamma, beta]: [Vec<f32>; 4] = vectors.try_into().ok()?;
    let scale = variance.iter().zip(&gamma).map(|(it, gamma)| gamma / (it + epsilon).sqrt()).collect();
    let channels = Channels { mean, scale, beta };
    let mut output = unwritten(x.numbers().len());
    with_curve!(gate, curve => channels.forward(curve, x.numbers(), &mut output));
    Some(Tensor::from_primitive::<Flex>(Pictures::tensor_of(output, x.dims())))
}

fn numbers(tensor: &FlexTensor) -> Vec<f32> {
    tensor.to_contiguous().storage::<f32>().to_vec()
}

/// Mean and biased variance of each channel: those of blocks, put together in their order (Chan, Golub and LeVeque 1979).
fn statistics(x: &Pictures) -> (Vec<f32>, Vec<f32>) {
    let channels = x.channels;
    let rows = (BLOCK / channels).max(1);
    let blocks: Vec<(usize, Vec<f32>)> = x
        .numbers()
        .par_chunks(rows * channels)
        .map(|block| {
            let rows = block.len() / channels;
            let mut found = vec![0.0; 2 * channels];
            let (means, squares) = found.split_at_mut(channels);
            loops::add_rows(means, block);
            loops::scale(means, 1.0 / rows as f32);
            loops::add_squares(squares, block, means);
            (rows, found)
        })
        .collect();
    let (mut mean, mut squares, mut count) = (vec![0.0_f64; channels], vec![0.0_f64; channels], 0.0_f64);
    for (rows, found) in &blocks {
        let rows = *rows as f64;
        let all = count + rows;
        for channel in 0..channels {
            let apart = f64::from(found[channel]) - mean[channel];
            mean[channel] += apart * rows / all;
            squares[channel] += f64::from(found[channels + channel]) + apart * apart * count * rows / all;
        }
        count = all;
    }
    let variance = squares.iter().map(|squares| (squares / count) as f32).collect();
    (mean.iter().map(|mean| *mean as f32).collect(), variance)
}

/// `z = (x − mean) · scale + beta`
#[derive(Debug, Clone)]
struct Channels {
    mean: Vec<f32>,
    scale: Vec<f32>,
    beta: Vec<f32>,
}

impl Channels {
    fn forward(&self, curve: impl Curve, x: &[f32], output: &mut [f32]) {
        let count = self.mean.len();
        let block = (BLOCK / count).max(1) * count;
        output.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(output, x)| {
            loops::normalize(curve, x, output, self.slices());
        });
    }

    fn slices(&self) -> [&[f32]; 3] {
        [&self.mean, &self.scale, &self.beta]
    }

    /// Sums of the slopes before the activation, and of those times `x − mean`.
    fn slopes(&self, curve: impl Curve, x: &[f32], slopes: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let count = self.mean.len();
        let block = (BLOCK / count).max(1) * count;
        let blocks: Vec<Vec<f32>> = x
            .par_chunks(block)
            .zip(slopes.par_chunks(block))
            .map(|(x, slopes)| {
                let mut found = vec![0.0; 2 * count];
                let (plain, weighted) = found.split_at_mut(count);
                loops::add_slopes(curve, x, slopes, self.slices(), plain, weighted);
                found
            })
            .collect();
        let mut totals = vec![0.0_f64; 2 * count];
        for found in &blocks {
            totals.iter_mut().zip(found).for_each(|(total, found)| *total += f64::from(*found));
        }
        let mut totals: Vec<f32> = totals.iter().map(|total| *total as f32).collect();
        let weighted = totals.split_off(count);
        (totals, weighted)
    }

    /// Turns slopes behind the activation into slopes of x: `scale · (slope − plain − (x − mean) · weighted)`.
    fn backward(&self, curve: impl Curve, x: &[f32], slopes: &mut [f32], plain: &[f32], weighted: &[f32]) {
        let count = self.mean.len();
        let block = (BLOCK / count).max(1) * count;
        slopes.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(slopes, x)| {
            loops::unnormalize(curve, x, slopes, self.slices(), plain, weighted);
        });
    }
}

#[derive(Debug, Clone)]
struct Saved {
    x: Pictures,
    channels: Channels,
    inverse: Vec<f32>,
    gate: Gate,
}

#[derive(Debug)]
struct Normalization;

impl Backward<Flex, 3> for Normalization {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 3>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = Pictures::of(gradients.consume::<Flex>(&ops.node));
        let Saved { x, channels, inverse, gate } = ops.state;
        let count = channels.mean.len();
        let (plain, weighted) = with_curve!(gate, curve => channels.slopes(curve, x.numbers(), slopes.numbers()));
        let [node_x, node_gamma, node_beta] = ops.parents;
        if let Some(node) = node_gamma {
            let gradient = weighted.iter().zip(&inverse).map(|(weighted, inverse)| weighted * inverse).collect();
            gradients.register::<Flex>(node.id, tensor_of(gradient, &[count]));
        }
        if let Some(node) = node_x {
            let pixels = x.pixels() as f32;
            let weighted: Vec<f32> =
                weighted.iter().zip(&inverse).map(|(it, inverse)| it * inverse * inverse / pixels).collect();
            let means: Vec<f32> = plain.iter().map(|sum| sum / pixels).collect();
            let gradient = slopes.changed(|slopes| {
                with_curve!(gate, curve => channels.backward(curve, x.numbers(), slopes, &means, &weighted));
            });
            gradients.register::<Flex>(node.id, gradient);
        }
        if let Some(node) = node_beta {
            gradients.register::<Flex>(node.id, tensor_of(plain, &[count]));
        }
    }
}
