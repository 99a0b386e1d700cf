//! Pooling over pictures.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::loops;
use super::pictures::{Pictures, tensor_of};
use super::tape::{Operand, apply};
use super::vector::unwritten;

/// The windows of a pooling over one axis.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    pub size: usize,
    pub stride: usize,
    /// Places before the first number that count as nothing.
    pub before: usize,
    pub out: usize,
}

impl Windows {
    /// The taps of a window that lie inside an axis of this length, as (tap, place).
    fn inside(self, window: usize, length: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
        let places = (0..self.size).map(move |tap| (tap, (window * self.stride + tap).wrapping_sub(self.before)));
        places.filter(move |(_, place)| *place < length)
    }
}

/// The largest number of each window, over x (batch, channels, height, width); of equal ones the first. None where this
/// room has no kernel for it: on another device, where windows are larger than 255, or where one lies outside.
pub fn max_pool2d(x: &Tensor<4>, windows: [Windows; 2]) -> Option<Tensor<4>> {
    let [_, _, height, width] = x.dims();
    let has_all =
        |windows: Windows, length: usize| (0..windows.out).all(|at| windows.inside(at, length).next().is_some());
    let is_small = windows[0].size * windows[1].size <= 255;
    if !is_small || !has_all(windows[0], height) || !has_all(windows[1], width) || x.shape().num_elements() == 0 {
        return None;
    }
    Some(apply([Operand::of(x)?], Largest, |[x]| {
        let x = Pictures::of(x);
        let [rows, columns] = windows;
        let dims = [x.batch, rows.out, columns.out, x.channels];
        let count = dims.iter().product();
        let (mut output, mut which) = (unwritten(count), vec![0_u8; count]);
        let (line, channels) = (columns.out * x.channels, x.channels);
        let lines = output.par_chunks_mut(line).zip(which.par_chunks_mut(line));
        lines.enumerate().for_each(|(index, (output, which))| {
            let (picture, y) = (index / rows.out, index % rows.out);
            let from = picture * x.height * x.width;
            let windows = output.chunks_exact_mut(channels).zip(which.chunks_exact_mut(channels));
            for (at, (output, which)) in windows.enumerate() {
                let mut is_first = true;
                for (dy, y) in rows.inside(y, x.height) {
                    for (dx, place) in columns.inside(at, x.width) {
                        let tap = (dy * columns.size + dx) as u8;
                        let begin = (from + y * x.width + place) * channels;
                        loops::take_larger(output, which, &x.numbers()[begin..begin + channels], tap, is_first);
                        is_first = false;
                    }
                }
            }
        });
        (Pictures::tensor_of(output, dims), (which, x.dims(), windows))
    }))
}

/// The mean of each channel, (batch, channels); None where this room has no kernel for it.
pub fn global_average(x: &Tensor<4>) -> Option<Tensor<2>> {
    if x.shape().num_elements() == 0 {
        return None;
    }
    Some(apply([Operand::of(x)?], Average, |[x]| {
        let x = Pictures::of(x);
        let part = 1.0 / (x.height * x.width) as f32;
        let mut output = vec![0.0; x.batch * x.channels];
        let pictures = output.par_chunks_mut(x.channels).zip(x.numbers().par_chunks(x.height * x.width * x.channels));
        pictures.for_each(|(output, numbers)| {
            loops::add_rows(output, numbers);
            loops::scale(output, part);
        });
        (tensor_of(output, &[x.batch, x.channels]), x.dims())
    }))
}

#[derive(Debug)]
struct Largest;

impl Backward<Flex, 1> for Largest {
    type State = (Vec<u8>, [usize; 4], [Windows; 2]);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = Pictures::of(gradients.consume::<Flex>(&ops.node));
        let (which, dims, [rows, columns]) = ops.state;
        let [Some(node)] = ops.parents else { return };
        let [_, height, width, channels] = dims;
        let mut gradient = vec![0.0; dims.iter().product()];
        let out = rows.out * columns.out * channels;
        let pictures = gradient.par_chunks_mut(height * width * channels);
        pictures.zip(slopes.numbers().par_chunks(out).zip(which.par_chunks(out))).for_each(
            |(gradient, (slopes, which))| {
                let windows = slopes.chunks_exact(channels).zip(which.chunks_exact(channels));
                for (index, (slopes, which)) in windows.enumerate() {
                    let (y, x) = (index / columns.out * rows.stride, index % columns.out * columns.stride);
                    for (channel, (slope, tap)) in slopes.iter().zip(which).enumerate() {
                        let (dy, dx) = (usize::from(*tap) / columns.size, usize::from(*tap) % columns.size);
                        let place = (y + dy - rows.before) * width + x + dx - columns.before;
                        gradient[place * channels + channel] += slope;
                    }
                }
            },
        );
        gradients.register::<Flex>(node.id, Pictures::tensor_of(gradient, dims));
    }
}

#[derive(Debug)]
struct Average;

impl Backward<Flex, 1> for Average {
    type State = [usize; 4];

    fn backward(self, ops: Ops<[usize; 4], 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let dims = ops.state;
        let [Some(node)] = ops.parents else { return };
        let [_, height, width, channels] = dims;
        let part = 1.0 / (height * width) as f32;
        let rows: Vec<f32> = slopes.storage::<f32>().iter().map(|slope| slope * part).collect();
        let gradient = rows.chunks_exact(channels).flat_map(|row| row.repeat(height * width)).collect();
        gradients.register::<Flex>(node.id, Pictures::tensor_of(gradient, dims));
    }
}
