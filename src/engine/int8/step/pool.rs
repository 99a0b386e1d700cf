//! Pooling and enlargement of pictures.

use super::super::kernel::{Affine, Kernels};
use super::super::node::Window;
use super::super::value::quantise;
use super::super::view::Pixels;
use super::{Memory, Step};

#[derive(Debug)]
pub(in crate::engine::int8) enum Pool {
    /// Of bytes: larger bytes mean larger numbers.
    MaxBytes(Window),
    MaxFloats(Window),
    /// Mean of quantised numbers, quantised again.
    AverageBytes {
        window: Window,
        count_padding: bool,
        input: Affine,
        output: Affine,
    },
    AverageFloats {
        window: Window,
        count_padding: bool,
    },
}

const SHAPE: &str = "a pooling's tensors are no pictures";

/// The part of a window at output (y, x) that lies inside the picture: rows and columns.
fn inside(window: &Window, from: &Pixels, y: usize, x: usize) -> [std::ops::Range<usize>; 2] {
    let range = |axis: usize, at: usize, size: usize| {
        let start = at * window.stride[axis];
        let first = start.saturating_sub(window.before[axis]);
        first..(start + window.kernel[axis]).saturating_sub(window.before[axis]).clamp(first, size)
    };
    [range(0, y, from.height), range(1, x, from.width)]
}

impl Pool {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let (from, to) = (read.pixels().ok_or(SHAPE)?, write.pixels().ok_or(SHAPE)?);
        match self {
            Pool::MaxBytes(window) => {
                let (input, out, scratch) = memory.bytes_in_out(read, write)?;
                max_bytes(kernels, window, (input, from), (out, to), &mut scratch.bytes);
            }
            Pool::MaxFloats(window) => {
                let (input, out, _) = memory.floats_in_out(read, write)?;
                each(window, &from, &to, |at, pixels, c| {
                    let values = pixels.map(|pixel| input[pixel * from.pitch + c]);
                    out[at + c] = values.fold(f32::NEG_INFINITY, f32::max);
                });
            }
            Pool::AverageBytes { window, count_padding, input: a, output: o } => {
                let (input, out, _) = memory.bytes_in_out(read, write)?;
                let full = window.kernel[0] * window.kernel[1];
                each(window, &from, &to, |at, pixels, c| {
                    let (mut sum, mut count) = (0i32, 0);
                    for pixel in pixels {
                        sum += i32::from(input[pixel * from.pitch + c]) - i32::from(a.zero);
                        count += 1;
                    }
                    let mean = sum as f32 * a.scale / if *count_padding { full } else { count } as f32;
                    out[at + c] = quantise(mean, o.scale, o.zero);
                });
            }
            Pool::AverageFloats { window, count_padding } => {
                let (input, out, _) = memory.floats_in_out(read, write)?;
                let full = window.kernel[0] * window.kernel[1];
                each(window, &from, &to, |at, pixels, c| {
                    let (mut sum, mut count) = (0.0, 0);
                    for pixel in pixels {
                        sum += input[pixel * from.pitch + c];
                        count += 1;
                    }
                    out[at + c] = sum / if *count_padding { full } else { count } as f32;
                });
            }
        }
        Ok(())
    }
}

/// `visit(start of the output pixel, indices of the input pixels in the window, channel)`
fn each(
    window: &Window,
    from: &Pixels,
    to: &Pixels,
    mut visit: impl FnMut(usize, &mut dyn Iterator<Item = usize>, usize),
) {
    for (y, x) in (0..to.height).flat_map(|y| (0..to.width).map(move |x| (y, x))) {
        let [rows, columns] = inside(window, from, y, x);
        for c in 0..to.channels {
            let mut pixels = rows.clone().flat_map(|r| columns.clone().map(move |x| r * from.width + x));
            visit((y * to.width + x) * to.pitch, &mut pixels, c);
        }
    }
}

/// The maximum of a window is the maximum over its rows of the maximum over its columns: first across, row by row into
/// `across`, then down.
fn max_bytes(
    kernels: Kernels,
    window: &Window,
    (input, from): (&[u8], Pixels),
    (out, to): (&mut [u8], Pixels),
    across: &mut Vec<u8>,
) {
    let channels = from.channels;
    let line = to.width * channels;
    let across = super::room(across, from.height * line);
    for y in 0..from.height {
        for x in 0..to.width {
            let [_, columns] = inside(window, &from, 0, x);
            let target = &mut across[y * line + x * channels..][..channels];
            target.fill(0);
            for column in columns {
                kernels.max_u8(&input[(y * from.width + column) * from.pitch..][..channels], target);
            }
        }
    }
    for y in 0..to.height {
        let [rows, _] = inside(window, &from, y, 0);
        for x in 0..to.width {
            let target = &mut out[(y * to.width + x) * to.pitch..][..channels];
            target.copy_from_slice(&across[rows.start * line + x * channels..][..channels]);
            for row in rows.start + 1..rows.end {
                kernels.max_u8(&across[row * line + x * channels..][..channels], target);
            }
        }
    }
}

/// Bilinear, pixel centres at half: `source = (target + 0.5) · size ratio − 0.5`, clamped to the picture. Bytes keep
/// their quantisation, so the mean of bytes is the byte of the mean, rounded half to even.
pub(super) fn resize_linear(step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
    let (read, write) = (&step.reads[0], &step.write);
    let (from, to) = (read.pixels().ok_or(SHAPE)?, write.pixels().ok_or(SHAPE)?);
    let axis = |target: usize, size: usize, out: usize| {
        let at = ((target as f32 + 0.5) * (size as f32 / out as f32) - 0.5).max(0.0);
        let low = (at as usize).min(size - 1);
        (low, (low + 1).min(size - 1), at - low as f32)
    };
    let mix = |value: &dyn Fn(usize) -> f32, set: &mut dyn FnMut(usize, f32)| {
        for (y, x) in (0..to.height).flat_map(|y| (0..to.width).map(move |x| (y, x))) {
            let (top, bottom, down) = axis(y, from.height, to.height);
            let (left, right, across) = axis(x, from.width, to.width);
            let place = |y: usize, x: usize| (y * from.width + x) * from.pitch;
            for c in 0..to.channels {
                let [a, b, d, e] =
                    [(top, left), (top, right), (bottom, left), (bottom, right)].map(|(y, x)| value(place(y, x) + c));
                let (above, below) = (a + (b - a) * across, d + (e - d) * across);
                set((y * to.width + x) * to.pitch + c, above + (below - above) * down);
            }
        }
    };
    match memory.kind(read) {
        super::Kind::Bytes => {
            let (input, out, _) = memory.bytes_in_out(read, write)?;
            mix(&|i| f32::from(input[i]), &mut |i, x| out[i] = x.round_ties_even() as u8);
        }
        _ => {
            let (input, out, _) = memory.floats_in_out(read, write)?;
            mix(&|i| input[i], &mut |i, x| out[i] = x);
        }
    }
    Ok(())
}
