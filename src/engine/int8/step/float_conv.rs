//! Convolutions that the file left in float: the same way, with numbers.

use super::super::kernel::{Kernels, PackedDepthwiseF32, PackedGemmF32};
use super::super::node::Window;
use super::rows::{Rows, ring_len};
use super::{Memory, Step, room};

#[derive(Debug)]
pub(in crate::engine::int8) struct FloatConv {
    pub window: Window,
    pub groups: Vec<PackedGemmF32>,
    /// Output channels of a group.
    pub outputs: usize,
}

#[derive(Debug)]
pub(in crate::engine::int8) struct FloatDepthwise {
    pub window: Window,
    pub filters: PackedDepthwiseF32,
}

/// Patches that are gathered at a time: their weights are read once for all.
const PANEL: usize = 16;

impl FloatConv {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let shape = "a convolution's tensors are no pictures";
        let (from, to) = (read.pixels().ok_or(shape)?, write.pixels().ok_or(shape)?);
        let (input, out, scratch) = memory.floats_in_out(read, write)?;
        if self.window.is_point([from.height, from.width]) && self.groups.len() == 1 {
            kernels.gemm_f32(&self.groups[0], from.height * from.width, input, from.pitch, out, to.pitch);
            return Ok(());
        }
        let channels = from.channels / self.groups.len();
        let [kh, kw] = self.window.kernel;
        let k = kh * kw * channels;
        let ring = room(&mut scratch.floats, ring_len(&from, &self.window));
        let panel = room(&mut scratch.float_panel, PANEL * k);
        Rows::new(input, from, self.window, &[0.0], ring).each(|y, lines| {
            for x in (0..to.width).step_by(PANEL) {
                let count = PANEL.min(to.width - x);
                for (group, packed) in self.groups.iter().enumerate() {
                    let taps = lines.iter().flat_map(|line| (0..kw).map(move |kx| (line, kx)));
                    for (tap, (line, kx)) in taps.enumerate() {
                        for i in 0..count {
                            let start = ((x + i) * self.window.stride[1] + kx) * from.channels + group * channels;
                            let target = i * k + tap * channels;
                            panel[target..target + channels].copy_from_slice(&line[start..start + channels]);
                        }
                    }
                    let place = (y * to.width + x) * to.pitch + group * self.outputs;
                    kernels.gemm_f32(packed, count, panel, k, &mut out[place..], to.pitch);
                }
            }
        });
        Ok(())
    }
}

impl FloatDepthwise {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let shape = "a convolution's tensors are no pictures";
        let (from, to) = (read.pixels().ok_or(shape)?, write.pixels().ok_or(shape)?);
        let (input, out, scratch) = memory.floats_in_out(read, write)?;
        let ring = room(&mut scratch.floats, ring_len(&from, &self.window));
        Rows::new(input, from, self.window, &[0.0], ring).each(|y, taps| {
            let out = &mut out[y * to.width * to.pitch..];
            kernels.depthwise_f32(&self.filters, taps, self.window.stride[1], to.width, out, to.pitch);
        });
        Ok(())
    }
}
