//! Convolutions of quantised numbers: rows of the picture become rows of a matrix, the kernels do the rest.

use super::super::kernel::{Kernels, PackedDepthwise, PackedGemm, Patches, Requant};
use super::super::node::Window;
use super::rows::{Rows, ring_len};
use super::{Memory, Step, room};

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
    pub pad: u8,
    pub filters: PackedDepthwise,
    pub out: ConvOut,
}

/// Taller kernels are refused when a plan is made.
pub(in crate::engine::int8) const MAX_ROWS: usize = 16;

impl Conv {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let shape = "a convolution's tensors are no pictures";
        let (from, to) = (read.pixels().ok_or(shape)?, write.pixels().ok_or(shape)?);
        let channels = from.channels / self.groups.len();
        let scratch;
        let (input, mut out);
        match self.groups[0].1 {
            ConvOut::Bytes(_) => {
                let (read, write, rest) = memory.bytes_in_out(read, write)?;
                (input, out, scratch) = (read, Out::Bytes(write), rest);
            }
            ConvOut::Floats(_) => {
                let (read, write, rest) = memory.bytes_in_floats_out(read, write);
                (input, out, scratch) = (read, Out::Floats(write), rest);
            }
        }
        let rows = from.height * from.width;
        let quad = channels.next_multiple_of(4);
        // The kernels read whole quads: the last row must have one, and rows must begin at one.
        let direct = self.window.is_point([from.height, from.width])
            && self.groups.len() == 1
            && from.pitch % 4 == 0
            && (rows - 1) * from.pitch + quad <= input.len();
        if direct {
            let (packed, becomes) = &self.groups[0];
            out.multiply(kernels, packed, becomes, rows, (input, from.pitch), (0, to.pitch), &mut scratch.kernel);
            return Ok(());
        }

        let ring = room(&mut scratch.bytes, ring_len(&from, &self.window));
        let mut rows = Rows::new(input, from, self.window, std::slice::from_ref(&self.pad), ring);
        for y in 0..to.height {
            rows.advance(y);
            let mut lines: [&[u8]; MAX_ROWS] = [&[]; MAX_ROWS];
            (0..self.window.kernel[0]).for_each(|ky| lines[ky] = rows.row(y, ky));
            let lines = &lines[..self.window.kernel[0]];
            let place = y * to.width * to.pitch;
            if let [(packed, becomes)] = &self.groups[..] {
                let patches = self.patches(lines, channels, to.width, self.window.stride[1]);
                out.convolve(kernels, packed, becomes, &patches, (place, to.pitch), &mut scratch.kernel);
                continue;
            }
            // The channels of a group do not lie next to those of the next tap: its patches are gathered one by one.
            let k = self.window.kernel[0] * self.window.kernel[1] * channels;
            let patch = room(&mut scratch.panel, k.next_multiple_of(4));
            for (x, (group, (packed, becomes))) in
                (0..to.width).flat_map(|x| self.groups.iter().enumerate().map(move |group| (x, group)))
            {
                let taps = lines.iter().flat_map(|line| (0..self.window.kernel[1]).map(move |kx| (line, kx)));
                for (tap, (line, kx)) in taps.enumerate() {
                    let start = (x * self.window.stride[1] + kx) * from.channels + group * channels;
                    patch[tap * channels..][..channels].copy_from_slice(&line[start..start + channels]);
                }
                let place = (place + x * to.pitch + group * self.outputs, to.pitch);
                out.multiply(kernels, packed, becomes, 1, (patch, k), place, &mut scratch.kernel);
            }
        }
        Ok(())
    }

    fn patches<'a>(&self, rows: &'a [&'a [u8]], c: usize, w_out: usize, stride: usize) -> Patches<'a> {
        let [kh, kw] = self.window.kernel;
        Patches { rows, c, kh, kw, stride, w_out }
    }
}

/// Where results go.
enum Out<'a> {
    Bytes(&'a mut [u8]),
    Floats(&'a mut [f32]),
}

impl Out<'_> {
    fn convolve(
        &mut self,
        kernels: Kernels,
        packed: &PackedGemm,
        becomes: &ConvOut,
        patches: &Patches<'_>,
        (place, pitch): (usize, usize),
        scratch: &mut super::super::kernel::Scratch,
    ) {
        match (self, becomes) {
            (Out::Bytes(out), ConvOut::Bytes(requant)) => {
                kernels.conv_u8(packed, patches, requant, &mut out[place..], pitch, scratch);
            }
            (Out::Floats(out), ConvOut::Floats(factor)) => {
                kernels.conv_f32out(packed, patches, factor, &mut out[place..], pitch, scratch);
            }
            _ => unreachable!("all groups of a convolution have the same kind of output"),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a matrix product has them")]
    fn multiply(
        &mut self,
        kernels: Kernels,
        packed: &PackedGemm,
        becomes: &ConvOut,
        rows: usize,
        (a, a_stride): (&[u8], usize),
        (place, pitch): (usize, usize),
        scratch: &mut super::super::kernel::Scratch,
    ) {
        match (self, becomes) {
            (Out::Bytes(out), ConvOut::Bytes(requant)) => {
                kernels.gemm_u8(packed, rows, a, a_stride, requant, &mut out[place..], pitch, scratch);
            }
            (Out::Floats(out), ConvOut::Floats(factor)) => {
                kernels.gemm_f32out(packed, rows, a, a_stride, factor, &mut out[place..], pitch, scratch);
            }
            _ => unreachable!("all groups of a convolution have the same kind of output"),
        }
    }
}

impl Depthwise {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let shape = "a convolution's tensors are no pictures";
        let (from, to) = (read.pixels().ok_or(shape)?, write.pixels().ok_or(shape)?);
        let Window { kernel: [kh, _], stride: [_, stride], .. } = self.window;
        let pad = std::slice::from_ref(&self.pad);
        match &self.out {
            ConvOut::Bytes(requant) => {
                let (input, out, scratch) = memory.bytes_in_out(read, write)?;
                let ring = room(&mut scratch.bytes, ring_len(&from, &self.window));
                let mut rows = Rows::new(input, from, self.window, pad, ring);
                for y in 0..to.height {
                    rows.advance(y);
                    let mut taps: [&[u8]; MAX_ROWS] = [&[]; MAX_ROWS];
                    (0..kh).for_each(|ky| taps[ky] = rows.row(y, ky));
                    let out = &mut out[y * to.width * to.pitch..];
                    let scratch = &mut scratch.kernel;
                    let filters = &self.filters;
                    kernels.depthwise_u8(filters, &taps[..kh], stride, to.width, requant, out, to.pitch, scratch);
                }
            }
            ConvOut::Floats(factor) => {
                let (input, out, scratch) = memory.bytes_in_floats_out(read, write);
                let ring = room(&mut scratch.bytes, ring_len(&from, &self.window));
                let mut rows = Rows::new(input, from, self.window, pad, ring);
                for y in 0..to.height {
                    rows.advance(y);
                    let mut taps: [&[u8]; MAX_ROWS] = [&[]; MAX_ROWS];
                    (0..kh).for_each(|ky| taps[ky] = rows.row(y, ky));
                    let out = &mut out[y * to.width * to.pitch..];
                    let scratch = &mut scratch.kernel;
                    let filters = &self.filters;
                    kernels.depthwise_f32out(filters, &taps[..kh], stride, to.width, factor, out, to.pitch, scratch);
                }
            }
        }
        Ok(())
    }
}
