//! Scales of activations: those that lose least, by squared error over the samples, instead of those that hold the
//! extremes. A rare outlier is cut off where that makes all other numbers finer.

use super::statistics::{Channel, Tensor};

/// `(byte − zero) · scale`, one scale and zero point or one per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    pub scale: Vec<f32>,
    /// As many.
    pub zero: Vec<u8>,
}

/// Parts of the full range that are tried.
const PARTS: usize = 29;
/// Of what is tried, the least for a whole tensor.
const LEAST_PART: f32 = 0.3;
/// The same for one channel. What an object makes of it is rare and large: cutting that off lowers the scores of all objects, which squared
/// errors do not show (on YOLOX-nano by 0.05 at the part above).
const LEAST_PART_OF_CHANNEL: f32 = 0.8;
/// Samples that one search looks at.
const LOOKED_AT: usize = 1 << 16;
/// The least scale that is written: tensors that are nothing but zeros need one too.
const LEAST_SCALE: f32 = 1e-8;

impl Affine {
    pub fn scale_of(&self, channel: usize) -> f32 {
        self.scale[if self.scale.len() == 1 { 0 } else { channel }]
    }

    /// The number that stands for `x` in channel `channel`.
    pub fn rounded(&self, channel: usize, x: f32) -> f32 {
        rounded(x, self.scale_of(channel), self.zero_of(channel))
    }

    fn zero_of(&self, channel: usize) -> f32 {
        f32::from(self.zero[if self.zero.len() == 1 { 0 } else { channel }])
    }
}

/// ONNX's QuantizeLinear and DequantizeLinear, one after the other.
fn rounded(x: f32, scale: f32, zero: f32) -> f32 {
    (((x / scale).round_ties_even() + zero).clamp(0.0, 255.0) - zero) * scale
}

/// Squared error of the samples, and their number.
fn error(samples: &[f32], scale: f32, zero: f32) -> f64 {
    let lost = |part: &[f32]| part.iter().map(|&x| (rounded(x, scale, zero) - x).powi(2)).sum::<f32>();
    // In parts: f32 sums of a few hundred squares are exact enough, and run in lanes.
    samples.chunks(256).map(|part| f64::from(lost(part))).sum()
}

/// One scale for the whole tensor.
pub fn per_tensor(tensor: &Tensor) -> Affine {
    let (low, high) = (tensor.low().min(0.0), tensor.high().max(0.0));
    let (scale, zero) = of_range(low, high, &tensor.thinned(LOOKED_AT), LEAST_PART);
    Affine { scale: vec![scale], zero: vec![zero] }
}

/// A scale and a zero point per channel: what a SiLU leaves has the same bound below in all channels, however large they are.
pub fn per_channel(tensor: &Tensor) -> Affine {
    let of_channel = |Channel { low, high, samples, .. }: &Channel| {
        of_range(low.min(0.0), high.max(0.0), samples, LEAST_PART_OF_CHANNEL)
    };
    let (scale, zero) = tensor.channels.iter().map(of_channel).unzip();
    Affine { scale, zero }
}

/// Zero is always one of the numbers: padding and ReLU mean it exactly.
fn of_range(low: f32, high: f32, samples: &[f32], least: f32) -> (f32, u8) {
    let part = |index: usize| least + (1.0 - least) * index as f32 / (PARTS - 1) as f32;
    let ranges = (0..PARTS).flat_map(|index| {
        let part = part(index);
        [(low, high * part), (low * part, high * part), (low * part, high)]
    });
    let affine = |(low, high): (f32, f32)| {
        let scale = ((high - low) / 255.0).max(LEAST_SCALE);
        (scale, (-low / scale).round().clamp(0.0, 255.0))
    };
    let best = ranges.map(affine).map(|(scale, zero)| (error(samples, scale, zero), scale, zero));
    let best = best.min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or((LEAST_SCALE, 0), |(_, scale, zero)| (scale, zero as u8))
}

/// Of the picture: pixels `(p − mean) / std`. One step of a pixel is one step of the byte where all channels are
/// normalised alike and black or what lies below it is a whole number of steps away; elsewhere the range of all channels.
pub fn of_picture(mean: [f32; 3], std: [f32; 3]) -> Affine {
    let value = |pixel: f32, channel: usize| (pixel - mean[channel]) / std[channel];
    let ends = |pixel: f32| [0, 1, 2].map(|channel| value(pixel, channel));
    let low = ends(0.0).into_iter().fold(0.0, f32::min);
    let high = ends(255.0).into_iter().fold(0.0, f32::max);
    let scale = ((high - low) / 255.0).max(LEAST_SCALE);
    Affine { scale: vec![scale], zero: vec![(-low / scale).round().clamp(0.0, 255.0) as u8] }
}

/// Ratio of what there is to what is lost, in decibels, over the samples; infinite where nothing is lost.
pub fn signal_to_noise(tensor: &Tensor, affine: &Affine) -> f64 {
    let mut energy = 0.0;
    let mut lost = 0.0;
    for (index, channel) in tensor.channels.iter().enumerate() {
        energy += channel.energy() * channel.samples.len() as f64;
        lost += error(&channel.samples, affine.scale_of(index), affine.zero_of(index));
    }
    10.0 * (energy / lost).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(samples: Vec<f32>) -> Channel {
        let (low, high) = samples.iter().fold((0.0f32, 0.0f32), |(l, h), &x| (l.min(x), h.max(x)));
        Channel { low, high, sum: samples.iter().map(|&x| f64::from(x)).sum(), count: samples.len() as u64, samples }
    }

    fn even(from: f32, to: f32) -> Vec<f32> {
        (0..65_000).map(|index| from + (to - from) * index as f32 / 64_999.0).collect()
    }

    #[test]
    fn an_outlier_is_cut_off_and_an_even_spread_is_not() {
        let mut samples = even(0.0, 1.0);
        let plain = per_tensor(&Tensor { dims: vec![1, 1, 65, 1000], channels: vec![channel(samples.clone())] });
        assert!((plain.scale[0] - 1.0 / 255.0).abs() < 1e-4 && plain.zero == [0], "{plain:?}");
        samples.push(4.0);
        let cut = per_tensor(&Tensor { dims: vec![1, 1, 1, 65_001], channels: vec![channel(samples)] });
        assert!(cut.scale[0] > 1.1 / 255.0 && cut.scale[0] < 3.9 / 255.0, "{cut:?}");
    }

    #[test]
    fn channels_have_their_own_scale_and_zero() {
        let channels = vec![channel(even(-0.28, 0.3)), channel(even(-0.28, 100.0))];
        let affine = per_channel(&Tensor { dims: vec![1, 2, 10, 100], channels });
        assert!(affine.scale[1] > 100.0 * affine.scale[0] && affine.zero[0] > 100 && affine.zero[1] < 3, "{affine:?}");
        for (index, x) in [(0, -0.2), (0, 0.27), (1, 80.0)] {
            assert!((affine.rounded(index, x) - x).abs() <= affine.scale[index], "{index} {x}: {affine:?}");
            assert_eq!(affine.rounded(index, 0.0), 0.0, "padding is exact");
        }
    }

    #[test]
    fn a_step_of_the_picture_is_a_step_of_the_byte() {
        assert_eq!(of_picture([0.0; 3], [1.0; 3]), Affine { scale: vec![1.0], zero: vec![0] });
        assert_eq!(of_picture([0.0; 3], [255.0; 3]), Affine { scale: vec![1.0 / 255.0], zero: vec![0] });
        assert_eq!(of_picture([128.0; 3], [2.0; 3]), Affine { scale: vec![0.5], zero: vec![128] });
    }

    #[test]
    fn a_tensor_of_zeros_has_a_scale() {
        let zeros = Tensor { dims: vec![1, 1, 2, 2], channels: vec![channel(vec![0.0; 4])] };
        assert!(per_tensor(&zeros).scale[0] > 0.0 && per_channel(&zeros).scale[0] > 0.0);
    }
}
