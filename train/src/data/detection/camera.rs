//! What a camera does to a picture: blur, noise, compression. Pictures are squares of red, green, blue bytes.

use std::sync::LazyLock;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::dice::Dice;
use crate::{Error, Result};

/// Reach of the blur, both ways.
const REACH: usize = 4;

/// Gaussian with this standard deviation, in pixels; the border is repeated.
pub(super) fn blur(pixels: &mut [u8], side: usize, deviation: f32) {
    let weights = kernel(deviation);
    let row = side * 3;
    let mut padded = vec![0; row + REACH * 6];
    for line in pixels.chunks_exact_mut(row) {
        for (place, pixel) in padded.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let source = place.saturating_sub(REACH).min(side - 1) * 3;
            *pixel = [line[source], line[source + 1], line[source + 2]];
        }
        let taps: [&[u8]; 2 * REACH + 1] = std::array::from_fn(|tap| &padded[tap * 3..][..row]);
        mix(&taps, &weights, line);
    }
    let source = pixels.to_vec();
    for (y, line) in pixels.chunks_exact_mut(row).enumerate() {
        let taps: [&[u8]; 2 * REACH + 1] =
            std::array::from_fn(|tap| &source[(y + tap).saturating_sub(REACH).min(side - 1) * row..][..row]);
        mix(&taps, &weights, line);
    }
}

/// 256 in all, so that a sum of bytes fits 16 bits.
fn kernel(deviation: f32) -> [u16; 2 * REACH + 1] {
    let bell = |tap: usize| (-0.5 * ((tap as f32 - REACH as f32) / deviation).powi(2)).exp();
    let sum: f32 = (0..=2 * REACH).map(bell).sum();
    let mut weights = std::array::from_fn(|tap| (256.0 * bell(tap) / sum).round() as u16);
    weights[REACH] = 256 - (weights.iter().sum::<u16>() - weights[REACH]);
    weights
}

fn mix(taps: &[&[u8]; 2 * REACH + 1], weights: &[u16; 2 * REACH + 1], out: &mut [u8]) {
    let mut sums = [0u16; 64];
    for (number, out) in out.chunks_mut(sums.len()).enumerate() {
        sums.fill(128);
        for (tap, &weight) in taps.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
            let tap = &tap[number * 64..][..out.len()];
            sums.iter_mut().zip(tap).for_each(|(sum, &byte)| *sum += weight * u16::from(byte));
        }
        out.iter_mut().zip(&sums).for_each(|(byte, sum)| *byte = (sum >> 8) as u8);
    }
}

/// Places in the table of noise: a power of two.
const TABLE: usize = 4096;

/// Normal numbers of standard deviation 64, drawn once: drawing one for each byte would cost more than all else.
static NORMAL: LazyLock<Vec<i16>> = LazyLock::new(|| {
    let mut rng = ChaCha8Rng::seed_from_u64(0x4e4f_4953);
    let mut normal = || {
        let (radius, angle): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
        let value = (-2.0 * radius.ln()).sqrt() * (angle * std::f32::consts::TAU).cos();
        (value * 64.0).round() as i16
    };
    (0..TABLE).map(|_| normal()).collect()
});

/// Gaussian with this standard deviation, of 255.
pub(super) fn noise(pixels: &mut [u8], deviation: f32, dice: &mut Dice) {
    let table = &*NORMAL;
    let gain = (deviation * 16.0).round() as i32;
    let mut state = dice.bits() | 1;
    for bytes in pixels.chunks_mut(5) {
        // Marsaglia 2003, "Xorshift RNGs": good enough to choose from a table.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for (place, byte) in bytes.iter_mut().enumerate() {
            let normal = table[(state >> (12 * place)) as usize % TABLE];
            *byte = (i32::from(*byte) + ((i32::from(normal) * gain + 512) >> 10)).clamp(0, 255) as u8;
        }
    }
}

/// Compressed and decompressed with this quality, 1 to 100.
pub(super) fn jpeg(pixels: &mut [u8], side: usize, quality: u8) -> Result<()> {
    let refused = |error: image::ImageError| Error::Data(format!("JPEG of a sample: {error}"));
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, quality);
    encoder.encode(pixels, side as u32, side as u32, ExtendedColorType::Rgb8).map_err(refused)?;
    let decoded = image::load_from_memory_with_format(&file, ImageFormat::Jpeg).map_err(refused)?;
    pixels.copy_from_slice(decoded.into_rgb8().as_raw());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_flat_pictures_and_spreads_a_dot_evenly() {
        let mut flat = [77; 9 * 9 * 3];
        blur(&mut flat, 9, 1.5);
        assert_eq!(flat, [77; 9 * 9 * 3]);
        let mut dot = [0; 9 * 9 * 3];
        dot[(4 * 9 + 4) * 3] = 255;
        blur(&mut dot, 9, 1.0);
        let at = |x: usize, y: usize| dot[(y * 9 + x) * 3];
        assert!((38..=43).contains(&at(4, 4)), "{}", at(4, 4));
        assert_eq!((at(3, 4), at(4, 3)), (at(5, 4), at(4, 5)));
        assert!(dot.iter().skip(1).step_by(3).all(|&green| green == 0), "other channels stay");
    }

    #[test]
    fn noise_has_the_deviation_asked_for() {
        let mut pixels = vec![128; 60_000];
        noise(&mut pixels, 10.0, &mut Dice::new(1, 2, 3));
        let errors = pixels.iter().map(|&byte| f64::from(byte) - 128.0);
        let (mean, square) = errors.fold((0.0, 0.0), |(sum, square), e| (sum + e, square + e * e));
        assert!((mean / 6e4).abs() < 0.5 && ((square / 6e4).sqrt() - 10.0).abs() < 0.5, "{mean} {square}");
    }

    #[test]
    fn jpeg_keeps_the_picture_about_as_it_is() {
        let mut pixels: Vec<u8> = (0..32 * 32 * 3).map(|place| (place / 3 % 32 * 8) as u8).collect();
        let before = pixels.clone();
        jpeg(&mut pixels, 32, 50).unwrap();
        assert!(pixels != before && pixels.iter().zip(&before).all(|(a, b)| a.abs_diff(*b) < 40));
    }
}
