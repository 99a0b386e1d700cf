//! 3×3 convolutions by minimal filtering: the picture with its padding in place, the kernel does the rest.

use super::super::kernel::{Kernels, PackedWinograd, Padded};
use super::super::node::Window;
use super::super::view::Pixels;
use super::{ConvOut, Memory, Step, room};

/// What [`super::Conv`] does, for windows of 3×3 and stride 1, in less than half of the multiplications.
#[derive(Debug)]
pub(in crate::engine::int8) struct Winograd {
    pub window: Window,
    /// The byte that means 0 of the input.
    pub pad: u8,
    pub packed: PackedWinograd,
    /// Bytes.
    pub out: ConvOut,
}

impl Winograd {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let shape = "a convolution's tensors are no pictures";
        let (from, to) = (read.pixels().ok_or(shape)?, write.pixels().ok_or(shape)?);
        let ConvOut::Bytes(requant) = &self.out else { unreachable!("made for bytes only") };
        let (input, out, scratch) = memory.bytes_in_out(read, write)?;
        let [height, width] = self.window.out;
        let size = [Padded::lines(height), Padded::columns(width)];
        let bytes = room(&mut scratch.bytes, size[0] * size[1] * from.channels);
        pad(input, &from, self.window.before, self.pad, size, bytes);
        let picture = Padded { bytes, height, width };
        kernels.winograd_u8(&self.packed, &picture, requant, out, to.pitch, &mut scratch.kernel);
        Ok(())
    }
}

/// The picture, `before` pixels from above and left, in one of `size` pixels next to each other that is `value` elsewhere. What does not fit
/// is left out.
fn pad(input: &[u8], from: &Pixels, before: [usize; 2], value: u8, size: [usize; 2], out: &mut [u8]) {
    let Pixels { channels, pitch, .. } = *from;
    let left = before[1].min(size[1]);
    let width = from.width.min(size[1] - left);
    for (y, line) in out.chunks_exact_mut(size[1] * channels).enumerate() {
        let Some(row) = y.checked_sub(before[0]).filter(|row| *row < from.height) else {
            line.fill(value);
            continue;
        };
        line[..left * channels].fill(value);
        line[(left + width) * channels..].fill(value);
        let inner = &mut line[left * channels..][..width * channels];
        let input = &input[row * from.width * pitch..];
        match pitch == channels {
            true => inner.copy_from_slice(&input[..width * channels]),
            false => {
                for (to, from) in inner.chunks_exact_mut(channels).zip(input.chunks(pitch)) {
                    to.copy_from_slice(&from[..channels]);
                }
            }
        }
    }
}
