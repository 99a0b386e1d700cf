//! Pictures changed a little, so that a network does not learn them by heart.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pictures::Size;

/// What may happen to a picture; all drawn from the seed, the epoch and the sample's number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augment {
    pub seed: u64,
    /// Left and right are exchanged in every second picture.
    pub flip: bool,
    /// Moved by up to this part of the size, both ways; the border is repeated.
    pub shift: f32,
    /// Shown larger or smaller by up to this part.
    pub zoom: f32,
    /// Brighter or darker by up to this part of the range, and contrast by the same.
    pub light: f32,
}

impl Augment {
    /// For pictures of vehicles.
    pub fn vehicles(seed: u64) -> Self {
        Augment { seed, flip: true, shift: 0.08, zoom: 0.12, light: 0.2 }
    }

    /// For aligned faces.
    pub fn faces(seed: u64) -> Self {
        Augment { seed, flip: true, shift: 0.05, zoom: 0.08, light: 0.2 }
    }

    /// Appends the picture `bytes`, changed, as numbers from 0 to 1.
    pub(super) fn apply(&self, bytes: &[u8], size: Size, sample: usize, epoch: usize, out: &mut Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(((epoch as u64) << 40) | sample as u64);
        let mut within = |limit: f32| limit * (2.0 * rng.random::<f32>() - 1.0);
        let (dx, dy) = (within(self.shift), within(self.shift));
        let (zoom, gain, lift) = (1.0 + within(self.zoom), 1.0 + within(self.light), within(self.light));
        let flip = self.flip && rng.random::<bool>();
        let (width, height, channels) = (size.width as usize, size.height as usize, size.channels as usize);
        let columns = taps(width, zoom, dx, flip);
        let rows = taps(height, zoom, dy, false);
        for &(top, bottom, down) in &rows {
            for &(left, right, across) in &columns {
                for channel in 0..channels {
                    let at = |row: usize, column: usize| f32::from(bytes[(row * width + column) * channels + channel]);
                    let upper = at(top, left) * (1.0 - across) + at(top, right) * across;
                    let lower = at(bottom, left) * (1.0 - across) + at(bottom, right) * across;
                    let value = (upper * (1.0 - down) + lower * down) / 255.0;
                    out.push(((value - 0.5) * gain + 0.5 + lift).clamp(0.0, 1.0));
                }
            }
        }
    }
}

/// For each place of an axis: its two neighbours in the source, and how far it lies between them.
fn taps(length: usize, zoom: f32, shift: f32, flip: bool) -> Vec<(usize, usize, f32)> {
    let (last, centre) = ((length - 1) as f32, length as f32 / 2.0);
    (0..length)
        .map(|place| {
            let place = if flip { length - 1 - place } else { place } as f32;
            let source = (place + 0.5 - centre) / zoom + centre - 0.5 + shift * length as f32;
            let source = source.clamp(0.0, last);
            let before = source.floor();
            (before as usize, (before + 1.0).min(last) as usize, source - before)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { height: 2, width: 3, channels: 1 };

    #[test]
    fn nothing_asked_for_changes_nothing() {
        let still = Augment { seed: 1, flip: false, shift: 0.0, zoom: 0.0, light: 0.0 };
        let mut out = Vec::new();
        still.apply(&[0, 51, 102, 153, 204, 255], SIZE, 0, 0, &mut out);
        for (value, expected) in out.iter().zip([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]) {
            assert!((value - expected).abs() < 1e-6, "{out:?}");
        }
    }

    #[test]
    fn a_flip_exchanges_left_and_right() {
        assert_eq!(taps(3, 1.0, 0.0, true).iter().map(|tap| tap.0).collect::<Vec<_>>(), [2, 1, 0]);
    }

    #[test]
    fn the_same_epoch_and_sample_give_the_same_picture_and_others_another() {
        let augment = Augment::vehicles(3);
        let bytes = [0, 51, 102, 153, 204, 255];
        let at = |sample, epoch| {
            let mut out = Vec::new();
            augment.apply(&bytes, SIZE, sample, epoch, &mut out);
            out
        };
        assert_eq!(at(4, 2), at(4, 2));
        assert_ne!(at(4, 2), at(4, 3));
        assert_ne!(at(4, 2), at(5, 2));
    }
}
