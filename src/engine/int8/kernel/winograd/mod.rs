//! 3×3 convolutions of stride 1 by minimal filtering, F(2×2, 3×3) (Winograd 1980; Lavin & Gray 2016, arXiv:1509.09308, section 4.1):
//! tiles of 4×4 bytes and the weights are both transformed, multiplied place by place, and transformed back to 2×2 sums: 16 products
//! for each pair of channels instead of 36.
//!
//! It is exact. The weights' transform has halves in it; four times the weights has none, and a quarter of whole numbers that are
//! four times whole numbers is no rounding. Activations become at most ±1020, weights ±1152: 16 bits hold them. So it pays where
//! products are of 16 bits anyhow, and not where the processor multiplies bytes.

#[cfg(test)]
mod tests;
mod tiles;

use super::emit::Emit;
use super::isa::Isa;
use super::pack::{Aligned, Block, Layout, blocks, folded_bias};
use super::{Kernels, Scratch};
use tiles::{Line, Transform};

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
        let pays = layout.cell == 2 && kernels.runs_here();
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
