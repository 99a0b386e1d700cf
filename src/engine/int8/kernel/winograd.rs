//! 3×3 convolutions of stride 1 by minimal filtering, F(2×2, 3×3) (Winograd 1980; Lavin & Gray 2016, arXiv:1509.09308, section 4.1):
//! tiles of 4×4 bytes and the weights are both transformed, multiplied place by place, and transformed back to 2×2 sums: 16 products
//! for each pair of channels instead of 36.
//!
//! It is exact. The weights' transform has halves in it; four times the weights has none, and a quarter of whole numbers that are
//! four times whole numbers is no rounding. Activations become at most ±1020, weights ±1152: 16 bits hold them. So it pays where
//! products are of 16 bits anyhow, and not where the processor multiplies bytes.

use super::emit::Emit;
use super::isa::{Isa, Task};
use super::pack::{Aligned, Block, Layout, blocks, folded_bias};
use super::{Kernels, Scratch};

/// Places of a transformed tile.
const PLACES: usize = 16;
/// Transformed tiles that are worked on at a time: they stay in the second cache level beside the weights.
const CHUNK_BYTES: usize = 96 << 10;
/// Channels are transformed so many at a time.
pub(super) const CHANNELS: usize = 16;
/// Four times a sum must fit 32 bits.
const MOST_CHANNELS: usize = (1 << 29) / (9 * 255 * 128);

/// The transformed weights of a 3×3 convolution from `c` to `n` channels.
#[derive(Clone, Debug)]
pub struct PackedWinograd {
    pub(super) kernels: Kernels,
    pub(super) n: usize,
    pub(super) c: usize,
    blocks: Vec<Block>,
    /// Block after block, each `[place][group][vector][lane][value]`, of 16 bits.
    weights: Aligned,
    bias: Vec<i32>,
}

/// A picture with its padding in place, for an output of `height × width` pixels.
#[derive(Clone, Copy, Debug)]
pub struct Padded<'a> {
    /// [`Padded::lines`] lines of [`Padded::columns`] pixels of `c` bytes.
    pub bytes: &'a [u8],
    pub height: usize,
    pub width: usize,
}

impl Padded<'_> {
    /// Those of whole tiles: 2 more than the output, rounded up to even.
    pub fn lines(height: usize) -> usize {
        height.next_multiple_of(2) + 2
    }

    pub fn columns(width: usize) -> usize {
        Self::lines(width)
    }
}

impl PackedWinograd {
    /// `weights`: `[n][9][c]`; `bias`: `n` accumulators; `a_zero`: the byte that means 0.0 in the input. None where it does not pay or
    /// is not exact for these kernels and channels.
    pub fn new(kernels: Kernels, n: usize, c: usize, weights: &[i8], bias: &[i32], a_zero: u8) -> Option<Self> {
        let layout = kernels.layout();
        let pays = layout.cell == 2 && kernels != Kernels::Scalar && kernels.runs_here();
        pays.then(|| Self::pack(kernels, layout, n, c, weights, bias, a_zero)).flatten()
    }

    pub(super) fn pack(
        kernels: Kernels,
        layout: Layout,
        n: usize,
        c: usize,
        weights: &[i8],
        bias: &[i32],
        a_zero: u8,
    ) -> Option<Self> {
        if c < CHANNELS || !c.is_multiple_of(layout.group) || c > MOST_CHANNELS || n == 0 {
            return None;
        }
        assert!(weights.len() == n * 9 * c && bias.len() == n, "{n} × 9 × {c} weights");
        let blocks = blocks(n, layout.lanes, 1, layout.vectors);
        let vectors: usize = blocks.iter().map(|block| block.vectors).sum();
        let groups = c / layout.group;
        let mut packed = Aligned::zeroed(vectors * PLACES * groups * layout.vector_bytes());
        let mut packed_bias = Vec::with_capacity(vectors * layout.lanes);
        let cells = packed.as_mut_slice();
        let mut at = 0;
        for block in &blocks {
            let place_bytes = groups * block.vectors * layout.vector_bytes();
            for lane in 0..block.vectors * layout.lanes {
                let Some(w) = weights.chunks(9 * c).nth(block.start + lane) else {
                    packed_bias.push(0);
                    continue;
                };
                packed_bias.push(folded_bias(bias[block.start + lane], w.iter(), a_zero, 0));
                for channel in 0..c {
                    let taps = transformed(std::array::from_fn(|tap| i16::from(w[tap * c + channel])));
                    let vector = channel / layout.group * block.vectors + lane / layout.lanes;
                    let slot = layout.slot(lane % layout.lanes, channel % layout.group) * 2;
                    for (place, tap) in taps.iter().enumerate() {
                        let to = at + place * place_bytes + vector * layout.vector_bytes() + slot;
                        cells[to..to + 2].copy_from_slice(&tap.to_le_bytes());
                    }
                }
            }
            at += PLACES * place_bytes;
        }
        Some(Self { kernels, n, c, blocks, weights: packed, bias: packed_bias })
    }

    pub(super) fn check(&self, picture: &Padded) {
        let Padded { bytes, height, width } = *picture;
        let needed = Padded::lines(height) * Padded::columns(width) * self.c;
        assert!(height * width > 0 && bytes.len() >= needed, "{height} × {width} pixels need {needed} bytes");
    }

    /// Lines of tiles that are worked on at a time.
    pub(super) fn chunk(&self, picture: &Padded) -> usize {
        let line = picture.width.div_ceil(2) * PLACES * self.c * 2;
        (CHUNK_BYTES / line).clamp(1, picture.height.div_ceil(2))
    }
}

/// Four times the transformed weights of one pair of channels: `2G · g · (2G)ᵀ`.
fn transformed(g: [i16; 9]) -> [i16; PLACES] {
    let along = |[a, b, c]: [i16; 3]| [2 * a, a + b + c, a - b + c, 2 * c];
    let columns: [[i16; 4]; 3] = std::array::from_fn(|x| along([g[x], g[3 + x], g[6 + x]]));
    let rows: [[i16; 4]; 4] = std::array::from_fn(|y| along([columns[0][y], columns[1][y], columns[2][y]]));
    std::array::from_fn(|place| rows[place / 4][place % 4])
}

/// `emit` takes as many rows as [`PackedWinograd::chunk`] lines of tiles have pixels.
///
/// # Safety
/// The processor has the instruction set, `p` was packed for it, the picture was checked, and its output's pixels, `pitch` elements apart,
/// lie at `out`.
#[inline(always)]
pub(super) unsafe fn convolve<I: Isa, E: Emit<I>>(
    p: &PackedWinograd,
    picture: &Padded,
    emit: &E,
    out: *mut E::Out,
    pitch: usize,
    scratch: &mut Scratch,
) {
    let Padded { height, width, .. } = *picture;
    let (down, across, most) = (height.div_ceil(2), width.div_ceil(2), p.chunk(picture));
    let tiles = most * across;
    let transformed = scratch.panel.at_least(PLACES * tiles * p.c * 2).as_mut_ptr().cast::<i16>();
    for first in (0..down).step_by(most) {
        let lines = most.min(down - first);
        // SAFETY: the tiles lie in the picture and have room; these pixels lie in the output.
        unsafe {
            I::outlined(Transform { p, picture, first, lines, to: transformed, tiles });
            let out = out.add(2 * first * width * pitch);
            let (cells, stride) = emit.cells(out, pitch);
            let mut weights = p.weights.as_slice().as_ptr();
            let mut bias = p.bias.as_ptr();
            for block in &p.blocks {
                for line in 0..lines {
                    let rows = if 2 * (first + line) + 1 < height { 2 } else { 1 };
                    let line = Line {
                        tiles: transformed.add(line * across * p.c).cast(),
                        place_bytes: tiles * p.c * 2,
                        tile_bytes: p.c * 2,
                        across,
                        weights,
                        bias,
                        start: block.start,
                        channels: p.n.min(block.vectors * I::LAYOUT.lanes),
                        steps: p.c / I::LAYOUT.group,
                        emit,
                        cells: cells.add(2 * line * width * stride + block.start),
                        stride,
                        width,
                        rows,
                    };
                    match block.vectors {
                        1 => line.groups::<I, 1>(),
                        _ => line.groups::<I, 2>(),
                    }
                }
                weights = weights.add(PLACES * p.c / I::LAYOUT.group * block.vectors * I::LAYOUT.vector_bytes());
                bias = bias.add(block.vectors * I::LAYOUT.lanes);
            }
            let rows = (2 * lines).min(height - 2 * first);
            emit.finish(out, pitch, rows * width, p.n);
        }
    }
}

/// Tiles of `lines` lines, transformed: `[place][tile][channel]`, with room for `tiles`.
struct Transform<'a> {
    p: &'a PackedWinograd,
    picture: &'a Padded<'a>,
    first: usize,
    lines: usize,
    to: *mut i16,
    tiles: usize,
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
                    let row = |y: usize| {
                        let d: [Some16; 4] = std::array::from_fn(|x| widened(from.add((y * columns + x) * c)));
                        [
                            difference(&d[0], &d[2]),
                            sum(&d[1], &d[2]),
                            difference(&d[2], &d[1]),
                            difference(&d[1], &d[3]),
                        ]
                    };
                    let rows = [row(0), row(1), row(2), row(3)];
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

#[inline(always)]
unsafe fn widened(from: *const u8) -> Some16 {
    // SAFETY: the caller has so many bytes there.
    let bytes = unsafe { from.cast::<[u8; CHANNELS]>().read_unaligned() };
    bytes.map(i16::from)
}

#[inline(always)]
fn sum(a: &Some16, b: &Some16) -> Some16 {
    std::array::from_fn(|i| a[i].wrapping_add(b[i]))
}

#[inline(always)]
fn difference(a: &Some16, b: &Some16) -> Some16 {
    std::array::from_fn(|i| a[i].wrapping_sub(b[i]))
}

/// A line of transformed tiles, and the weights of one block.
struct Line<'a, E, Cell> {
    tiles: *const u8,
    place_bytes: usize,
    tile_bytes: usize,
    across: usize,
    weights: *const u8,
    bias: *const i32,
    start: usize,
    /// Output channels, at most the block's lanes.
    channels: usize,
    /// Groups of input channels.
    steps: usize,
    emit: &'a E,
    /// Of the upper left pixel and the block's first channel.
    cells: *mut Cell,
    stride: usize,
    /// Pixels of the output.
    width: usize,
    /// Rows of pixels that the output has here: 1 or 2.
    rows: usize,
}

impl<E, Cell> Line<'_, E, Cell> {
    #[inline(always)]
    unsafe fn groups<I: Isa, const V: usize>(&self)
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
                let m = |place: usize| *from.add((place * R + tile) * lanes + lane);
                let sum = |a: i32, b: i32, c: i32| a.wrapping_add(b).wrapping_add(c);
                let rest = |b: i32, c: i32, d: i32| b.wrapping_sub(c).wrapping_sub(d);
                let upper: [i32; 4] = std::array::from_fn(|x| sum(m(x), m(4 + x), m(8 + x)));
                let lower: [i32; 4] = std::array::from_fn(|x| rest(m(4 + x), m(8 + x), m(12 + x)));
                let four = [
                    sum(upper[0], upper[1], upper[2]),
                    rest(upper[1], upper[2], upper[3]),
                    sum(lower[0], lower[1], lower[2]),
                    rest(lower[1], lower[2], lower[3]),
                ];
                for (pixel, four) in four.iter().enumerate() {
                    *to.add((pixel * R + tile) * lanes + lane) = (four >> 2).wrapping_add(*bias.add(lane));
                }
            }
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::emit::Bytes;
    use super::super::portable::LikeAvx2;
    use super::super::tests::{Numbers, UNTOUCHED, same};
    use super::super::through::Through;
    use super::super::{PackedGemm, Patches, Requant};
    use super::*;

    struct Case {
        n: usize,
        c: usize,
        bytes: Vec<u8>,
        height: usize,
        width: usize,
        weights: Vec<i8>,
        bias: Vec<i32>,
        zero: u8,
        requant: Requant,
        pitch: usize,
    }

    impl Case {
        fn new(n: usize, c: usize, height: usize, width: usize, seed: u64) -> Self {
            let mut r = Numbers(seed);
            let bytes = r.bytes(Padded::lines(height) * Padded::columns(width) * c);
            let (weights, bias, zero) = (r.weights(n * 9 * c), r.biases(n), r.next() as u8);
            let requant = r.requant(n, 80.0 * ((9 * c) as f32).sqrt());
            let pitch = n + (r.next() % 3) as usize;
            Self { n, c, bytes, height, width, weights, bias, zero, requant, pitch }
        }

        fn out(&self) -> Vec<u8> {
            vec![UNTOUCHED; (self.height * self.width - 1) * self.pitch + self.n]
        }

        fn picture(&self) -> Padded<'_> {
            Padded { bytes: &self.bytes, height: self.height, width: self.width }
        }

        /// As it is written down.
        fn by_scalar(&self) -> Vec<u8> {
            let k = 9 * self.c;
            let p = PackedGemm::new(Kernels::Scalar, self.n, k, &self.weights, &self.bias, self.zero);
            let lines: Vec<&[u8]> = self.bytes.chunks(Padded::columns(self.width) * self.c).collect();
            let rows = &lines[..self.height + 2];
            let patches = Patches { rows, c: self.c, kh: 3, kw: 3, stride: 1, w_out: self.width };
            let mut out = self.out();
            Kernels::Scalar.conv_u8(&p, &patches, &self.requant, &mut out, self.pitch, &mut Scratch::default());
            out
        }

        fn by_loops<I: Isa>(&self) -> Vec<u8> {
            let scalar = Kernels::Scalar;
            let p =
                PackedWinograd::pack(scalar, I::LAYOUT, self.n, self.c, &self.weights, &self.bias, self.zero).unwrap();
            let (mut out, mut scratch, mut numbers) = (self.out(), Scratch::default(), Vec::new());
            let (picture, to) = (self.picture(), out.as_mut_ptr());
            unsafe {
                match &self.requant.function {
                    None => {
                        let emit = Bytes::<I>::new(&self.requant);
                        convolve::<I, _>(&p, &picture, &emit, to, self.pitch, &mut scratch);
                    }
                    Some(function) => {
                        let rows = 2 * p.chunk(&picture) * self.width;
                        let emit = Through::<I>::new(&self.requant, function, rows, &mut numbers);
                        convolve::<I, _>(&p, &picture, &emit, to, self.pitch, &mut scratch);
                    }
                }
            }
            out
        }

        fn all(&self) -> Vec<(String, Vec<u8>)> {
            let mut results =
                vec![("as it is written".into(), self.by_scalar()), ("portable".into(), self.by_loops::<LikeAvx2>())];
            for kernels in Kernels::available() {
                let packed = PackedWinograd::new(kernels, self.n, self.c, &self.weights, &self.bias, self.zero);
                results.extend(packed.map(|p| {
                    let (mut out, mut scratch) = (self.out(), Scratch::default());
                    kernels.winograd_u8(&p, &self.picture(), &self.requant, &mut out, self.pitch, &mut scratch);
                    (kernels.name().into(), out)
                }));
            }
            results
        }
    }

    proptest! {
        #[test]
        fn it_is_the_convolution_as_it_is_written(
            n in 1_usize..70, pairs in 8_usize..40, height in 1_usize..14, width in 1_usize..30, seed: u64,
        ) {
            same(Case::new(n, 2 * pairs, height, width, seed).all());
        }
    }

    #[test]
    fn chunks_of_several_lines_and_extreme_numbers() {
        // 400 tiles of 2 kB are more than a chunk.
        same(Case::new(33, 64, 40, 40, 5).all());
        let mut most = Case::new(3, MOST_CHANNELS / 2 * 2, 2, 3, 7);
        most.bytes.fill(255);
        most.weights.fill(-128);
        same(most.all());
    }

    #[test]
    fn what_is_not_exact_or_does_not_pay_is_left_to_others() {
        let pack = |c: usize| {
            let layout = <LikeAvx2 as Isa>::LAYOUT;
            PackedWinograd::pack(Kernels::Scalar, layout, 1, c, &vec![1; 9 * c], &[0], 0).is_some()
        };
        assert_eq!([8, 15, 16, 17, 18, 1826, 1828].map(pack), [false, false, true, false, true, true, false]);
        assert!(PackedWinograd::new(Kernels::Scalar, 1, 16, &[1; 144], &[0], 0).is_none());
    }
}
