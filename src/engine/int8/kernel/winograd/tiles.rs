//! Tiles on their way in, through the products, and out.

#![expect(clippy::needless_range_loop, reason = "counted loops over registers, which the compiler unrolls")]

use super::super::emit::Emit;
use super::super::isa::{Isa, Task};
use super::{CHANNELS, PLACES, PackedWinograd, Padded};

/// Tiles of `lines` lines, transformed: `[place][tile][channel]`, with room for `tiles`.
pub(super) struct Transform<'a> {
    pub p: &'a PackedWinograd,
    pub picture: &'a Padded<'a>,
    pub first: usize,
    pub lines: usize,
    pub to: *mut i16,
    pub tiles: usize,
}

type Some16 = [i16; CHANNELS];

impl Task for Transform<'_> {
    #[inline(always)]
    unsafe fn run(self) {
        let (c, columns, across) = (self.p.c, Padded::columns(self.picture.width), self.picture.width.div_ceil(2));
        for (line, x) in (0..self.lines).flat_map(|line| (0..across).map(move |x| (line, x))) {
            let corner = (2 * (self.first + line) * columns + 2 * x) * c;
            let tile = (line * across + x) * c;
            for channel in (0..c).step_by(CHANNELS) {
                // The last ones overlap those before them.
                let channel = channel.min(c - CHANNELS);
                // SAFETY: the caller's promise: 4 × 4 pixels from the corner on, and the tile's places.
                unsafe {
                    let from = self.picture.bytes.as_ptr().add(corner + channel);
                    let line = columns * c;
                    let rows = [
                        across_row(from, c),
                        across_row(from.add(line), c),
                        across_row(from.add(2 * line), c),
                        across_row(from.add(3 * line), c),
                    ];
                    for x in 0..4 {
                        let [a, b, c, d] = [&rows[0][x], &rows[1][x], &rows[2][x], &rows[3][x]];
                        let places = [difference(a, c), sum(b, c), difference(c, b), difference(b, d)];
                        for (y, place) in places.iter().enumerate() {
                            let to = self.to.add((y * 4 + x) * self.tiles * self.p.c + tile + channel);
                            to.cast::<Some16>().write_unaligned(*place);
                        }
                    }
                }
            }
        }
    }
}

// Plain loops and always inlined: a closure may become a function of its own, and that has no vectors.

/// Four pixels of a row, transformed.
#[inline(always)]
unsafe fn across_row(from: *const u8, c: usize) -> [Some16; 4] {
    // SAFETY: the caller has four pixels there.
    let d = unsafe { [widened(from), widened(from.add(c)), widened(from.add(2 * c)), widened(from.add(3 * c))] };
    [difference(&d[0], &d[2]), sum(&d[1], &d[2]), difference(&d[2], &d[1]), difference(&d[1], &d[3])]
}

#[inline(always)]
unsafe fn widened(from: *const u8) -> Some16 {
    // SAFETY: the caller has so many bytes there.
    let bytes = unsafe { from.cast::<[u8; CHANNELS]>().read_unaligned() };
    let mut wide = [0; CHANNELS];
    for i in 0..CHANNELS {
        wide[i] = i16::from(bytes[i]);
    }
    wide
}

#[inline(always)]
fn sum(a: &Some16, b: &Some16) -> Some16 {
    let mut sum = [0; CHANNELS];
    for i in 0..CHANNELS {
        sum[i] = a[i].wrapping_add(b[i]);
    }
    sum
}

#[inline(always)]
fn difference(a: &Some16, b: &Some16) -> Some16 {
    let mut difference = [0; CHANNELS];
    for i in 0..CHANNELS {
        difference[i] = a[i].wrapping_sub(b[i]);
    }
    difference
}

/// A line of transformed tiles, and the weights of one block.
pub(super) struct Line<'a, E, Cell> {
    pub tiles: *const u8,
    pub place_bytes: usize,
    pub tile_bytes: usize,
    pub across: usize,
    pub weights: *const u8,
    pub bias: *const i32,
    pub start: usize,
    /// Output channels, at most the block's lanes.
    pub channels: usize,
    /// Groups of input channels.
    pub steps: usize,
    pub emit: &'a E,
    /// Of the upper left pixel and the block's first channel.
    pub cells: *mut Cell,
    pub stride: usize,
    /// Pixels of the output.
    pub width: usize,
    /// Rows of pixels that the output has here: 1 or 2.
    pub rows: usize,
}

impl<E, Cell> Line<'_, E, Cell> {
    #[inline(always)]
    pub unsafe fn groups<I: Isa, const V: usize>(&self)
    where
        E: Emit<I, Cell = Cell>,
    {
        // The compiler drops what no block of this instruction set has.
        if const { V > I::LAYOUT.vectors } {
            return;
        }
        let whole = self.across / 6 * 6;
        // SAFETY: each group has tiles of the line.
        unsafe {
            for first in (0..whole).step_by(6) {
                I::outlined(Group::<I, E, 6, V> { line: self, first, some: 6 });
            }
            let (first, some) = (whole, self.across - whole);
            // The smallest group that has the rest.
            match some {
                0 => (),
                1 => I::outlined(Group::<I, E, 1, V> { line: self, first, some }),
                2 => I::outlined(Group::<I, E, 2, V> { line: self, first, some }),
                3..=4 => I::outlined(Group::<I, E, 4, V> { line: self, first, some }),
                _ => I::outlined(Group::<I, E, 6, V> { line: self, first, some }),
            }
        }
    }
}

/// `some` of R tiles from tile `first` of a line on, V vectors of output channels.
struct Group<'a, I: Isa, E: Emit<I>, const R: usize, const V: usize> {
    line: &'a Line<'a, E, E::Cell>,
    first: usize,
    some: usize,
}

impl<I: Isa, E: Emit<I>, const R: usize, const V: usize> Task for Group<'_, I, E, R, V> {
    #[inline(always)]
    unsafe fn run(self) {
        let Line { tiles, place_bytes, tile_bytes, weights, bias, stride, width, steps, .. } = *self.line;
        let (step_bytes, vector_bytes) = (I::LAYOUT.step * I::LAYOUT.cell, I::LAYOUT.vector_bytes());
        // SAFETY: tiles beyond the last are read as the last; weights have V vectors per group, bias V vectors.
        unsafe {
            let zero = I::load_acc([0_i32; 16].as_ptr());
            let mut sums = [[[zero; V]; R]; PLACES];
            let mut weights = weights;
            for (place, sums) in sums.iter_mut().enumerate() {
                let mut a = [tiles.add(place * place_bytes + self.first * tile_bytes); R];
                for r in 1..R {
                    a[r] = a[0].add(r.min(self.some - 1) * tile_bytes);
                }
                let mut acc = [[zero; V]; R];
                for step in 0..steps {
                    let mut w = [I::load(weights); V];
                    for (v, w) in w.iter_mut().enumerate().skip(1) {
                        *w = I::load(weights.add(v * vector_bytes));
                    }
                    for r in 0..R {
                        let a = I::load_step(a[r].add(step * step_bytes));
                        for v in 0..V {
                            acc[r][v] = I::dot_step::<0>(acc[r][v], a, w[v]);
                        }
                    }
                    weights = weights.add(V * vector_bytes);
                }
                *sums = acc;
            }
            let pixels = untransformed::<I, R, V>(&sums, bias);
            for (pixel, acc) in pixels.iter().enumerate() {
                let (y, x) = (pixel / 2, pixel % 2);
                let column = 2 * self.first + x;
                // Of an odd width, the last tile has one column.
                let rows = self.some.min(width.saturating_sub(column).div_ceil(2));
                if y < self.line.rows && rows > 0 {
                    let cells = self.line.cells.add((y * width + column) * stride);
                    let Line { emit, start, channels, .. } = *self.line;
                    emit.tile::<R, V, false>(acc, start, channels, cells, 2 * stride, rows);
                }
            }
        }
    }
}

/// From sums by place to the sums of the four pixels: `Aᵀ · m · A`, a quarter of it, and the bias.
///
/// # Safety
/// As of `Isa`; there are V vectors of bias.
#[inline(always)]
unsafe fn untransformed<I: Isa, const R: usize, const V: usize>(
    sums: &[[[I::Acc; V]; R]; PLACES],
    bias: *const i32,
) -> [[[I::Acc; V]; R]; 4] {
    let lanes = V * I::LAYOUT.lanes;
    // SAFETY: a vector of accumulators is its lanes of i32, in order.
    unsafe {
        let mut pixels = [[[I::load_acc(bias); V]; R]; 4];
        let from = sums.as_ptr().cast::<i32>();
        let to = pixels.as_mut_ptr().cast::<i32>();
        for tile in 0..R {
            for lane in 0..lanes {
                let mut m = [0_i32; PLACES];
                for (place, m) in m.iter_mut().enumerate() {
                    *m = *from.add((place * R + tile) * lanes + lane);
                }
                let mut halves = [[0_i32; 4]; 2];
                for x in 0..4 {
                    halves[0][x] = m[x].wrapping_add(m[4 + x]).wrapping_add(m[8 + x]);
                    halves[1][x] = m[4 + x].wrapping_sub(m[8 + x]).wrapping_sub(m[12 + x]);
                }
                for y in 0..2 {
                    let [a, b, c, d] = halves[y];
                    let four = [a.wrapping_add(b).wrapping_add(c), b.wrapping_sub(c).wrapping_sub(d)];
                    for x in 0..2 {
                        let to = to.add(((2 * y + x) * R + tile) * lanes + lane);
                        *to = (four[x] >> 2).wrapping_add(*bias.add(lane));
                    }
                }
            }
        }
        pixels
    }
}
