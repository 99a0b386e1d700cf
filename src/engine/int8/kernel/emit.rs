//! The way out of the accumulators: to bytes through the requantisation, or to floats.

#![expect(clippy::needless_range_loop, reason = "counted loops over registers, which the compiler unrolls")]

use std::mem::MaybeUninit;

use super::Requant;
use super::isa::Isa;

/// Most lanes that a block has.
const WIDEST: usize = 32;
/// Most rows that a tile has.
const MOST_ROWS: usize = 12;

pub(super) trait Emit<I: Isa> {
    type Out: Copy;
    /// What tiles become, before the panel of rows that they belong to is finished.
    type Cell: Copy;

    /// Where the tiles of a panel go whose rows end up at `out`, and how far its rows are apart.
    fn cells(&self, out: *mut Self::Out, out_stride: usize) -> (*mut Self::Cell, usize);

    /// Writes the first `rows` rows of a tile, `width` channels of each, which are all of them where it is `WHOLE`. `cells` points to the
    /// tile's first element, `start` is its channel.
    ///
    /// # Safety
    /// The rows lie among the cells, `start + width` channels have factors, `width <= V · lanes`, and less only where `start` is 0.
    unsafe fn tile<const R: usize, const V: usize, const WHOLE: bool>(
        &self,
        acc: &[[I::Acc; V]; R],
        start: usize,
        width: usize,
        cells: *mut Self::Cell,
        stride: usize,
        rows: usize,
    );

    /// What is left to do for `rows` whole rows of `n` elements.
    ///
    /// # Safety
    /// They lie in the output.
    unsafe fn finish(&self, out: *mut Self::Out, out_stride: usize, rows: usize, n: usize);
}

/// The factors of a block, padded where there are fewer channels than lanes.
struct Factors([f32; WIDEST]);

impl Factors {
    fn padded(factor: &[f32]) -> Self {
        let mut padded = [0.0; WIDEST];
        padded[..factor.len()].copy_from_slice(factor);
        Self(padded)
    }
}

pub(super) struct Bytes<'a, I: Isa> {
    requant: &'a Requant,
    narrow: I::Narrow,
    table: Option<I::Table>,
}

impl<'a, I: Isa> Bytes<'a, I> {
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn new(requant: &'a Requant) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let table = requant.table.as_ref().map(|table| I::table(table));
            Self { requant, narrow: I::narrow(requant.zero, requant.low, requant.high), table }
        }
    }
}

impl<I: Isa> Emit<I> for Bytes<'_, I> {
    type Out = u8;
    type Cell = u8;

    #[inline(always)]
    fn cells(&self, out: *mut u8, out_stride: usize) -> (*mut u8, usize) {
        (out, out_stride)
    }

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
        let rows = if WHOLE { R } else { rows };
        let row_bytes = V * I::LAYOUT.lanes;
        let mut ours = MaybeUninit::<[u8; WIDEST * MOST_ROWS + 2 * WIDEST]>::uninit();
        let ours = ours.as_mut_ptr().cast::<u8>();
        let whole = WHOLE || width == row_bytes;
        // SAFETY: a row is written at `out` if it is wanted whole, and else to memory of our own that holds a tile and, behind it,
        // four vectors.
        unsafe {
            let padded = if whole { Factors([0.0; WIDEST]) } else { Factors::padded(&self.requant.factor) };
            let factor = if whole { self.requant.factor.as_ptr().add(start) } else { padded.0.as_ptr() };
            let factor = factors::<I, V>(factor);
            let unwanted = ours.add(WIDEST * MOST_ROWS);
            let target = match whole {
                true => Rows { out, out_stride, rows, unwanted },
                false => Rows { out: ours, out_stride: row_bytes, rows: R, unwanted },
            };
            match const { V } {
                1 => self.rows::<R, V, 4>(acc, factor, target),
                2 => self.rows::<R, V, 2>(acc, factor, target),
                _ => self.rows::<R, V, 1>(acc, factor, target),
            }
            if !whole {
                for row in 0..rows {
                    let from = ours.add(row * row_bytes);
                    out.add(row * out_stride).copy_from_nonoverlapping(from, width);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn finish(&self, out: *mut u8, out_stride: usize, rows: usize, n: usize) {
        let Some(table) = &self.table else { return };
        // SAFETY: the caller's promise.
        unsafe {
            if out_stride == n {
                I::lookup(table, out, rows * n);
            } else {
                for row in 0..rows {
                    I::lookup(table, out.add(row * out_stride), n);
                }
            }
        }
    }
}

/// Where the rows of a tile go: beyond `rows` to `unwanted`.
#[derive(Clone, Copy)]
struct Rows {
    out: *mut u8,
    out_stride: usize,
    rows: usize,
    unwanted: *mut u8,
}

impl Rows {
    #[inline(always)]
    fn at(&self, row: usize) -> *mut u8 {
        if row < self.rows { self.out.wrapping_add(row * self.out_stride) } else { self.unwanted }
    }
}

impl<I: Isa> Bytes<'_, I> {
    /// Four vectors at a time, which are `PARTS` rows.
    #[inline(always)]
    unsafe fn rows<const R: usize, const V: usize, const PARTS: usize>(
        &self,
        acc: &[[I::Acc; V]; R],
        factor: [I::Float; V],
        target: Rows,
    ) {
        for first in 0..R.div_ceil(PARTS) {
            let first = first * PARTS;
            let mut out = [target.unwanted; PARTS];
            // SAFETY: as in `tile`.
            unsafe {
                let mut whole = [I::round(I::mul(I::to_float(acc[R - 1][V - 1]), factor[V - 1])); 4];
                for part in 0..PARTS {
                    if first + part < R {
                        out[part] = target.at(first + part);
                        for v in 0..V {
                            whole[part * V + v] = I::round(I::mul(I::to_float(acc[first + part][v]), factor[v]));
                        }
                    }
                }
                I::store_bytes(whole, self.narrow, out);
            }
        }
    }
}

#[inline(always)]
unsafe fn factors<I: Isa, const V: usize>(at: *const f32) -> [I::Float; V] {
    // SAFETY: the caller has V vectors of factors there.
    unsafe {
        let mut factor = [I::load_float(at); V];
        for (v, factor) in factor.iter_mut().enumerate().skip(1) {
            *factor = I::load_float(at.add(v * I::LAYOUT.lanes));
        }
        factor
    }
}

pub(super) struct Floats<'a> {
    pub factor: &'a [f32],
}

impl<I: Isa> Emit<I> for Floats<'_> {
    type Out = f32;
    type Cell = f32;

    #[inline(always)]
    fn cells(&self, out: *mut f32, out_stride: usize) -> (*mut f32, usize) {
        (out, out_stride)
    }

    #[inline(always)]
    unsafe fn tile<const R: usize, const V: usize, const WHOLE: bool>(
        &self,
        acc: &[[I::Acc; V]; R],
        start: usize,
        width: usize,
        out: *mut f32,
        out_stride: usize,
        rows: usize,
    ) {
        let whole = WHOLE || width == V * I::LAYOUT.lanes;
        let padded = if whole { Factors([0.0; WIDEST]) } else { Factors::padded(self.factor) };
        // SAFETY: the caller's promise; the padded factors are as many as a block has lanes.
        unsafe {
            let at = if whole { self.factor.as_ptr().add(start) } else { padded.0.as_ptr() };
            let factor = factors::<I, V>(at);
            let mut y = [factor; R];
            for r in 0..R {
                for v in 0..V {
                    y[r][v] = I::mul(I::to_float(acc[r][v]), factor[v]);
                }
            }
            let (width, rows) = if WHOLE { (V * I::LAYOUT.lanes, R) } else { (width, rows) };
            store_floats::<I, R, V>(&y, width, out, out_stride, rows);
        }
    }

    #[inline(always)]
    unsafe fn finish(&self, _: *mut f32, _: usize, _: usize, _: usize) {}
}

/// The first `rows` rows of a tile, `width` elements of each.
///
/// # Safety
/// They lie in the output, and `width <= V · lanes`.
#[inline(always)]
pub(super) unsafe fn store_floats<I: Isa, const R: usize, const V: usize>(
    y: &[[I::Float; V]; R],
    width: usize,
    out: *mut f32,
    out_stride: usize,
    rows: usize,
) {
    let lanes = I::LAYOUT.lanes;
    let mut part = [0.0; WIDEST];
    for r in 0..R {
        if r == rows {
            break;
        }
        // SAFETY: a whole row goes to the output, a part of one by way of our own memory.
        unsafe {
            let out = out.add(r * out_stride);
            let to = if width == V * lanes { out } else { part.as_mut_ptr() };
            for v in 0..V {
                I::store_float(y[r][v], to.add(v * lanes));
            }
            if width < V * lanes {
                out.copy_from_nonoverlapping(part.as_ptr(), width);
            }
        }
    }
}
