//! Night and rain. Pictures are squares of red, green, blue bytes.

use super::camera::{blur, noise};
use super::dice::Dice;

/// Darkens as a camera at night does: what is bright stays so, the rest sinks into noise. The middle tone comes to lie
/// within a range, so that what is dark already does not vanish.
pub(super) fn night(pixels: &mut [u8], side: usize, dice: &mut Dice) {
    let sum: u64 = pixels.iter().map(|&byte| u64::from(byte)).sum();
    let mean = (sum as f32 / pixels.len().max(1) as f32 / 255.0).clamp(0.01, 0.99);
    let (aim, gain) = (dice.between(0.1, 0.3), dice.between(0.7, 1.0));
    let gamma = ((aim / gain).ln() / mean.ln()).clamp(1.0, 2.5);
    let dark: Vec<u8> = (0..256).map(|byte| (255.0 * gain * (byte as f32 / 255.0).powf(gamma)) as u8).collect();
    pixels.iter_mut().for_each(|byte| *byte = dark[usize::from(*byte)]);
    if dice.chance(0.7) {
        blur(pixels, side, dice.between(0.4, 0.9));
    }
    noise(pixels, dice.between(2.0, 10.0), dice);
}

/// Pales the picture and draws streaks of one slant over it.
pub(super) fn rain(pixels: &mut [u8], side: usize, dice: &mut Dice) {
    let haze = dice.between(0.05, 0.3);
    let pale: Vec<u8> = (0..256).map(|byte| (byte as f32 + (150.0 - byte as f32) * haze) as u8).collect();
    pixels.iter_mut().for_each(|byte| *byte = pale[usize::from(*byte)]);
    let slant = dice.between(-0.35, 0.35);
    let streaks = (side * side) as f32 * dice.between(0.0006, 0.003);
    for _ in 0..streaks as usize {
        let (mut x, top) = (dice.between(0.0, side as f32), dice.below(side));
        let (length, strength) = (dice.between(5.0, 0.07 * side as f32 + 6.0), dice.between(0.1, 0.4));
        for y in top..side.min(top + length as usize) {
            x += slant;
            // A line between two columns colours both, each by how near it is.
            let (column, part) = (x.floor(), x - x.floor());
            for (column, part) in [(column, 1.0 - part), (column + 1.0, part)] {
                if column >= 0.0 && (column as usize) < side {
                    let at = (y * side + column as usize) * 3;
                    for byte in &mut pixels[at..at + 3] {
                        *byte = (f32::from(*byte) + (215.0 - f32::from(*byte)) * strength * part) as u8;
                    }
                }
            }
        }
    }
}
