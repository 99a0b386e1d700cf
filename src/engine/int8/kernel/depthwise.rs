//! Depthwise convolution of bytes, one row of output: a block of channels at a time, the columns of all input rows are
//! interleaved into a panel, so that a dot product adds up 2 or 4 rows of a channel. An output pixel is then one run through
//! neighbouring vectors of the panel beside the same number of weights.

use super::Scratch;
use super::emit::Emit;
use super::isa::Isa;
use super::pack::{Block, PackedDepthwise};

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
    let groups = p.shape.kh.div_ceil(layout.group);
    let mut weights = p.weights.as_slice().as_ptr();
    let mut bias = p.bias.as_ptr();
    for block in &p.blocks {
        let row = Row { p, rows, stride, w_out, groups, weights, bias };
        // SAFETY: the caller's promise; weights and bias have as many vectors as the blocks.
        unsafe {
            let out = out.add(block.start);
            match block.vectors {
                1 => row.block::<I, E, 1>(block, emit, out, out_stride, scratch),
                _ => row.block::<I, E, 2>(block, emit, out, out_stride, scratch),
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
        block: &Block,
        emit: &E,
        out: *mut E::Out,
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        let kw = self.p.shape.kw;
        let column_bytes = self.groups * V * I::LAYOUT.vector_bytes();
        let columns = (PANEL_BYTES / column_bytes).max(kw + 3 * self.stride);
        let pixels = (columns - kw) / self.stride + 1;
        let panel = scratch.panel.at_least(columns * column_bytes).as_mut_ptr();
        let mut first = 0;
        while first < self.w_out {
            let pixels = pixels.min(self.w_out - first);
            // SAFETY: the panel holds the columns of these pixels.
            unsafe {
                self.fill::<I, V>(block, first * self.stride, (pixels - 1) * self.stride + kw, panel);
                let out = out.add(first * out_stride);
                match (kw * self.groups, self.stride) {
                    (3, 1) => self.pixels::<I, E, V, 3, 1>(block, panel, pixels, emit, out, out_stride),
                    (3, 2) => self.pixels::<I, E, V, 3, 2>(block, panel, pixels, emit, out, out_stride),
                    (6, 1) => self.pixels::<I, E, V, 6, 1>(block, panel, pixels, emit, out, out_stride),
                    (6, 2) => self.pixels::<I, E, V, 6, 2>(block, panel, pixels, emit, out, out_stride),
                    _ => self.pixels::<I, E, V, 0, 0>(block, panel, pixels, emit, out, out_stride),
                }
            }
            first += pixels;
        }
    }

    /// Columns `first..first + columns` as `[column][group][vector]`.
    #[inline(always)]
    unsafe fn fill<I: Isa, const V: usize>(&self, block: &Block, first: usize, columns: usize, panel: *mut u8) {
        let (c, group) = (self.p.shape.c, I::LAYOUT.group);
        let vectors_bytes = V * I::LAYOUT.vector_bytes();
        let channels = V * I::LAYOUT.lanes;
        for g in 0..self.groups {
            let lines = &self.rows[g * group..self.rows.len().min((g + 1) * group)];
            let mut from = [lines[0].as_ptr(); 4];
            for (from, line) in from.iter_mut().zip(lines) {
                *from = line.as_ptr();
            }
            for column in 0..columns {
                let at = (first + column) * c + block.start;
                // SAFETY: the caller's promise; where there are fewer channels than lanes, a copy has as many.
                unsafe {
                    let to = panel.add((column * self.groups + g) * vectors_bytes);
                    let mut padded = [[0_u8; 32]; 4];
                    let mut from = from;
                    for (r, from) in from.iter_mut().enumerate() {
                        *from = from.add(at);
                        if c < channels {
                            padded[r].as_mut_ptr().copy_from_nonoverlapping(*from, c);
                            *from = padded[r].as_ptr();
                        }
                    }
                    match lines.len() {
                        1 => I::interleave::<1>(from, channels, to),
                        2 => I::interleave::<2>(from, channels, to),
                        3 => I::interleave::<3>(from, channels, to),
                        _ => I::interleave::<4>(from, channels, to),
                    }
                }
            }
        }
    }

    /// `T` vectors of taps and the stride where they are known, else 0.
    #[inline(always)]
    unsafe fn pixels<I: Isa, E: Emit<I>, const V: usize, const T: usize, const S: usize>(
        &self,
        block: &Block,
        panel: *const u8,
        pixels: usize,
        emit: &E,
        out: *mut E::Out,
        out_stride: usize,
    ) {
        let layout = I::LAYOUT;
        let taps = if T > 0 { T } else { self.p.shape.kw * self.groups };
        let (stride, groups) = if T > 0 { (S, T / 3) } else { (self.stride, self.groups) };
        let vector_bytes = layout.vector_bytes();
        let pixel_bytes = stride * groups * V * vector_bytes;
        let width = self.p.shape.c.min(V * layout.lanes);
        // SAFETY: the panel holds the columns of `pixels` pixels; those beyond the last are read as the last.
        unsafe {
            let mut bias = [I::load_acc(self.bias); V];
            for (v, bias) in bias.iter_mut().enumerate().skip(1) {
                *bias = I::load_acc(self.bias.add(v * layout.lanes));
            }
            // Loaded once: the compiler can't know that the output is elsewhere.
            let mut known = [[I::load(self.weights); V]; T];
            for t in 0..T {
                for v in 0..V {
                    known[t][v] = I::load(self.weights.add((t * V + v) * vector_bytes));
                }
            }
            let mut x = 0;
            while x < pixels {
                let some = PIXELS.min(pixels - x);
                let mut acc = [bias; PIXELS];
                let from = panel.add(x * pixel_bytes);
                let mut offset = [0; PIXELS];
                for (i, offset) in offset.iter_mut().enumerate() {
                    *offset = i.min(some - 1) * pixel_bytes;
                }
                if some == PIXELS {
                    // Known distances share the addresses.
                    for (i, offset) in offset.iter_mut().enumerate() {
                        *offset = i * pixel_bytes;
                    }
                    run::<I, V, T>(&mut acc, from, offset, taps, &known, self.weights);
                } else {
                    run::<I, V, T>(&mut acc, from, offset, taps, &known, self.weights);
                }
                emit.tile::<PIXELS, V, false>(&acc, block.start, width, out.add(x * out_stride), out_stride, some);
                x += some;
            }
        }
    }
}

/// Pixels at a time: enough independent sums, and whole vectors of bytes.
const PIXELS: usize = 2;

#[inline(always)]
unsafe fn run<I: Isa, const V: usize, const T: usize>(
    acc: &mut [[I::Acc; V]; PIXELS],
    from: *const u8,
    offset: [usize; PIXELS],
    taps: usize,
    known: &[[I::Data; V]; T],
    weights: *const u8,
) {
    let vector_bytes = I::LAYOUT.vector_bytes();
    for t in 0..taps {
        for v in 0..V {
            let at = (t * V + v) * vector_bytes;
            // SAFETY: as the caller's.
            unsafe {
                let w = if T > 0 { known[t][v] } else { I::load(weights.add(at)) };
                for i in 0..PIXELS {
                    acc[i][v] = I::dot(acc[i][v], I::load(from.add(offset[i] + at)), w);
                }
            }
        }
    }
}
