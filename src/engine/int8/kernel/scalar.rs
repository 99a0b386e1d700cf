//! The definition: each result as the rule of arithmetic (`mod.rs`) writes it, one after the other.

use super::pack::{Layout, PackedDepthwise, PackedDepthwiseF32, PackedGemm, PackedGemmF32};
use super::{Function, FunctionKind, Patches, Requant, elementwise};

/// One channel at a time, its weights in their own order.
pub(super) const LAYOUT: Layout = Layout { lanes: 1, vectors: 1, group: 1, cell: 1, step: 1, offset: 0, halves: false };

impl Requant {
    /// The byte of channel `n` for an accumulator.
    pub(super) fn byte(&self, n: usize, acc: i32) -> u8 {
        if let Some(function) = &self.function {
            return function.byte(n, acc as f32 * self.factor[n], self.zero);
        }
        let zero = f32::from(self.zero);
        let x = (acc as f32 * self.factor[n]).clamp(f32::from(self.low) - zero, f32::from(self.high) - zero);
        let q = (x.round_ties_even() + zero) as u8;
        self.table.as_ref().map_or(q, |table| table[usize::from(q)])
    }
}

impl Function {
    /// The byte of channel `n` for the number `x`.
    fn byte(&self, n: usize, x: f32, zero: u8) -> u8 {
        let reciprocal = self.reciprocal[n];
        let zero = self.zeros.get(n).map_or(zero, |&zero| zero as u8);
        let y = match &self.kind {
            // One operation less than the product of three, in the kernels that most of a YOLO's numbers go through.
            FunctionKind::Silu => {
                return elementwise::byte(x * reciprocal / elementwise::sigmoid_divisor(x), zero);
            }
            FunctionKind::Sigmoid => elementwise::sigmoid(x),
            FunctionKind::HardSwish => elementwise::hard_swish(x),
            FunctionKind::Slopes(slopes) if x < 0.0 => x * slopes[n],
            FunctionKind::Slopes(_) => x,
            FunctionKind::Clip { low, high } => elementwise::limited(x, *low, *high),
        };
        elementwise::byte(y * reciprocal, zero)
    }
}

/// `emit(row, channel, accumulator)` for all of them.
pub(super) fn gemm(p: &PackedGemm, m: usize, a: &[u8], a_stride: usize, mut emit: impl FnMut(usize, usize, i32)) {
    for row in 0..m {
        let values = &a[row * a_stride..][..p.k];
        for (n, weights) in p.weights.as_slice().chunks_exact(p.k).take(p.n).enumerate() {
            let products = values.iter().zip(weights).map(|(&a, &w)| i32::from(a) * i32::from(w as i8));
            emit(row, n, products.fold(p.bias[n], i32::wrapping_add));
        }
    }
}

/// `emit(patch, channel, accumulator)` for all of them.
pub(super) fn conv(p: &PackedGemm, m: usize, patches: &Patches, mut emit: impl FnMut(usize, usize, i32)) {
    let segment = patches.kw * patches.c;
    let mut patch = vec![0; p.k];
    for i in 0..m {
        let (y, x) = (i / patches.w_out * patches.stride, i % patches.w_out * patches.stride);
        for (part, row) in patch.chunks_exact_mut(segment).zip(&patches.rows[y..]) {
            part.copy_from_slice(&row[x * patches.c..][..segment]);
        }
        gemm(p, 1, &patch, p.k, |_, n, acc| emit(i, n, acc));
    }
}

/// `emit(pixel, channel, accumulator)` for all of them.
pub(super) fn depthwise(
    p: &PackedDepthwise,
    rows: &[&[u8]],
    stride: usize,
    w_out: usize,
    mut emit: impl FnMut(usize, usize, i32),
) {
    let (c, weights) = (p.shape.c, p.weights.as_slice());
    for x in 0..w_out {
        for channel in 0..c {
            let mut acc = p.bias[channel];
            for dx in 0..p.shape.kw {
                for (dy, row) in rows.iter().enumerate() {
                    // Packed as [channel][column][row].
                    let w = weights[(channel * p.shape.kw + dx) * p.shape.kh + dy] as i8;
                    acc = acc.wrapping_add(i32::from(row[(x * stride + dx) * c + channel]) * i32::from(w));
                }
            }
            emit(x, channel, acc);
        }
    }
}

pub(super) fn gemm_f32(p: &PackedGemmF32, m: usize, a: &[f32], a_stride: usize, out: &mut [f32], out_stride: usize) {
    for row in 0..m {
        let values = &a[row * a_stride..][..p.k];
        for (n, weights) in p.weights.chunks_exact(p.k).enumerate() {
            out[row * out_stride + n] = values.iter().zip(weights).fold(p.bias[n], |acc, (&a, &w)| acc + a * w);
        }
    }
}

pub(super) fn depthwise_f32(
    p: &PackedDepthwiseF32,
    rows: &[&[f32]],
    stride: usize,
    w_out: usize,
    out: &mut [f32],
    out_stride: usize,
) {
    let (c, kh, kw) = (p.shape.c, p.shape.kh, p.shape.kw);
    for x in 0..w_out {
        for channel in 0..c {
            let taps = (0..kh).flat_map(|dy| (0..kw).map(move |dx| (dy, dx)));
            let weights = &p.weights[channel * kh * kw..];
            out[x * out_stride + channel] = taps
                .zip(weights)
                .fold(p.bias[channel], |acc, ((dy, dx), &w)| acc + rows[dy][(x * stride + dx) * c + channel] * w);
        }
    }
}
