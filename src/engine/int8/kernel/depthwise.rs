//! Depthwise convolution of bytes, one row of output: a block of channels at a time, the columns of all input rows are
//! interleaved into a panel, so that a dot product adds up 2 or 4 rows of a channel. An output pixel is then one run through
//! neighbouring vectors of the panel beside the same number of weights.

#![expect(clippy::needless_range_loop, reason = "counted loops over registers, which the compiler unrolls")]

use std::marker::PhantomData;
use std::ops::Range;

use super::Scratch;
use super::emit::Emit;
use super::isa::{Isa, Task};
use super::pack::PackedDepthwise;

/// A panel stays in the first cache level.
const PANEL_BYTES: usize = 12 << 10;

/// # Safety
/// The processor has the instruction set, `p` was packed for it, the rows are long enough for `w_out` pixels, and so many pixels, `out_stride`
/// elements apart, lie at `out`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a strided row in, a strided row out")]
pub(super) unsafe fn depthwise<I: Isa, E: Emit<I>>(
    p: &PackedDepthwise,
    rows: &[&[u8]],
    stride: usize,
    w_out: usize,
    emit: &E,
    out: *mut E::Out,
    out_stride: usize,
    scratch: &mut Scratch,
) {
    let layout = I::LAYOUT;
    let (cells, cell_stride) = emit.cells(out, out_stride);
    let groups = p.shape.kh.div_ceil(layout.group);
    let mut weights = p.weights.as_slice().as_ptr();
    let mut bias = p.bias.as_ptr();
    for block in &p.blocks {
        let row = Row { p, rows, stride, w_out, groups, weights, bias };
        // SAFETY: the caller's promise; weights and bias have as many vectors as the blocks.
        unsafe {
            let cells = cells.add(block.start);
            match block.vectors {
                1 => row.block::<I, E, 1>(block.start, emit, cells, cell_stride, scratch),
                _ => row.block::<I, E, 2>(block.start, emit, cells, cell_stride, scratch),
            }
            weights = weights.add(p.shape.kw * groups * block.vectors * layout.vector_bytes());
            bias = bias.add(block.vectors * layout.lanes);
        }
    }
    // SAFETY: all pixels were just written.
    unsafe { emit.finish(out, out_stride, w_out, p.shape.c) };
}

/// A row of output, and the weights of one block.
struct Row<'a> {
    p: &'a PackedDepthwise,
    rows: &'a [&'a [u8]],
    stride: usize,
    w_out: usize,
    groups: usize,
    weights: *const u8,
    bias: *const i32,
}

impl Row<'_> {
    #[inline(always)]
    unsafe fn block<I: Isa, E: Emit<I>, const V: usize>(
        &self,
        start: usize,
        emit: &E,
        cells: *mut E::Cell,
        cell_stride: usize,
        scratch: &mut Scratch,
    ) {
        let (c, kw) = (self.p.shape.c, self.p.shape.kw);
        let column_bytes = self.groups * V * I::LAYOUT.vector_bytes();
        let columns = (PANEL_BYTES / column_bytes).max(kw + 3 * self.stride);
        let most = (columns - kw) / self.stride + 1;
        let panel = scratch.panel.at_least(columns * column_bytes).as_mut_ptr();
        let width = c.min(V * I::LAYOUT.lanes);
        let mut first = 0;
        while first < self.w_out {
            let pixels = most.min(self.w_out - first);
            // SAFETY: the panel holds the columns of these pixels.
            unsafe {
                self.fill::<I, V>(start, first * self.stride, (pixels - 1) * self.stride + kw, panel);
                let cells = cells.add(first * cell_stride);
                let run = Run {
                    panel,
                    weights: self.weights,
                    bias: self.bias,
                    taps: kw * self.groups,
                    pixel_bytes: self.stride * column_bytes,
                    start,
                    width,
                    emit,
                    cells,
                    cell_stride,
                };
                if width < V * I::LAYOUT.lanes || pixels < PIXELS {
                    run.pixels::<I, V, 0, 0, false>(0..pixels);
                } else {
                    let groups_of_three = 3_usize.div_ceil(I::LAYOUT.group);
                    let stride = if kw == 3 && self.groups == groups_of_three { self.stride } else { 0 };
                    let whole = pixels / PIXELS * PIXELS;
                    // What is left is done together with pixels before it, again.
                    let rest = if whole < pixels { pixels - PIXELS..pixels } else { 0..0 };
                    for pixels in [0..whole, rest] {
                        match stride {
                            1 if const { I::LAYOUT.group == 2 } => run.pixels::<I, V, 6, 1, true>(pixels),
                            2 if const { I::LAYOUT.group == 2 } => run.pixels::<I, V, 6, 2, true>(pixels),
                            1 if const { I::LAYOUT.group == 4 } => run.pixels::<I, V, 3, 1, true>(pixels),
                            2 if const { I::LAYOUT.group == 4 } => run.pixels::<I, V, 3, 2, true>(pixels),
                            _ => run.pixels::<I, V, 0, 0, true>(pixels),
                        }
                    }
                }
            }
            first += pixels;
        }
    }

    /// Columns `first..first + columns` as `[column][group][vector]`.
    #[inline(always)]
    unsafe fn fill<I: Isa, const V: usize>(&self, start: usize, first: usize, columns: usize, panel: *mut u8) {
        let (c, group) = (self.p.shape.c, I::LAYOUT.group);
        let vectors_bytes = V * I::LAYOUT.vector_bytes();
        for g in 0..self.groups {
            let lines = &self.rows[g * group..self.rows.len().min((g + 1) * group)];
            let mut rows = [std::ptr::null(); 4];
            for (row, line) in rows.iter_mut().zip(lines) {
                *row = line[first * c + start..].as_ptr();
            }
            let to = panel.wrapping_add(g * vectors_bytes);
            let columns = Columns { rows, c, columns, to, to_stride: self.groups * vectors_bytes };
            // SAFETY: the caller's promise.
            unsafe {
                match (lines.len(), c < V * I::LAYOUT.lanes) {
                    (1, false) => I::outlined(Fill::<I, 1, V, false>(columns, PhantomData)),
                    (2, false) => I::outlined(Fill::<I, 2, V, false>(columns, PhantomData)),
                    (3, false) => I::outlined(Fill::<I, 3, V, false>(columns, PhantomData)),
                    (_, false) => I::outlined(Fill::<I, 4, V, false>(columns, PhantomData)),
                    (1, true) => I::outlined(Fill::<I, 1, V, true>(columns, PhantomData)),
                    (2, true) => I::outlined(Fill::<I, 2, V, true>(columns, PhantomData)),
                    (3, true) => I::outlined(Fill::<I, 3, V, true>(columns, PhantomData)),
                    (_, true) => I::outlined(Fill::<I, 4, V, true>(columns, PhantomData)),
                }
            }
        }
    }
}

/// Columns of `c` channels, and where their vectors go.
struct Columns {
    rows: [*const u8; 4],
    c: usize,
    columns: usize,
    to: *mut u8,
    to_stride: usize,
}

/// Interleaves R rows. `PADDED`: a column has fewer channels than lanes, so a copy of it is read.
struct Fill<I, const R: usize, const V: usize, const PADDED: bool>(Columns, PhantomData<I>);

impl<I: Isa, const R: usize, const V: usize, const PADDED: bool> Task for Fill<I, R, V, PADDED> {
    #[inline(always)]
    unsafe fn run(self) {
        if const { R > I::LAYOUT.group } {
            return;
        }
        let Columns { mut rows, c, columns, mut to, to_stride } = self.0;
        for _ in 0..columns {
            // SAFETY: the rows have so many columns, and there is room for their vectors.
            unsafe {
                if PADDED {
                    let mut padded = [[0_u8; 32]; 4];
                    let mut copies = rows;
                    for r in 0..R {
                        padded[r].as_mut_ptr().copy_from_nonoverlapping(rows[r], c);
                        copies[r] = padded[r].as_ptr();
                    }
                    I::interleave::<R>(copies, V * I::LAYOUT.lanes, to);
                } else {
                    I::interleave::<R>(rows, V * I::LAYOUT.lanes, to);
                }
            }
            // The last step leads to where nothing is read.
            for row in rows.iter_mut().take(R) {
                *row = row.wrapping_add(c);
            }
            to = to.wrapping_add(to_stride);
        }
    }
}

/// Pixels at a time: enough independent sums.
const PIXELS: usize = 4;

/// Neighbouring pixels of a row whose columns are in the panel.
struct Run<'a, E, Cell> {
    panel: *const u8,
    weights: *const u8,
    bias: *const i32,
    /// Dot products per channel.
    taps: usize,
    /// From a pixel to the next one in the panel.
    pixel_bytes: usize,
    start: usize,
    width: usize,
    emit: &'a E,
    cells: *mut Cell,
    cell_stride: usize,
}

impl<E, Cell> Run<'_, E, Cell> {
    #[inline(always)]
    unsafe fn pixels<I: Isa, const V: usize, const T: usize, const S: usize, const WHOLE: bool>(
        &self,
        pixels: Range<usize>,
    ) where
        E: Emit<I, Cell = Cell>,
    {
        // SAFETY: the caller's promise.
        unsafe { I::outlined(Pixels::<I, E, V, T, S, WHOLE> { run: self, pixels }) };
    }
}

/// T taps at stride S, where they are known. `WHOLE`: pixels and channels fill the tiles.
struct Pixels<'a, I: Isa, E: Emit<I>, const V: usize, const T: usize, const S: usize, const WHOLE: bool> {
    run: &'a Run<'a, E, E::Cell>,
    pixels: Range<usize>,
}

impl<I: Isa, E: Emit<I>, const V: usize, const T: usize, const S: usize, const WHOLE: bool> Task
    for Pixels<'_, I, E, V, T, S, WHOLE>
{
    #[inline(always)]
    unsafe fn run(self) {
        let Run { panel, weights, bias, start, width, emit, cells, cell_stride, .. } = *self.run;
        let vector_bytes = I::LAYOUT.vector_bytes();
        let (taps, pixel_bytes) = match T {
            0 => (self.run.taps, self.run.pixel_bytes),
            _ => (T, T / 3 * S * V * vector_bytes),
        };
        // SAFETY: the panel holds the columns of these pixels; those beyond the last are read as the last.
        unsafe {
            let mut first = [I::load_acc(bias); V];
            for (v, first) in first.iter_mut().enumerate().skip(1) {
                *first = I::load_acc(bias.add(v * I::LAYOUT.lanes));
            }
            // Loaded once: the compiler can't know that the output is elsewhere.
            let mut known = [[I::load(weights); V]; T];
            for t in 0..T {
                for v in 0..V {
                    known[t][v] = I::load(weights.add((t * V + v) * vector_bytes));
                }
            }
            let Range { start: mut x, end } = self.pixels;
            while x < end {
                let some = if WHOLE { PIXELS } else { PIXELS.min(end - x) };
                let from = panel.add(x * pixel_bytes);
                let mut acc = [first; PIXELS];
                for t in 0..taps {
                    for v in 0..V {
                        let at = (t * V + v) * vector_bytes;
                        let w = if T > 0 { known[t][v] } else { I::load(weights.add(at)) };
                        for i in 0..PIXELS {
                            let i_bytes = if WHOLE { i } else { i.min(some - 1) } * pixel_bytes;
                            acc[i][v] = I::dot(acc[i][v], I::load(from.add(i_bytes + at)), w);
                        }
                    }
                }
                let cells = cells.add(x * cell_stride);
                emit.tile::<PIXELS, V, WHOLE>(&acc, start, width, cells, cell_stride, some);
                x += some;
            }
        }
    }
}
