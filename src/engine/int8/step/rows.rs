//! Rows of a picture with its padding in place, kept while a kernel moves down.

use super::super::view::Pixels;
use crate::engine::int8::node::Window;

/// The last `kernel` rows of the input, padded left and right, in a ring.
pub(super) struct Rows<'a, T> {
    input: &'a [T],
    pixels: Pixels,
    window: Window,
    /// One value per channel, or one for all.
    pad: &'a [T],
    ring: &'a mut [T],
    /// Numbers of a padded row.
    len: usize,
    /// First input row (padding counted) that is not in the ring yet.
    next: usize,
}

/// Taller windows are refused when a plan is made.
pub(in crate::engine::int8) const MAX_ROWS: usize = 16;

/// Numbers of a padded row.
pub(super) fn row_len(pixels: &Pixels, window: &Window) -> usize {
    let width = ((window.out[1] - 1) * window.stride[1] + window.kernel[1]).max(window.before[1] + pixels.width);
    width * pixels.channels
}

/// Numbers of a ring.
pub(super) fn ring_len(pixels: &Pixels, window: &Window) -> usize {
    row_len(pixels, window) * window.kernel[0]
}

impl<'a, T: Copy> Rows<'a, T> {
    /// `ring`: of [`ring_len`].
    pub fn new(input: &'a [T], pixels: Pixels, window: Window, pad: &'a [T], ring: &'a mut [T]) -> Self {
        let len = row_len(&pixels, &window);
        Self { input, pixels, window, pad, ring, len, next: 0 }
    }

    /// `visit(y, rows of the window)` for each output row, from the top to the bottom.
    pub fn each(mut self, mut visit: impl FnMut(usize, &[&[T]])) {
        for y in 0..self.window.out[0] {
            self.advance(y);
            let mut lines: [&[T]; MAX_ROWS] = [&[]; MAX_ROWS];
            let lines = &mut lines[..self.window.kernel[0]];
            lines.iter_mut().enumerate().for_each(|(ky, line)| *line = self.row(y, ky));
            visit(y, lines);
        }
    }

    /// Brings the rows that output row `y` needs into the ring.
    fn advance(&mut self, y: usize) {
        let first = y * self.window.stride[0];
        for row in first.max(self.next)..first + self.window.kernel[0] {
            let slot = row % self.window.kernel[0] * self.len;
            let target = &mut self.ring[slot..slot + self.len];
            padded_row(self.input, &self.pixels, self.window.before, self.pad, row, target);
        }
        self.next = first + self.window.kernel[0];
    }

    /// Padded input row `ky` of the window at output row `y`.
    fn row(&self, y: usize, ky: usize) -> &[T] {
        let slot = (y * self.window.stride[0] + ky) % self.window.kernel[0] * self.len;
        &self.ring[slot..slot + self.len]
    }
}

/// Row `row` of the padded picture, `before` counted: the picture's numbers `before[1]` pixels from the left, and `pad` elsewhere. `target` holds
/// both.
pub(super) fn padded_row<T: Copy>(
    input: &[T],
    pixels: &Pixels,
    before: [usize; 2],
    pad: &[T],
    row: usize,
    target: &mut [T],
) {
    let Pixels { height, width, channels, pitch, .. } = *pixels;
    let Some(row) = row.checked_sub(before[0]).filter(|row| *row < height) else { return fill(target, pad) };
    let (left, rest) = target.split_at_mut(before[1] * channels);
    let (inner, right) = rest.split_at_mut(width * channels);
    fill(left, pad);
    fill(right, pad);
    let input = &input[row * width * pitch..];
    match pitch == channels {
        true => inner.copy_from_slice(&input[..width * channels]),
        false => {
            for (to, from) in inner.chunks_exact_mut(channels).zip(input.chunks(pitch)) {
                to.copy_from_slice(&from[..channels]);
            }
        }
    }
}

fn fill<T: Copy>(target: &mut [T], pad: &[T]) {
    match pad {
        [value] => target.fill(*value),
        channels => target.chunks_mut(channels.len()).for_each(|pixel| pixel.copy_from_slice(&channels[..pixel.len()])),
    }
}
