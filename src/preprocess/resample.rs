//! Bilinear resampling of one output row at a time, as `cv2.INTER_LINEAR` does it: two samples per axis, no
//! smoothing where the picture shrinks. Tables are computed once per picture size, so that no frame allocates
//! (fast_image_resize computes and allocates them on each call, which is why it is not used here).
//!
//! letterbox.rs has the measurement that speaks for this filter.
//! Not here: where the picture lies in the network's input (letterbox.rs), colours (yuv.rs).

/// Weights are 8 bits, so that a blend of two bytes fits 16 bits and the vertical pass runs in vector registers.
const ONE: u16 = 256;

/// An output sample lies between the samples `at` and `at + 1`: `(1 − next/256) · at + next/256 · (at + 1)`.
#[derive(Debug, Clone, Copy)]
struct Tap {
    at: u32,
    next: u16,
}

/// Where the samples of one axis of a plane are taken: output `i` at source index `first + i · step`, in which
/// index 0 is the middle of the first sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub samples: usize,
    pub count: usize,
    pub first: f64,
    pub step: f64,
}

impl Axis {
    /// Fills `taps`; what lies outside the plane takes its outermost sample.
    fn taps(self, taps: &mut Vec<Tap>) {
        let last = self.samples.saturating_sub(1) as f64;
        taps.clear();
        taps.extend((0..self.count).map(|i| {
            let position = (self.first + i as f64 * self.step).clamp(0.0, last);
            let next = ((position - position.floor()) * f64::from(ONE)).round();
            Tap { at: position.floor() as u32, next: next as u16 }
        }));
    }
}

/// Resamples planes of one shape, `C` interleaved bytes per sample.
#[derive(Debug, Clone, Default)]
pub(super) struct Resampler<const C: usize> {
    columns: Vec<Tap>,
    rows: Vec<Tap>,
    /// Samples from the start of one source row to that of the next.
    width: usize,
    /// One row of the source's width, blended of two source rows: 8.8 fixed point. One sample longer than the row,
    /// because a tap at the last sample names the one after it (with weight 0).
    blended: Vec<u16>,
}

impl<const C: usize> Resampler<C> {
    pub fn plan(&mut self, horizontal: Axis, vertical: Axis) {
        self.plan_rows_of(horizontal.samples, horizontal, vertical);
    }

    /// For a plane whose rows are `width` samples long, of which the first `horizontal.samples` are the picture.
    pub fn plan_rows_of(&mut self, width: usize, horizontal: Axis, vertical: Axis) {
        horizontal.taps(&mut self.columns);
        vertical.taps(&mut self.rows);
        self.width = width;
        self.blended.clear();
        self.blended.resize((self.width + 1) * C, 0);
    }

    /// Output row `y` of the plane `source`, channels in reversed order if `REVERSE`.
    pub fn row<const REVERSE: bool>(&mut self, source: &[u8], y: usize, out: &mut [u8]) {
        let Tap { at, next } = self.rows[y];
        let length = self.width * C;
        let upper = &source[at as usize * length..][..length];
        if next == 0 {
            for (blend, &a) in self.blended.iter_mut().zip(upper) {
                *blend = u16::from(a) * ONE;
            }
        } else {
            let lower = &source[(at as usize + 1) * length..][..length];
            for ((blend, &a), &b) in self.blended.iter_mut().zip(upper).zip(lower) {
                *blend = u16::from(a) * (ONE - next) + u16::from(b) * next;
            }
        }
        for (pixel, tap) in out.chunks_exact_mut(C).zip(&self.columns) {
            let pair = &self.blended[tap.at as usize * C..][..2 * C];
            let next = u32::from(tap.next);
            for c in 0..C {
                let sum = u32::from(pair[c]) * (u32::from(ONE) - next) + u32::from(pair[C + c]) * next;
                // Two weights of 8 bits: 16 bits to round away.
                pixel[if REVERSE { C - 1 - c } else { c }] = ((sum + (1 << 15)) >> 16) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resample(source: &[u8], width: usize, height: usize, to: (usize, usize)) -> Vec<u8> {
        let axis = |samples: usize, count: usize| {
            let step = samples as f64 / count as f64;
            Axis { samples, count, first: 0.5 * step - 0.5, step }
        };
        let mut resampler = Resampler::<1>::default();
        resampler.plan(axis(width, to.0), axis(height, to.1));
        let mut out = vec![0; to.0 * to.1];
        for y in 0..to.1 {
            resampler.row::<false>(source, y, &mut out[y * to.0..][..to.0]);
        }
        out
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let source: Vec<u8> = (0..35).map(|i| (i * 7) as u8).collect();
        assert_eq!(resample(&source, 7, 5, (7, 5)), source);
    }

    #[test]
    fn halves_are_means_and_doubles_are_quarters() {
        assert_eq!(resample(&[0, 100, 50, 150], 2, 2, (1, 1)), [75]);
        assert_eq!(resample(&[0, 100], 2, 1, (4, 1)), [0, 25, 75, 100]);
        assert_eq!(resample(&[0, 100], 1, 2, (1, 4)), [0, 25, 75, 100]);
    }

    #[test]
    fn one_sample_fills_everything() {
        assert_eq!(resample(&[200], 1, 1, (3, 2)), [200; 6]);
        assert_eq!(resample(&[255; 12], 4, 3, (9, 7)), [255; 63]);
    }
}
