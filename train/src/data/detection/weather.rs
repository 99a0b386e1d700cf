//! Night and rain. Pictures are squares of red, green, blue bytes.

use super::arrays::Tile;
use super::camera::{blur, noise};
use super::dice::Dice;

/// Darkens as a camera at night does: what is bright stays so, the rest sinks into noise. Each of `parts` is darkened by
/// itself, and only so far that what is dark already does not vanish.
pub(super) fn night<'a>(pixels: &mut [u8], side: usize, parts: impl Iterator<Item = &'a Tile>, dice: &mut Dice) {
    let (aim, gain) = (dice.between(0.1, 0.3), dice.between(0.7, 1.0));
    for part in parts.filter(|part| !part.x.is_empty() && !part.y.is_empty()) {
        let columns = part.x.start * 3..part.x.end * 3;
        let lines = pixels.chunks_exact_mut(side * 3).skip(part.y.start).take(part.y.len());
        let mut lines: Vec<&mut [u8]> = lines.map(|line| &mut line[columns.clone()]).collect();
        let sum: u64 = lines.iter().flat_map(|line| line.iter()).map(|&byte| u64::from(byte)).sum();
        let mean = sum as f32 / (columns.len() * part.y.len()) as f32 / 255.0;
        // The power that brings the mean to the aim.
        let power = ((aim / gain).ln() / mean.clamp(0.01, 0.99).ln()).clamp(1.0, 3.0);
        let dark: Vec<u8> = (0..256).map(|byte| (255.0 * gain * (byte as f32 / 255.0).powf(power)) as u8).collect();
        lines.iter_mut().flat_map(|line| line.iter_mut()).for_each(|byte| *byte = dark[usize::from(*byte)]);
    }
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
