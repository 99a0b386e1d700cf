//! Pictures made larger, and put together by their channels.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::loops;
use super::pictures::Pictures;
use super::tape::{Operand, apply};
use super::vector::unwritten;

/// Each number `rows` × `columns` times, over x (batch, channels, height, width); None where this room has no kernel for
/// it: on another device.
pub fn repeat(x: &Tensor<4>, [rows, columns]: [usize; 2]) -> Option<Tensor<4>> {
    if x.shape().num_elements() == 0 || rows == 0 || columns == 0 {
        return None;
    }
    Some(apply([Operand::of(x)?], Repeat([rows, columns]), |[x]| {
        let x = Pictures::of(x);
        let line = x.width * x.channels;
        let dims = [x.batch, x.height * rows, x.width * columns, x.channels];
        let mut output = unwritten(dims.iter().product());
        output.par_chunks_mut(line * columns).enumerate().for_each(|(index, output)| {
            let from = &x.numbers()[index / rows * line..][..line];
            for (output, from) in output.chunks_exact_mut(x.channels * columns).zip(from.chunks_exact(x.channels)) {
                output.chunks_exact_mut(x.channels).for_each(|output| output.copy_from_slice(from));
            }
        });
        (Pictures::tensor_of(output, dims), x.dims())
    }))
}

/// The channels of a, then those of b; None where this room has no kernel for it, or the pictures differ in size.
pub fn concatenate(a: &Tensor<4>, b: &Tensor<4>) -> Option<Tensor<4>> {
    let ([batch, _, height, width], [other_batch, _, other_height, other_width]) = (a.dims(), b.dims());
    let is_empty = a.shape().num_elements() == 0 || b.shape().num_elements() == 0;
    if (batch, height, width) != (other_batch, other_height, other_width) || is_empty {
        return None;
    }
    Some(apply([Operand::of(a)?, Operand::of(b)?], Concatenate, |[a, b]| {
        let (a, b) = (Pictures::of(a), Pictures::of(b));
        let channels = a.channels + b.channels;
        let dims = [a.batch, a.height, a.width, channels];
        let mut output = unwritten(dims.iter().product());
        let line = a.width * channels;
        output.par_chunks_mut(line).enumerate().for_each(|(index, output)| {
            let line = |of: &Pictures| index * of.width * of.channels..(index + 1) * of.width * of.channels;
            let numbers =
                a.numbers()[line(&a)].chunks_exact(a.channels).zip(b.numbers()[line(&b)].chunks_exact(b.channels));
            for (output, (from_a, from_b)) in output.chunks_exact_mut(channels).zip(numbers) {
                output[..a.channels].copy_from_slice(from_a);
                output[a.channels..].copy_from_slice(from_b);
            }
        });
        (Pictures::tensor_of(output, dims), a.channels)
    }))
}

#[derive(Debug)]
struct Repeat([usize; 2]);

impl Backward<Flex, 1> for Repeat {
    type State = [usize; 4];

    fn backward(self, ops: Ops<[usize; 4], 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = Pictures::of(gradients.consume::<Flex>(&ops.node));
        let ([rows, columns], dims) = (self.0, ops.state);
        let [Some(node)] = ops.parents else { return };
        let [_, _, width, channels] = dims;
        let line = width * channels;
        let mut gradient = vec![0.0; dims.iter().product()];
        let lines = gradient.par_chunks_mut(line).zip(slopes.numbers().par_chunks(line * rows * columns));
        lines.for_each(|(gradient, slopes)| {
            for slopes in slopes.chunks_exact(line * columns) {
                let pixels = gradient.chunks_exact_mut(channels).zip(slopes.chunks_exact(channels * columns));
                pixels.for_each(|(gradient, slopes)| loops::add_rows(gradient, slopes));
            }
        });
        gradients.register::<Flex>(node.id, Pictures::tensor_of(gradient, dims));
    }
}

#[derive(Debug)]
struct Concatenate;

impl Backward<Flex, 2> for Concatenate {
    type State = usize;

    fn backward(self, ops: Ops<usize, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = Pictures::of(gradients.consume::<Flex>(&ops.node));
        let [batch, height, width, channels] = slopes.dims();
        let split = ops.state;
        for (node, part) in ops.parents.into_iter().zip([0..split, split..channels]) {
            let Some(node) = node else { continue };
            let mut gradient = unwritten(slopes.pixels() * part.len());
            let line = width * part.len();
            let lines = gradient.par_chunks_mut(line).zip(slopes.numbers().par_chunks(width * channels));
            lines.for_each(|(gradient, slopes)| {
                for (gradient, slopes) in gradient.chunks_exact_mut(part.len()).zip(slopes.chunks_exact(channels)) {
                    gradient.copy_from_slice(&slopes[part.clone()]);
                }
            });
            gradients.register::<Flex>(node.id, Pictures::tensor_of(gradient, [batch, height, width, part.len()]));
        }
    }
}
