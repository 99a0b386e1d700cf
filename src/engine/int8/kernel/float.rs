//! The float twins: the same blocks of channels, one multiplication and one addition per value, never fused, values in order.

#![expect(clippy::needless_range_loop, reason = "counted loops over registers, which the compiler unrolls")]

use super::emit::store_floats;
use super::isa::Isa;
use super::pack::{Block, PackedDepthwiseF32, PackedGemmF32};

/// # Safety
/// The processor has the instruction set, `p` was packed for it, and `m` rows lie in `a` and, `out_stride` elements apart, at `out`.
#[inline(always)]
pub(super) unsafe fn gemm<I: Isa>(
    p: &PackedGemmF32,
    m: usize,
    a: &[f32],
    a_stride: usize,
    out: *mut f32,
    out_stride: usize,
) {
    let (mut weights, mut bias) = (p.weights.as_ptr(), p.bias.as_ptr());
    for block in &p.blocks {
        let matrix = Matrix { a: a.as_ptr(), a_stride, m, k: p.k, weights, bias, width: p.n };
        // SAFETY: weights and bias of as many vectors as the blocks have, and rows as the caller promises.
        unsafe {
            let out = out.add(block.start);
            match block.vectors {
                1 => matrix.block::<I, 1>(out, out_stride),
                2 => matrix.block::<I, 2>(out, out_stride),
                _ => matrix.block::<I, 4>(out, out_stride),
            }
            weights = weights.add(p.k * block.vectors * I::LAYOUT.lanes);
            bias = bias.add(block.vectors * I::LAYOUT.lanes);
        }
    }
}

/// All rows, and the weights of one block.
struct Matrix {
    a: *const f32,
    a_stride: usize,
    m: usize,
    k: usize,
    weights: *const f32,
    bias: *const f32,
    /// Output channels, where they are fewer than the block's lanes.
    width: usize,
}

impl Matrix {
    #[inline(always)]
    unsafe fn block<I: Isa, const V: usize>(&self, out: *mut f32, out_stride: usize) {
        // The compiler drops what no block of this instruction set has.
        if const { V > I::LAYOUT.vectors } {
            return;
        }
        let mut row = 0;
        // SAFETY: each tile has rows of the matrix.
        unsafe {
            while row < self.m {
                let rows = I::ROWS.min(self.m - row);
                let out = out.add(row * out_stride);
                match rows {
                    1 => self.tile::<I, 1, V>(row, rows, out, out_stride),
                    2 => self.tile::<I, 2, V>(row, rows, out, out_stride),
                    3..=4 => self.tile::<I, 4, V>(row, rows, out, out_stride),
                    _ if const { I::ROWS == 4 } => self.tile::<I, 4, V>(row, rows, out, out_stride),
                    5..=6 => self.tile::<I, 6, V>(row, rows, out, out_stride),
                    _ if const { I::ROWS == 6 } => self.tile::<I, 6, V>(row, rows, out, out_stride),
                    _ => self.tile::<I, 12, V>(row, rows, out, out_stride),
                }
                row += rows;
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<I: Isa, const R: usize, const V: usize>(
        &self,
        row: usize,
        rows: usize,
        out: *mut f32,
        out_stride: usize,
    ) {
        let lanes = I::LAYOUT.lanes;
        // SAFETY: rows beyond the last are read as the last; weights and bias have V vectors per value.
        unsafe {
            let mut a = [self.a; R];
            for (r, a) in a.iter_mut().enumerate() {
                *a = self.a.add((row + r.min(rows - 1)) * self.a_stride);
            }
            let mut acc = [vectors::<I, V>(self.bias); R];
            for k in 0..self.k {
                let w = vectors::<I, V>(self.weights.add(k * V * lanes));
                for r in 0..R {
                    let a = I::splat(*a[r].add(k));
                    for v in 0..V {
                        acc[r][v] = I::add(acc[r][v], I::mul(a, w[v]));
                    }
                }
            }
            store_floats::<I, R, V>(&acc, self.width.min(V * lanes), out, out_stride, rows);
        }
    }
}

/// # Safety
/// There are V vectors.
#[inline(always)]
unsafe fn vectors<I: Isa, const V: usize>(at: *const f32) -> [I::Float; V] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut x = [I::load_float(at); V];
        for (v, x) in x.iter_mut().enumerate().skip(1) {
            *x = I::load_float(at.add(v * I::LAYOUT.lanes));
        }
        x
    }
}

/// # Safety
/// The processor has the instruction set, `p` was packed for it, the rows are long enough for `w_out` pixels, and so many pixels, `out_stride`
/// elements apart, lie at `out`.
#[inline(always)]
pub(super) unsafe fn depthwise<I: Isa>(
    p: &PackedDepthwiseF32,
    rows: &[&[f32]],
    stride: usize,
    w_out: usize,
    out: *mut f32,
    out_stride: usize,
) {
    let (mut weights, mut bias) = (p.weights.as_ptr(), p.bias.as_ptr());
    let taps = p.shape.kh * p.shape.kw;
    for block in &p.blocks {
        let row = Row { p, rows, stride, w_out, weights, bias };
        // SAFETY: weights and bias of as many vectors as the blocks have, and rows as the caller promises.
        unsafe {
            let out = out.add(block.start);
            match block.vectors {
                1 => row.block::<I, 1>(block, out, out_stride),
                2 => row.block::<I, 2>(block, out, out_stride),
                _ => row.block::<I, 4>(block, out, out_stride),
            }
            weights = weights.add(taps * block.vectors * I::LAYOUT.lanes);
            bias = bias.add(block.vectors * I::LAYOUT.lanes);
        }
    }
}

struct Row<'a> {
    p: &'a PackedDepthwiseF32,
    rows: &'a [&'a [f32]],
    stride: usize,
    w_out: usize,
    weights: *const f32,
    bias: *const f32,
}

impl Row<'_> {
    #[inline(always)]
    unsafe fn block<I: Isa, const V: usize>(&self, block: &Block, out: *mut f32, out_stride: usize) {
        if const { V > I::LAYOUT.vectors } {
            return;
        }
        let mut x = 0;
        // SAFETY: pixels of the row.
        unsafe {
            while x < self.w_out {
                let out = out.add(x * out_stride);
                match self.w_out - x {
                    4.. => self.pixels::<I, 4, V>(block, x, out, out_stride),
                    _ => self.pixels::<I, 1, V>(block, x, out, out_stride),
                }
                x += if self.w_out - x >= 4 { 4 } else { 1 };
            }
        }
    }

    #[inline(always)]
    unsafe fn pixels<I: Isa, const R: usize, const V: usize>(
        &self,
        block: &Block,
        x: usize,
        out: *mut f32,
        out_stride: usize,
    ) {
        let (c, kw, lanes) = (self.p.shape.c, self.p.shape.kw, I::LAYOUT.lanes);
        let width = c.min(V * lanes);
        let mut weights = self.weights;
        // SAFETY: a tap of a pixel has `c` channels in the row; where these are fewer than the lanes, a copy has as many.
        unsafe {
            let mut acc = [vectors::<I, V>(self.bias); R];
            let mut padded = [0.0; 32];
            for line in self.rows {
                for dx in 0..kw {
                    let w = vectors::<I, V>(weights);
                    weights = weights.add(V * lanes);
                    for r in 0..R {
                        let mut at = line.as_ptr().add(((x + r) * self.stride + dx) * c + block.start);
                        if c < V * lanes {
                            padded.as_mut_ptr().copy_from_nonoverlapping(at, c);
                            at = padded.as_ptr();
                        }
                        let a = vectors::<I, V>(at);
                        for v in 0..V {
                            acc[r][v] = I::add(acc[r][v], I::mul(a[v], w[v]));
                        }
                    }
                }
            }
            store_floats::<I, R, V>(&acc, width, out, out_stride, R);
        }
    }
}
