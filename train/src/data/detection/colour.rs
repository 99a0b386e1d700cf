//! Colours changed as another camera, another light would.

use super::dice::Dice;
use super::options::Looks;

/// Parts of 1 in a weight.
const ONE: f32 = 1024.0;

/// A change of hue, saturation and brightness as one matrix: a turn around the grey axis, then a mix with the luma, then a
/// gain. It is what a change in HSV does to moderate colours, without the way there and back for each pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tint([i32; 9]);

impl Tint {
    pub fn draw(looks: &Looks, dice: &mut Dice) -> Self {
        let turn = dice.between(-looks.hue, looks.hue) * std::f32::consts::TAU;
        let mut saturation = 1.0 + dice.between(-looks.saturation, looks.saturation);
        if dice.chance(looks.grey) {
            saturation = 0.0;
        }
        Tint::new(turn, saturation, 1.0 + dice.between(-looks.value, looks.value))
    }

    /// `turn` in radians.
    fn new(turn: f32, saturation: f32, gain: f32) -> Self {
        // ITU-R BT.601.
        const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
        let (same, others) = (turn.cos(), (1.0 - turn.cos()) / 3.0);
        let side = turn.sin() / 3f32.sqrt();
        let mut matrix = [0; 9];
        for row in 0..3 {
            for column in 0..3 {
                let turned = match (column + 3 - row) % 3 {
                    0 => same + others,
                    1 => others - side,
                    _ => others + side,
                };
                let weight = gain * (saturation * turned + (1.0 - saturation) * LUMA[column]);
                matrix[row * 3 + column] = (weight * ONE).round() as i32;
            }
        }
        Tint(matrix)
    }

    pub fn changes(&self) -> bool {
        *self != Tint::new(0.0, 1.0, 1.0)
    }

    pub fn apply(&self, pixels: &mut [u8]) {
        let m = &self.0;
        let byte = |sum: i32| ((sum + ONE as i32 / 2) >> 10).clamp(0, 255) as u8;
        for pixel in pixels.as_chunks_mut::<3>().0 {
            let [red, green, blue] = pixel.map(i32::from);
            *pixel = [0, 3, 6].map(|row| byte(m[row] * red + m[row + 1] * green + m[row + 2] * blue));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tinted(turn: f32, saturation: f32, gain: f32, pixel: [u8; 3]) -> [u8; 3] {
        let mut pixels = pixel;
        Tint::new(turn, saturation, gain).apply(&mut pixels);
        pixels
    }

    #[test]
    fn grey_stays_grey_and_colours_turn_fade_and_brighten() {
        assert_eq!(tinted(0.3, 1.5, 1.0, [90, 90, 90]), [90; 3]);
        assert_eq!(tinted(0.0, 1.0, 0.5, [200, 100, 50]), [100, 50, 25]);
        let third = std::f32::consts::TAU / 3.0;
        assert_eq!(tinted(third, 1.0, 1.0, [200, 100, 50]), [50, 200, 100], "red becomes green");
        assert_eq!(tinted(0.0, 0.0, 1.0, [255, 0, 0]), [76; 3]);
        assert!(!Tint::new(0.0, 1.0, 1.0).changes() && Tint::new(0.1, 1.0, 1.0).changes());
    }
}
