//! The way out of the accumulators through a function of numbers: SiLU and its like in f32, then to bytes with a scale per channel.
//! Plain Rust over a tile of floats, inside the task that made them, so the compiler has the instruction set; it neither reorders
//! nor fuses float operations.

#![expect(clippy::needless_range_loop, reason = "counted loops over registers, which the compiler unrolls")]

use std::mem::MaybeUninit;

use super::elementwise::{byte, hard_swish, limited, sigmoid_f32, silu_f32};
use super::emit::{Emit, MOST_ROWS, WIDEST, factors};
use super::isa::Isa;
use super::{Function, FunctionKind, Requant};

pub(super) struct Through<'a> {
    pub requant: &'a Requant,
    pub function: &'a Function,
}

impl<I: Isa> Emit<I> for Through<'_> {
    type Out = u8;

    #[inline(always)]
    unsafe fn tile<const R: usize, const V: usize, const WHOLE: bool>(
        &self,
        acc: &[[I::Acc; V]; R],
        start: usize,
        width: usize,
        out: *mut u8,
        out_stride: usize,
        rows: usize,
    ) {
        let lanes = const { V * I::LAYOUT.lanes };
        let whole = WHOLE || width == lanes;
        let of = |all: &[f32], padding: f32| {
            let mut channels = [padding; WIDEST];
            let count = if whole { lanes } else { width };
            channels[..count].copy_from_slice(&all[start..start + count]);
            channels
        };
        let (factor, scale) = (of(&self.requant.factor, 0.0), of(&self.function.scale, 1.0));
        let mut x = MaybeUninit::<[f32; WIDEST * MOST_ROWS]>::uninit();
        // SAFETY: `R · lanes` floats are written, and only these are read.
        let x = unsafe {
            let to = x.as_mut_ptr().cast::<f32>();
            let factor = factors::<I, V>(factor.as_ptr());
            for r in 0..R {
                for v in 0..V {
                    let at = to.add(r * lanes + v * I::LAYOUT.lanes);
                    I::store_float(I::mul(I::to_float(acc[r][v]), factor[v]), at);
                }
            }
            std::slice::from_raw_parts_mut(to, R * lanes)
        };
        match &self.function.kind {
            FunctionKind::Silu => silu_f32(x),
            FunctionKind::Sigmoid => sigmoid_f32(x),
            FunctionKind::HardSwish => hard_swish(x),
            FunctionKind::Slopes(slopes) => {
                let slopes = of(slopes, 1.0);
                for row in x.chunks_exact_mut(lanes) {
                    for (x, slope) in row.iter_mut().zip(&slopes) {
                        *x = if *x < 0.0 { *x * slope } else { *x };
                    }
                }
            }
            FunctionKind::Clip { low, high } => x.iter_mut().for_each(|x| *x = limited(*x, *low, *high)),
        }
        let zero = self.requant.zero;
        for (r, row) in x.chunks_exact(lanes).enumerate().take(if WHOLE { R } else { rows }) {
            let mut bytes = [0; WIDEST];
            for (to, (x, scale)) in bytes[..lanes].iter_mut().zip(row.iter().zip(&scale)) {
                *to = byte(x / scale, zero);
            }
            // SAFETY: the caller's row has so many bytes.
            unsafe {
                let to = out.add(r * out_stride);
                match whole {
                    true => to.copy_from_nonoverlapping(bytes.as_ptr(), lanes),
                    false => to.copy_from_nonoverlapping(bytes.as_ptr(), width),
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn finish(&self, _: *mut u8, _: usize, _: usize, _: usize) {}
}
