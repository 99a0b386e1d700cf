//! Convolutions of quantised numbers: rows of the picture become rows of a matrix, the kernels do the rest.

use std::sync::Arc;

use super::super::kernel::{Kernels, PackedDepthwise, PackedGemm, Patches, Requant, Scratch};
use super::super::node::Window;
use super::super::view::View;
use super::rows::{Rows, ring_len};
use super::{Memory, Step, StepScratch, room};

/// Dense or grouped: a matrix product per group.
#[derive(Debug)]
pub(in crate::engine::int8) struct Conv {
    pub window: Window,
    /// The byte that means 0 of the input.
    pub pad: u8,
    pub groups: Vec<(PackedGemm, ConvOut)>,
    /// Output channels of a group.
    pub outputs: usize,
}

/// What becomes of the sums.
#[derive(Debug)]
pub(in crate::engine::int8) enum ConvOut {
    Bytes(Requant),
    /// Real numbers: one factor per output channel.
    Floats(Vec<f32>),
}

/// One filter per channel.
#[derive(Debug)]
pub(in crate::engine::int8) struct Depthwise {
    pub window: Window,
    /// The bytes that mean 0 of the input, one per channel or one for all.
    pub pads: Arc<[u8]>,
    pub filters: PackedDepthwise,
    pub out: ConvOut,
}

/// What both kinds need before they begin.
pub(super) const SHAPE: &str = "a convolution's tensors are no pictures";

impl Conv {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let (from, to) = (read.pixels().ok_or(SHAPE)?, write.pixels().ok_or(SHAPE)?);
        let channels = from.channels / self.groups.len();
        let (input, mut out, scratch) = Out::of(&self.groups[0].1, read, write, memory)?;
        let count = from.height * from.width;
        let quad = channels.next_multiple_of(4);
        // The kernels read whole quads: the last row must have one, and rows must begin at one.
        let direct = self.window.is_point([from.height, from.width])
            && self.groups.len() == 1
            && from.pitch % 4 == 0
            && (count - 1) * from.pitch + quad <= input.len();
        if direct {
            let (packed, becomes) = &self.groups[0];
            out.multiply(kernels, packed, becomes, count, (input, from.pitch), (0, to.pitch), &mut scratch.kernel);
            return Ok(());
        }

        let Window { kernel: [kh, kw], stride: [_, stride], .. } = self.window;
        let ring = room(&mut scratch.bytes, ring_len(&from, &self.window));
        let k = kh * kw * channels;
        let patch = room(&mut scratch.panel, k.next_multiple_of(4));
        let rows = Rows::new(input, from, self.window, std::slice::from_ref(&self.pad), ring);
        rows.each(|y, lines| {
            let place = y * to.width * to.pitch;
            if let [(packed, becomes)] = &self.groups[..] {
                let patches = Patches { rows: lines, c: channels, kh, kw, stride, w_out: to.width };
                out.convolve(kernels, packed, becomes, &patches, (place, to.pitch), &mut scratch.kernel);
                return;
            }
            // The channels of a group do not lie next to those of the next tap: its patches are gathered one by one.
            for (x, (group, (packed, becomes))) in
                (0..to.width).flat_map(|x| self.groups.iter().enumerate().map(move |group| (x, group)))
            {
                let taps = lines.iter().flat_map(|line| (0..kw).map(move |kx| (line, kx)));
                for (tap, (line, kx)) in taps.enumerate() {
                    let start = (x * stride + kx) * from.channels + group * channels;
                    patch[tap * channels..][..channels].copy_from_slice(&line[start..start + channels]);
                }
                let place = (place + x * to.pitch + group * self.outputs, to.pitch);
                out.multiply(kernels, packed, becomes, 1, (patch, k), place, &mut scratch.kernel);
            }
        });
        Ok(())
    }
}

impl Depthwise {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let (from, to) = (read.pixels().ok_or(SHAPE)?, write.pixels().ok_or(SHAPE)?);
        let (input, mut out, scratch) = Out::of(&self.out, read, write, memory)?;
        let ring = room(&mut scratch.bytes, ring_len(&from, &self.window));
        let rows = Rows::new(input, from, self.window, &self.pads, ring);
        rows.each(|y, taps| {
            let place = (y * to.width * to.pitch, to.pitch);
            let row = (taps, self.window.stride[1], to.width);
            out.filter(kernels, &self.filters, &self.out, row, place, &mut scratch.kernel);
        });
        Ok(())
    }
}

/// Where results go. All groups of a convolution have the same kind of output, so a kind that does not fit is a fault
/// of the planner.
enum Out<'a> {
    Bytes(&'a mut [u8]),
    Floats(&'a mut [f32]),
}

const KIND: &str = "a convolution's output is of its own kind";

impl<'a> Out<'a> {
    /// The input, the output of the kind that the sums become, and the scratch memory.
    fn of(
        becomes: &ConvOut,
        read: &View,
        write: &View,
        memory: &'a mut Memory<'_>,
    ) -> Result<(&'a [u8], Self, &'a mut StepScratch), String> {
        Ok(match becomes {
            ConvOut::Bytes(_) => {
                let (read, write, scratch) = memory.bytes_in_out(read, write)?;
                (read, Out::Bytes(write), scratch)
            }
            ConvOut::Floats(_) => {
                let (read, write, scratch) = memory.bytes_in_floats_out(read, write);
                (read, Out::Floats(write), scratch)
            }
        })
    }

    /// `rows` rows of `a`, `a_stride` apart; results begin at `place`, `pitch` apart.
    #[expect(clippy::too_many_arguments, reason = "a matrix product has them")]
    fn multiply(
        &mut self,
        kernels: Kernels,
        packed: &PackedGemm,
        becomes: &ConvOut,
        rows: usize,
        (a, a_stride): (&[u8], usize),
        (place, pitch): (usize, usize),
        scratch: &mut Scratch,
    ) {
        match (self, becomes) {
            (Out::Bytes(out), ConvOut::Bytes(requant)) => {
                kernels.gemm_u8(packed, rows, a, a_stride, requant, &mut out[place..], pitch, scratch);
            }
            (Out::Floats(out), ConvOut::Floats(factor)) => {
                kernels.gemm_f32out(packed, rows, a, a_stride, factor, &mut out[place..], pitch, scratch);
            }
            _ => unreachable!("{KIND}"),
        }
    }

    fn convolve(
        &mut self,
        kernels: Kernels,
        packed: &PackedGemm,
        becomes: &ConvOut,
        patches: &Patches<'_>,
        (place, pitch): (usize, usize),
        scratch: &mut Scratch,
    ) {
        match (self, becomes) {
            (Out::Bytes(out), ConvOut::Bytes(requant)) => {
                kernels.conv_u8(packed, patches, requant, &mut out[place..], pitch, scratch);
            }
            (Out::Floats(out), ConvOut::Floats(factor)) => {
                kernels.conv_f32out(packed, patches, factor, &mut out[place..], pitch, scratch);
            }
            _ => unreachable!("{KIND}"),
        }
    }

    /// A row of a depthwise convolution.
    fn filter(
        &mut self,
        kernels: Kernels,
        filters: &PackedDepthwise,
        becomes: &ConvOut,
        (taps, stride, width): (&[&[u8]], usize, usize),
        (place, pitch): (usize, usize),
        scratch: &mut Scratch,
    ) {
        match (self, becomes) {
            (Out::Bytes(out), ConvOut::Bytes(requant)) => {
                kernels.depthwise_u8(filters, taps, stride, width, requant, &mut out[place..], pitch, scratch);
            }
            (Out::Floats(out), ConvOut::Floats(factor)) => {
                kernels.depthwise_f32out(filters, taps, stride, width, factor, &mut out[place..], pitch, scratch);
            }
            _ => unreachable!("{KIND}"),
        }
    }
}
