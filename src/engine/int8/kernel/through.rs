//! The way out of the accumulators through a function of numbers: a panel of rows as floats, then SiLU or its like, then bytes with a
//! scale per channel. Plain Rust inside functions that enable the instruction set; the compiler neither reorders nor fuses float
//! operations.

use super::elementwise::{byte, hard_swish, limited, sigmoid, silu};
use super::emit::{Emit, Floats};
use super::isa::{Isa, Task};
use super::{Function, FunctionKind, Requant};

pub(super) struct Through<'a> {
    numbers: *mut f32,
    floats: Floats<'a>,
    zero: u8,
    function: &'a Function,
}

impl<'a> Through<'a> {
    /// `numbers` gets room for `rows` rows of all channels.
    pub fn new(requant: &'a Requant, function: &'a Function, rows: usize, numbers: &'a mut Vec<f32>) -> Self {
        let needed = rows * requant.factor.len();
        if numbers.len() < needed {
            numbers.resize(needed, 0.0);
        }
        let floats = Floats { factor: &requant.factor };
        Self { numbers: numbers.as_mut_ptr(), floats, zero: requant.zero, function }
    }
}

impl<I: Isa> Emit<I> for Through<'_> {
    type Out = u8;
    type Cell = f32;

    #[inline(always)]
    fn cells(&self, _: *mut u8, _: usize) -> (*mut f32, usize) {
        (self.numbers, self.floats.factor.len())
    }

    #[inline(always)]
    unsafe fn tile<const R: usize, const V: usize, const WHOLE: bool>(
        &self,
        acc: &[[I::Acc; V]; R],
        start: usize,
        width: usize,
        cells: *mut f32,
        stride: usize,
        rows: usize,
    ) {
        // SAFETY: the caller's promise; `numbers` has room for a panel.
        unsafe { Emit::<I>::tile::<R, V, WHOLE>(&self.floats, acc, start, width, cells, stride, rows) };
    }

    #[inline(always)]
    unsafe fn finish(&self, out: *mut u8, out_stride: usize, rows: usize, n: usize) {
        // SAFETY: the tiles have written `rows` rows of `n` numbers, and the caller's output has so many bytes.
        unsafe {
            let numbers = std::slice::from_raw_parts(self.numbers, rows * n);
            I::outlined(Finish { numbers, out, out_stride, zero: self.zero, function: self.function });
        }
    }
}

struct Finish<'a> {
    numbers: &'a [f32],
    out: *mut u8,
    out_stride: usize,
    zero: u8,
    function: &'a Function,
}

impl Task for Finish<'_> {
    #[inline(always)]
    unsafe fn run(self) {
        let Function { kind, reciprocal } = self.function;
        // SAFETY: what `finish` says.
        unsafe {
            match kind {
                FunctionKind::Silu => self.rows(reciprocal, |x, _| silu(x)),
                FunctionKind::Sigmoid => self.rows(reciprocal, |x, _| sigmoid(x)),
                FunctionKind::HardSwish => self.rows(reciprocal, |x, _| hard_swish(x)),
                FunctionKind::Slopes(slopes) => self.rows(slopes, |x, slope| if x < 0.0 { x * slope } else { x }),
                FunctionKind::Clip { low, high } => self.rows(reciprocal, |x, _| limited(x, *low, *high)),
            }
        }
    }
}

/// Numbers at a time.
const CHUNK: usize = 16;

impl Finish<'_> {
    /// `of(number, parameter of its channel)`
    #[inline(always)]
    unsafe fn rows(&self, parameters: &[f32], of: impl Fn(f32, f32) -> f32) {
        let reciprocal = &self.function.reciprocal[..];
        let n = reciprocal.len();
        let chunk = |x: &[f32; CHUNK], parameter: &[f32; CHUNK], reciprocal: &[f32; CHUNK]| {
            let mut bytes = [0; CHUNK];
            for i in 0..CHUNK {
                bytes[i] = byte(of(x[i], parameter[i]) * reciprocal[i], self.zero);
            }
            bytes
        };
        for (row, x) in self.numbers.chunks_exact(n).enumerate() {
            // SAFETY: the row has `n` bytes.
            let out = unsafe { std::slice::from_raw_parts_mut(self.out.add(row * self.out_stride), n) };
            let mut at = 0;
            while at < n {
                if n < CHUNK {
                    let padded = |from: &[f32]| {
                        let mut padded = [1.0; CHUNK];
                        padded[..n].copy_from_slice(from);
                        padded
                    };
                    out.copy_from_slice(&chunk(&padded(x), &padded(parameters), &padded(reciprocal))[..n]);
                } else {
                    // The last chunk overlaps the one before it.
                    let at = at.min(n - CHUNK);
                    let part = |from: &[f32]| -> [f32; CHUNK] { std::array::from_fn(|i| from[at..at + CHUNK][i]) };
                    let bytes = chunk(&part(x), &part(parameters), &part(reciprocal));
                    out[at..at + CHUNK].copy_from_slice(&bytes);
                }
                at += CHUNK;
            }
        }
    }
}
