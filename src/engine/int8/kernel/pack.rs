//! Weights in the order in which the loops read them.
//!
//! Output channels are cut into blocks of a few vectors; a block's weights are `[group][vector][lane][value]`: a group is the 2 or 4
//! neighbouring values that one dot product takes. The last block overlaps the one before it rather than ending in a
//! part of a vector; only where all channels are fewer than one block's lanes is a block padded.

use super::{FunctionKind, Kernels, Requant};

/// How an instruction set wants its operands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Accumulators in a vector.
    pub lanes: usize,
    /// The most vectors in a block of output channels: 1, 2 or 4.
    pub vectors: usize,
    /// Values that one dot product adds up in a lane.
    pub group: usize,
    /// Bytes that hold a value: 1, or 2 where the dot product is of 16-bit integers.
    pub cell: usize,
    /// `k` is padded to a multiple of this.
    pub step: usize,
    /// Activations are packed as `a - offset`: 128 where the dot product is of signed bytes.
    pub offset: i32,
    /// The upper half of a group lies in the upper half of the vector.
    pub halves: bool,
}

impl Layout {
    /// Where value `j` of a lane's group lies in a vector, in cells.
    pub fn slot(&self, lane: usize, j: usize) -> usize {
        match self.halves {
            false => lane * self.group + j,
            true => (j / 2) * self.lanes * 2 + lane * 2 + j % 2,
        }
    }

    pub fn vector_bytes(&self) -> usize {
        self.lanes * self.group * self.cell
    }
}

/// Bytes that begin at a cache line.
#[derive(Default, Clone, Debug)]
pub(super) struct Aligned {
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Aligned {
    pub fn zeroed(bytes: usize) -> Self {
        Self { lines: vec![Line([0; 64]); bytes.div_ceil(64)] }
    }

    pub fn bytes(&self) -> usize {
        self.lines.len() * 64
    }

    /// At least `bytes` bytes, whatever they were before.
    pub fn at_least(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes() < bytes {
            self.lines.resize(bytes.div_ceil(64), Line([0; 64]));
        }
        self.as_mut_slice()
    }

    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: a Line is 64 initialised bytes without padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 64) }
    }

    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and any byte is valid in a Line.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * 64) }
    }

    /// Puts `value`, which fits, into the cell that begins at byte `at`.
    fn put(&mut self, at: usize, cell: usize, value: i8) {
        let bytes = self.as_mut_slice();
        match cell {
            1 => bytes[at] = value as u8,
            _ => bytes[at..at + 2].copy_from_slice(&i16::from(value).to_le_bytes()),
        }
    }
}

/// Output channels `start..start + lanes · vectors` (fewer where all of them are fewer).
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub start: usize,
    pub vectors: usize,
}

/// Blocks of `least..=most` vectors that cover `n` channels.
pub(super) fn blocks(n: usize, lanes: usize, least: usize, most: usize) -> Vec<Block> {
    let width = lanes * most;
    let mut blocks: Vec<Block> = (0..n / width).map(|i| Block { start: i * width, vectors: most }).collect();
    let rest = n % width;
    if rest > 0 {
        let vectors = rest.div_ceil(lanes).next_power_of_two().max(least);
        blocks.push(Block { start: n.saturating_sub(vectors * lanes), vectors });
    }
    blocks
}

/// Weights of a convolution as a matrix product: `n` output channels of `k` values.
#[derive(Clone, Debug)]
pub struct PackedGemm {
    pub(super) kernels: Kernels,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) blocks: Vec<Block>,
    /// Block after block, each `[group][vector][lane][value]`.
    pub(super) weights: Aligned,
    /// Block after block, padded to whole vectors, the zero point folded in.
    pub(super) bias: Vec<i32>,
    /// No weight is -128: what NEON without dot products asks.
    #[cfg_attr(not(target_arch = "aarch64"), expect(dead_code, reason = "asked on ARM only"))]
    pub(super) symmetric: bool,
}

impl PackedGemm {
    /// `weights`: `[n][k]`; `bias`: `n` accumulators; `a_zero`: the byte that means 0.0 in the input.
    ///
    /// Panics unless the lengths fit and these kernels run here.
    pub fn new(kernels: Kernels, n: usize, k: usize, weights: &[i8], bias: &[i32], a_zero: u8) -> Self {
        assert!(n > 0 && k > 0 && Some(weights.len()) == n.checked_mul(k) && bias.len() == n, "{n} × {k} weights");
        assert!(kernels.runs_here(), "no {} here", kernels.name());
        Self::pack(kernels, kernels.layout(), n, k, weights, bias, a_zero)
    }

    pub(super) fn pack(
        kernels: Kernels,
        layout: Layout,
        n: usize,
        k: usize,
        weights: &[i8],
        bias: &[i32],
        a_zero: u8,
    ) -> Self {
        let blocks = blocks(n, layout.lanes, 1, layout.vectors);
        let groups = k.next_multiple_of(layout.step) / layout.group;
        let vectors: usize = blocks.iter().map(|block| block.vectors).sum();
        let mut packed = Aligned::zeroed(vectors * groups * layout.vector_bytes());
        let mut packed_bias = Vec::with_capacity(vectors * layout.lanes);
        let mut at = 0;
        for block in &blocks {
            for lane in 0..block.vectors * layout.lanes {
                let row = block.start + lane;
                let Some(w) = weights.get(row * k..(row + 1) * k) else {
                    packed_bias.push(0);
                    continue;
                };
                packed_bias.push(folded_bias(bias[row], w.iter(), a_zero, layout.offset));
                let slots: [usize; 4] = std::array::from_fn(|j| layout.slot(lane % layout.lanes, j) * layout.cell);
                for (group, values) in w.chunks(layout.group).enumerate() {
                    let vector = group * block.vectors + lane / layout.lanes;
                    for (&value, slot) in values.iter().zip(slots) {
                        packed.put(at + vector * layout.vector_bytes() + slot, layout.cell, value);
                    }
                }
            }
            at += block.vectors * groups * layout.vector_bytes();
        }
        let symmetric = !weights.contains(&i8::MIN);
        Self { kernels, n, k, blocks, weights: packed, bias: packed_bias, symmetric }
    }
}

/// `bias + Σ (offset - zero)·w`: what makes `Σ (a - offset)·w` into `bias + Σ (a - zero)·w`.
pub(super) fn folded_bias<'a>(bias: i32, weights: impl Iterator<Item = &'a i8>, zero: u8, offset: i32) -> i32 {
    let sum = weights.fold(0_i32, |sum, &w| sum.wrapping_add(i32::from(w)));
    bias.wrapping_add(sum.wrapping_mul(offset - i32::from(zero)))
}

/// A depthwise convolution: one filter of `kh × kw` taps per channel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Shape {
    pub c: usize,
    pub kh: usize,
    pub kw: usize,
}

impl Shape {
    fn check(&self, weights: usize, bias: usize) {
        let Self { c, kh, kw } = *self;
        let taps = c.checked_mul(kh).and_then(|taps| taps.checked_mul(kw));
        assert!(c * kh * kw > 0 && Some(weights) == taps && bias == c, "{c} filters of {kh} × {kw}");
    }

    pub fn check_input<T>(&self, rows: &[&[T]], stride: usize, w_out: usize) {
        assert!(rows.len() == self.kh && stride > 0, "{} rows, stride {stride}, for {} taps", rows.len(), self.kh);
        let pixels = w_out.checked_sub(1).map_or(Some(0), |last| last.checked_mul(stride)?.checked_add(self.kw));
        let needed = pixels.and_then(|pixels| pixels.checked_mul(self.c));
        let shortest = rows.iter().map(|row| row.len()).min();
        assert!(needed.is_some() && needed <= shortest, "a row of {w_out} outputs needs {needed:?}, not {shortest:?}");
    }
}

/// Weights of a depthwise convolution of bytes.
#[derive(Clone, Debug)]
pub struct PackedDepthwise {
    pub(super) kernels: Kernels,
    pub(super) shape: Shape,
    pub(super) blocks: Vec<Block>,
    /// Block after block, each `[column][group of rows][vector][lane][row]`.
    pub(super) weights: Aligned,
    pub(super) bias: Vec<i32>,
    #[cfg_attr(not(target_arch = "aarch64"), expect(dead_code, reason = "asked on ARM only"))]
    pub(super) symmetric: bool,
}

impl PackedDepthwise {
    /// `weights`: `[c][kh × kw]`; `bias`: `c` accumulators; `a_zero`: the byte that means 0.0, one per channel or one for all.
    ///
    /// Panics unless the lengths fit and these kernels run here.
    pub fn new(kernels: Kernels, c: usize, kh: usize, kw: usize, weights: &[i8], bias: &[i32], a_zero: &[u8]) -> Self {
        let shape = Shape { c, kh, kw };
        shape.check(weights.len(), bias.len());
        assert!(a_zero.len() == 1 || a_zero.len() == c, "{} zero points for {c} channels", a_zero.len());
        assert!(kernels.runs_here(), "no {} here", kernels.name());
        Self::pack(kernels, kernels.layout(), (c, kh, kw), (weights, bias, a_zero))
    }

    pub(super) fn pack(
        kernels: Kernels,
        layout: Layout,
        (c, kh, kw): (usize, usize, usize),
        (weights, bias, a_zero): (&[i8], &[i32], &[u8]),
    ) -> Self {
        let shape = Shape { c, kh, kw };
        let most = layout.vectors.min(2);
        // Rows are interleaved by eight channels.
        let blocks = blocks(c, layout.lanes, (8 / layout.lanes).clamp(1, most), most);
        let groups = kh.div_ceil(layout.group);
        let vectors: usize = blocks.iter().map(|block| block.vectors).sum();
        let mut packed = Aligned::zeroed(vectors * kw * groups * layout.vector_bytes());
        let mut packed_bias = Vec::with_capacity(vectors * layout.lanes);
        let mut at = 0;
        for block in &blocks {
            for lane in 0..block.vectors * layout.lanes {
                let channel = block.start + lane;
                let Some(w) = weights.get(channel * kh * kw..(channel + 1) * kh * kw) else {
                    packed_bias.push(0);
                    continue;
                };
                let zero = a_zero[channel.min(a_zero.len() - 1)];
                packed_bias.push(folded_bias(bias[channel], w.iter(), zero, layout.offset));
                for (i, &value) in w.iter().enumerate() {
                    let (y, x) = (i / kw, i % kw);
                    let vector = (x * groups + y / layout.group) * block.vectors + lane / layout.lanes;
                    let slot = layout.slot(lane % layout.lanes, y % layout.group);
                    packed.put(at + vector * layout.vector_bytes() + slot * layout.cell, layout.cell, value);
                }
            }
            at += block.vectors * kw * groups * layout.vector_bytes();
        }
        let symmetric = !weights.contains(&i8::MIN);
        Self { kernels, shape, blocks, weights: packed, bias: packed_bias, symmetric }
    }
}

/// Weights of a float convolution as a matrix product.
#[derive(Clone, Debug)]
pub struct PackedGemmF32 {
    pub(super) kernels: Kernels,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) blocks: Vec<Block>,
    /// Block after block, each `[k][lane]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl PackedGemmF32 {
    /// `weights`: `[n][k]`; `bias`: `n`. Panics unless the lengths fit and these kernels run here.
    pub fn new(kernels: Kernels, n: usize, k: usize, weights: &[f32], bias: &[f32]) -> Self {
        assert!(n > 0 && k > 0 && Some(weights.len()) == n.checked_mul(k) && bias.len() == n, "{n} × {k} weights");
        assert!(kernels.runs_here(), "no {} here", kernels.name());
        let (blocks, weights, bias) = pack_f32(kernels, n, k, weights, bias);
        Self { kernels, n, k, blocks, weights, bias }
    }
}

/// Weights of a depthwise convolution of floats.
#[derive(Clone, Debug)]
pub struct PackedDepthwiseF32 {
    pub(super) kernels: Kernels,
    pub(super) shape: Shape,
    pub(super) blocks: Vec<Block>,
    /// Block after block, each `[tap][lane]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl PackedDepthwiseF32 {
    /// `weights`: `[c][kh × kw]`; `bias`: `c`. Panics unless the lengths fit and these kernels run here.
    pub fn new(kernels: Kernels, c: usize, kh: usize, kw: usize, weights: &[f32], bias: &[f32]) -> Self {
        let shape = Shape { c, kh, kw };
        shape.check(weights.len(), bias.len());
        assert!(kernels.runs_here(), "no {} here", kernels.name());
        let (blocks, weights, bias) = pack_f32(kernels, c, kh * kw, weights, bias);
        Self { kernels, shape, blocks, weights, bias }
    }
}

fn pack_f32(kernels: Kernels, n: usize, k: usize, weights: &[f32], bias: &[f32]) -> (Vec<Block>, Vec<f32>, Vec<f32>) {
    let layout = kernels.layout();
    let blocks = blocks(n, layout.lanes, 1, layout.vectors);
    let mut packed = Vec::new();
    let mut packed_bias = Vec::new();
    for block in &blocks {
        let channels = block.start..block.start + block.vectors * layout.lanes;
        packed_bias.extend(channels.clone().map(|row| bias.get(row).copied().unwrap_or(0.0)));
        for i in 0..k {
            packed.extend(channels.clone().map(|row| weights.get(row * k + i).copied().unwrap_or(0.0)));
        }
    }
    (blocks, packed, packed_bias)
}

impl Requant {
    pub(super) fn check(&self, n: usize) {
        assert_eq!(self.factor.len(), n, "one factor per output channel");
        assert!(self.low <= self.high, "no byte lies between {} and {}", self.low, self.high);
        if let Some(function) = &self.function {
            assert_eq!(function.reciprocal.len(), n, "one scale per output channel");
            assert!([0, n].contains(&function.zeros.len()), "one zero point per output channel, or none");
            if let FunctionKind::Slopes(slope) = &function.kind {
                assert_eq!(slope.len(), n, "one slope per output channel");
            }
        }
    }
}
