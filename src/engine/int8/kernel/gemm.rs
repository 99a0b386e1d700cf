//! The matrix product of bytes: a panel of rows at a time (where they lie, or converted if the instruction set wants that), within it a
//! block of output channels, within it tiles whose accumulators stay in registers over all of k.

use super::emit::Emit;
use super::isa::{Isa, Task};
use super::pack::PackedGemm;
use super::{Patches, Scratch};

/// A panel stays in the second cache level beside the weights that it meets.
const PANEL_BYTES: usize = 16 << 10;
/// Its rows' output stays there too, until the table is applied.
pub(super) const PANEL_ROWS: usize = 96;

/// Where the rows come from.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    Matrix { a: &'a [u8], stride: usize },
    Patches(&'a Patches<'a>),
}

/// # Safety
/// The processor has the instruction set, `p` was packed for it, and `m` rows lie in the input and, `out_stride` elements apart, at `out`.
#[inline(always)]
pub(super) unsafe fn gemm<I: Isa, E: Emit<I>>(
    p: &PackedGemm,
    m: usize,
    input: Input,
    emit: &E,
    out: *mut E::Out,
    out_stride: usize,
    scratch: &mut Scratch,
) {
    let layout = I::LAYOUT;
    let k = p.k.next_multiple_of(layout.step);
    let row_bytes = k * layout.cell;
    let panel_rows = (PANEL_BYTES / row_bytes).clamp(I::ROWS, PANEL_ROWS).next_multiple_of(I::ROWS);
    let mut first = 0;
    while first < m {
        let mut rows = panel_rows.min(m - first);
        let whole: [&[u8]; 1];
        let (lines, start, stride) = match input {
            Input::Matrix { a, stride } if I::DIRECT => {
                whole = [a];
                (&whole[..], first * stride, stride)
            }
            // A patch is no row in memory, but each of its lines is a part of one.
            Input::Patches(patches) if I::DIRECT && (patches.kw * patches.c).is_multiple_of(layout.step) => {
                let (y, x) = (first / patches.w_out, first % patches.w_out);
                rows = PANEL_ROWS.min(patches.w_out - x);
                let stride = patches.stride * patches.c;
                (&patches.rows[y * patches.stride..][..patches.kh], x * stride, stride)
            }
            _ => {
                let panel = scratch.panel.at_least(panel_rows * row_bytes);
                // SAFETY: the panel holds so many rows, which lie in the input.
                unsafe { fill::<I>(input, p.k, first, rows, panel.as_mut_ptr(), row_bytes) };
                whole = [panel];
                (&whole[..], 0, row_bytes)
            }
        };
        // SAFETY: these rows lie in the output.
        let (cells, cell_stride) = emit.cells(unsafe { out.add(first * out_stride) }, out_stride);
        let mut weights = p.weights.as_slice().as_ptr();
        let mut bias = p.bias.as_ptr();
        for block in &p.blocks {
            // SAFETY: weights and bias of as many vectors as the blocks have, and rows as the caller promises.
            unsafe {
                let panel = Panel {
                    lines,
                    start,
                    stride,
                    rows,
                    steps: k / layout.step / lines.len(),
                    weights,
                    bias,
                    channel: block.start,
                    width: p.n.min(block.vectors * layout.lanes),
                    emit,
                    cells: cells.add(block.start),
                    cell_stride,
                };
                match block.vectors {
                    1 => panel.tiles::<I, 1>(),
                    2 => panel.tiles::<I, 2>(),
                    _ => panel.tiles::<I, 4>(),
                }
                weights = weights.add(k / layout.group * block.vectors * layout.vector_bytes());
                bias = bias.add(block.vectors * layout.lanes);
            }
        }
        // SAFETY: these rows were just written.
        unsafe { emit.finish(out.add(first * out_stride), out_stride, rows, p.n) };
        first += rows;
    }
}

/// Rows `first..first + rows` of the input as cells.
#[inline(always)]
unsafe fn fill<I: Isa>(input: Input, k: usize, first: usize, rows: usize, panel: *mut u8, row_bytes: usize) {
    match input {
        Input::Matrix { a, stride } => {
            for row in 0..rows {
                // SAFETY: `k` bytes of the row are in `a`.
                unsafe { I::convert(a.as_ptr().add((first + row) * stride), k, panel.add(row * row_bytes)) };
            }
        }
        Input::Patches(patches) => {
            let segment = patches.kw * patches.c;
            let (mut y, mut x) = (first / patches.w_out, first % patches.w_out);
            for row in 0..rows {
                let lines = &patches.rows[y * patches.stride..][..patches.kh];
                for (dy, line) in lines.iter().enumerate() {
                    // SAFETY: Patches::check has seen that the segment lies in the line.
                    unsafe {
                        let from = line.as_ptr().add(x * patches.stride * patches.c);
                        I::convert(from, segment, panel.add(row * row_bytes + dy * segment * I::LAYOUT.cell));
                    }
                }
                (y, x) = if x + 1 == patches.w_out { (y + 1, 0) } else { (y, x + 1) };
            }
        }
    }
}

/// Rows of activations, and the weights of one block.
struct Panel<'a, E, Cell> {
    /// The parts of each row: all of it, or what a window sees of each line of a picture.
    lines: &'a [&'a [u8]],
    /// Bytes of a line before the first row, and from one row to the next.
    start: usize,
    stride: usize,
    rows: usize,
    /// Of a line.
    steps: usize,
    weights: *const u8,
    bias: *const i32,
    /// The block's first.
    channel: usize,
    /// Output channels, at most the block's lanes.
    width: usize,
    emit: &'a E,
    cells: *mut Cell,
    cell_stride: usize,
}

/// Tiles of R rows and V vectors, from row `first` to before `end`. `WHOLE`: the rows fill the tiles, the channels the vectors.
struct Tiles<'a, I: Isa, E: Emit<I>, const R: usize, const V: usize, const WHOLE: bool> {
    panel: &'a Panel<'a, E, E::Cell>,
    first: usize,
    end: usize,
}

impl<E, Cell> Panel<'_, E, Cell> {
    #[inline(always)]
    unsafe fn tiles<I: Isa, const V: usize>(&self)
    where
        E: Emit<I, Cell = Cell>,
    {
        // The compiler drops what no block of this instruction set has.
        if const { V > I::LAYOUT.vectors } {
            return;
        }
        let whole = match self.width == V * I::LAYOUT.lanes {
            true => self.rows / I::ROWS * I::ROWS,
            false => 0,
        };
        // SAFETY: each tile has rows of the panel.
        unsafe {
            if whole > 0 {
                match I::ROWS {
                    4 => I::outlined(Tiles::<I, E, 4, V, true> { panel: self, first: 0, end: whole }),
                    6 => I::outlined(Tiles::<I, E, 6, V, true> { panel: self, first: 0, end: whole }),
                    _ => I::outlined(Tiles::<I, E, 12, V, true> { panel: self, first: 0, end: whole }),
                }
            }
            let (first, end) = (whole, self.rows);
            // The smallest tile that has the rest.
            match end - first {
                0 => (),
                1 => I::outlined(Tiles::<I, E, 1, V, false> { panel: self, first, end }),
                2 => I::outlined(Tiles::<I, E, 2, V, false> { panel: self, first, end }),
                3..=4 => I::outlined(Tiles::<I, E, 4, V, false> { panel: self, first, end }),
                _ if const { I::ROWS == 4 } => I::outlined(Tiles::<I, E, 4, V, false> { panel: self, first, end }),
                5..=6 => I::outlined(Tiles::<I, E, 6, V, false> { panel: self, first, end }),
                _ if const { I::ROWS == 6 } => I::outlined(Tiles::<I, E, 6, V, false> { panel: self, first, end }),
                _ => I::outlined(Tiles::<I, E, 12, V, false> { panel: self, first, end }),
            }
        }
    }
}

impl<I: Isa, E: Emit<I>, const R: usize, const V: usize, const WHOLE: bool> Task for Tiles<'_, I, E, R, V, WHOLE> {
    #[inline(always)]
    unsafe fn run(self) {
        let Panel { lines, start, stride, steps, bias, channel, width, emit, cells, cell_stride, .. } = *self.panel;
        let layout = I::LAYOUT;
        let mut row = self.first;
        while row < self.end {
            let some = if WHOLE { R } else { R.min(self.end - row) };
            // SAFETY: rows beyond the last are read as the last; weights and bias have V vectors per group.
            unsafe {
                let mut a = tops(&lines[0][start..], row, stride, some);
                let mut first = [I::load_acc(bias); V];
                for (v, first) in first.iter_mut().enumerate().skip(1) {
                    *first = I::load_acc(bias.add(v * layout.lanes));
                }
                let mut acc = [first; R];
                let mut weights = along::<I, R, V>(&mut acc, &a, steps, self.panel.weights);
                // Converted rows are whole.
                if const { I::DIRECT } {
                    for line in &lines[1..] {
                        a = tops(&line[start..], row, stride, some);
                        weights = along::<I, R, V>(&mut acc, &a, steps, weights);
                    }
                }
                let cells = cells.add(row * cell_stride);
                emit.tile::<R, V, WHOLE>(&acc, channel, width, cells, cell_stride, some);
            }
            row += some;
        }
    }
}

/// Where the rows from `row` on begin in a line, `stride` bytes apart; those beyond `some` as the last.
#[inline(always)]
unsafe fn tops<const R: usize>(line: &[u8], row: usize, stride: usize, some: usize) -> [*const u8; R] {
    // SAFETY: the caller has these rows in the line.
    unsafe {
        let mut a = [line.as_ptr().add(row * stride); R];
        for r in 1..R {
            a[r] = a[0].add(r.min(some - 1) * stride);
        }
        a
    }
}

/// All steps of a line; gives the weights behind theirs.
#[inline(always)]
unsafe fn along<I: Isa, const R: usize, const V: usize>(
    acc: &mut [[I::Acc; V]; R],
    a: &[*const u8; R],
    steps: usize,
    mut weights: *const u8,
) -> *const u8 {
    let layout = I::LAYOUT;
    let (step_bytes, vector_bytes) = (layout.step * layout.cell, layout.vector_bytes());
    // SAFETY: the caller has R rows of so many steps, and their weights.
    unsafe {
        for step in 0..steps {
            let at = step * step_bytes;
            group::<I, R, V, 0>(acc, a, at, weights);
            if const { I::LAYOUT.step == 4 * I::LAYOUT.group } {
                group::<I, R, V, 1>(acc, a, at, weights.add(V * vector_bytes));
                group::<I, R, V, 2>(acc, a, at, weights.add(2 * V * vector_bytes));
                group::<I, R, V, 3>(acc, a, at, weights.add(3 * V * vector_bytes));
            }
            weights = weights.add(layout.step / layout.group * V * vector_bytes);
        }
    }
    weights
}

/// Group `G` of the step at byte `at` of each row: one dot product per accumulator.
#[inline(always)]
unsafe fn group<I: Isa, const R: usize, const V: usize, const G: usize>(
    acc: &mut [[I::Acc; V]; R],
    a: &[*const u8; R],
    at: usize,
    weights: *const u8,
) {
    // SAFETY: the caller has R rows with a step there, and V vectors of weights.
    unsafe {
        let mut w = [I::load(weights); V];
        for (v, w) in w.iter_mut().enumerate().skip(1) {
            *w = I::load(weights.add(v * I::LAYOUT.vector_bytes()));
        }
        for r in 0..R {
            let step = I::load_step(a[r].add(at));
            for v in 0..V {
                acc[r][v] = I::dot_step::<G>(acc[r][v], step, w[v]);
            }
        }
    }
}
