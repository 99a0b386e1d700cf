//! The arithmetic of the quantised engine: convolutions as matrix products, depthwise convolutions, tables and elementwise
//! operations over slices. It knows neither ONNX nor plans. Not here: which layer calls what, padding, im2col, pooling windows.
//!
//! # The rule of arithmetic
//! Every instruction set gives the same bytes; `scalar.rs` says which.
//! - Accumulator: i32, wrapping: `acc = bias[n] + Σ_k (a[k] - a_zero)·w[n][k]`, `a` unsigned and `w` signed bytes. The part of the
//!   zero point is folded into the packed bias.
//! - Bytes out: `x = (acc as f32) · factor[n]` (the conversion rounds to nearest even; one multiplication),
//!   `q = round_half_even(clamp(x, low - zero, high - zero)) + zero`, then `table[q]` where there is a table. A clamp after
//!   the rounding is the same, as its bounds are whole numbers: the kernels saturate late.
//! - With a function of numbers in between: `x = (acc as f32) · factor[n]`, the function as `elementwise.rs` spells it out, then
//!   `round_half_even(f(x) · reciprocal[n]) + zero[n]`, saturated; SiLU is `(x · reciprocal[n]) / (1 + 2ᵗ)`.
//! - Floats out: `y = (acc as f32) · factor[n]`.
//! - Float convolution: `acc = bias[n]`, then for each `k` in order `acc = acc + a[k]·w[n][k]`, two roundings, never fused.
//! - Elementwise: what `elementwise.rs` and `float.rs` spell out; each operation of theirs is rounded once, in the order written.
//!
//! # How the kernels are made
//! An instruction set is a small trait (`Isa`, `isa.rs`): a vector of accumulators, a dot product of 2 or 4 neighbouring
//! values per lane, conversion, narrowing. The loops (`gemm.rs`, `depthwise.rs`, `float.rs`) are written once over that
//! trait, always inlined, and instantiated inside functions that enable the instruction set. Lanes are output channels,
//! so no sum is ever reordered across lanes, and the tests run the same loops over a portable `Isa` of every shape.
//! `unsafe` is confined to this folder; what is public checks lengths before it enters.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod depthwise;
mod dispatch;
#[cfg(target_arch = "aarch64")]
mod dotprod;
mod elementwise;
mod emit;
mod float;
mod gemm;
mod instance;
mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod peak;
#[cfg(test)]
mod portable;
mod scalar;
mod self_check;
#[cfg(test)]
mod tests;
mod through;
#[cfg(target_arch = "x86_64")]
mod vnni;
#[cfg_attr(
    not(any(target_arch = "x86_64", test)),
    expect(dead_code, reason = "no other processor multiplies numbers of 16 bits where it could multiply bytes")
)]
mod winograd;

pub use dispatch::Kernels;
pub use pack::{PackedDepthwise, PackedDepthwiseF32, PackedGemm, PackedGemmF32};
pub use winograd::{PackedWinograd, Padded};

/// How an accumulator becomes a byte.
#[derive(Clone, Debug)]
pub struct Requant {
    /// Input scale × weight scale / output scale, one per output channel, finite.
    pub factor: Vec<f32>,
    /// The byte that means 0.0.
    pub zero: u8,
    /// Bounds of the byte before the table: 0 and 255, or narrower for a fused ReLU or ReLU6. `low <= high`.
    pub low: u8,
    pub high: u8,
    /// A function of the byte: an activation, with the scales on its two sides.
    pub table: Option<Box<[u8; 256]>>,
    /// A function of the number, before it becomes a byte. `factor` then has no output scale.
    pub function: Option<Function>,
}

/// `x = acc · factor[n]`, then the function of `x`, then `byte = saturate(round_half_even(f(x) · reciprocal[n]) + zero)`.
#[derive(Clone, Debug)]
pub struct Function {
    pub kind: FunctionKind,
    /// Of the output scale, one per output channel, finite and above 0.
    pub reciprocal: Vec<f32>,
    /// The bytes that mean 0.0, one per output channel, where they differ; else none, and [`Requant::zero`] is it.
    pub zeros: Vec<i32>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FunctionKind {
    /// `x · sigmoid(x)`
    Silu,
    Sigmoid,
    /// `x · clamp(x / 6 + 0.5, 0, 1)`
    HardSwish,
    /// Below 0 times `slope[n]`: leaky ReLU, PReLU.
    Slopes(Vec<f32>),
    Clip {
        low: f32,
        high: f32,
    },
}

impl FunctionKind {
    /// The function of some of the channels.
    pub fn part(&self, channels: &std::ops::Range<usize>) -> Self {
        match self {
            Self::Slopes(slopes) => Self::Slopes(slopes[channels.clone()].to_vec()),
            other => other.clone(),
        }
    }
}

/// The patches of a picture that a convolution with a window of `kh × kw` sees: `w_out` of them per output row, and as many output
/// rows as fit.
#[derive(Clone, Copy, Debug)]
pub struct Patches<'a> {
    /// Input rows, padding in place: `(h_out - 1) · stride + kh` slices, each of at least `((w_out - 1) · stride + kw) · c` bytes.
    pub rows: &'a [&'a [u8]],
    pub c: usize,
    pub kh: usize,
    pub kw: usize,
    pub stride: usize,
    pub w_out: usize,
}

impl Patches<'_> {
    /// Output pixels.
    pub fn count(&self) -> usize {
        self.rows.len().checked_sub(self.kh).map_or(0, |rest| rest / self.stride + 1) * self.w_out
    }

    /// Their count, if they have `k` values and lie within their rows.
    fn check(&self, k: usize) -> usize {
        assert!(self.kh * self.kw * self.c == k && self.stride > 0, "patches of another size than {k}");
        let needed = self
            .w_out
            .checked_sub(1)
            .map_or(Some(0), |last| last.checked_mul(self.stride)?.checked_add(self.kw)?.checked_mul(self.c));
        let shortest = self.rows.iter().map(|row| row.len()).min().unwrap_or(0);
        assert!(needed.is_some_and(|needed| needed <= shortest), "a row needs {needed:?} bytes, not {shortest}");
        self.count()
    }
}

/// A byte `q` of an affine tensor means `(q - zero) · scale`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Affine {
    /// Finite and not zero.
    pub scale: f32,
    pub zero: u8,
}

/// Memory that the kernels reuse; it grows on first use and never shrinks. One per session.
#[derive(Default, Debug)]
pub struct Scratch {
    panel: pack::Aligned,
    numbers: Vec<f32>,
}
