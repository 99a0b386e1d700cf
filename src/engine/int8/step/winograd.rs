//! 3×3 convolutions by minimal filtering: the picture with its padding in place, the kernel does the rest.

use super::super::kernel::{Kernels, PackedWinograd, Padded, Requant};
use super::super::node::Window;
use super::conv::SHAPE;
use super::rows::padded_row;
use super::{Memory, Step, room};

/// What [`super::Conv`] does, for windows of 3×3 and stride 1 and bytes out, in less than half of the multiplications.
#[derive(Debug)]
pub(in crate::engine::int8) struct Winograd {
    pub window: Window,
    /// The byte that means 0 of the input.
    pub pad: u8,
    pub packed: PackedWinograd,
    pub requant: Requant,
}

impl Winograd {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let (from, to) = (read.pixels().ok_or(SHAPE)?, write.pixels().ok_or(SHAPE)?);
        let (input, out, scratch) = memory.bytes_in_out(read, write)?;
        let Window { before, out: [height, width], .. } = self.window;
        // With a stride of 1 the output has 2 less than the padded picture, so the lines hold all of it.
        let line = Padded::columns(width) * from.channels;
        let bytes = room(&mut scratch.bytes, Padded::lines(height) * line);
        for (row, target) in bytes.chunks_exact_mut(line).enumerate() {
            padded_row(input, &from, before, &[self.pad], row, target);
        }
        let picture = Padded { bytes, height, width };
        kernels.winograd_u8(&self.packed, &picture, &self.requant, out, to.pitch, &mut scratch.kernel);
        Ok(())
    }
}
