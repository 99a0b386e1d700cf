//! Text on a filled plate, in a size that fits the picture.

use std::convert::Infallible;

use embedded_graphics::mono_font::iso_8859_1::{FONT_6X10, FONT_7X13_BOLD, FONT_9X15_BOLD, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};

use super::canvas::{Canvas, Magnified};

/// Height of the text as a part of the picture's: readable at arm's length, and small beside a vehicle.
const PART_OF_HEIGHT: f32 = 1.0 / 34.0;

/// A font and how far it is magnified.
pub(super) struct Lettering {
    font: &'static MonoFont<'static>,
    scale: u32,
    padding: u32,
}

impl Lettering {
    /// For a picture of this height: bitmaps stay at their own size up to 1080 lines, then double, and so on.
    pub fn for_height(height: u32) -> Self {
        let scale = (height as f32 / 720.0).round().max(1.0);
        let wanted = height as f32 * PART_OF_HEIGHT / scale;
        let off = |font: &MonoFont| (font.character_size.height as f32 - wanted).abs();
        let fonts = [&FONT_6X10, &FONT_7X13_BOLD, &FONT_9X15_BOLD, &FONT_10X20];
        let font = fonts.into_iter().min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(&FONT_6X10);
        let scale = scale as u32;
        Self { font, scale, padding: 2 * scale }
    }

    /// Size of the plate for `text`, in pixels.
    pub fn plate(&self, text: &str) -> Size {
        let letter = self.font.character_size + Size::new(self.font.character_spacing, 0);
        let width = letter.width * text.chars().count() as u32;
        Size::new(width * self.scale + 2 * self.padding, letter.height * self.scale + self.padding)
    }

    /// Draws `text` on a plate of colour `back` with its top left corner at `at`, black or white as reads better.
    pub fn draw(&self, canvas: &mut Canvas, at: Point, text: &str, back: Rgb888) -> Result<(), Infallible> {
        Rectangle::new(at, self.plate(text)).into_styled(PrimitiveStyle::with_fill(back)).draw(canvas)?;
        let style = MonoTextStyle::new(self.font, readable_on(back));
        let origin = at + Point::new(self.padding as i32, self.padding as i32 / 2);
        let mut magnified = Magnified { canvas, origin, scale: self.scale };
        Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut magnified)?;
        Ok(())
    }
}

fn readable_on(back: Rgb888) -> Rgb888 {
    let luma = 299 * u32::from(back.r()) + 587 * u32::from(back.g()) + 114 * u32::from(back.b());
    if luma > 128_000 { Rgb888::BLACK } else { Rgb888::WHITE }
}

/// Moves a rectangle of `size` at `at` so that it lies inside `bounds`; one that is too large keeps its left and top.
pub(super) fn inside(at: Point, size: Size, bounds: Size) -> Point {
    let fit = |at: i32, size: u32, bound: u32| at.min(bound.saturating_sub(size) as i32).max(0);
    Point::new(fit(at.x, size.width, bounds.width), fit(at.y, size.height, bounds.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_grows_with_the_picture_and_stays_near_its_part() {
        for height in [240, 360, 480, 720, 1080, 1440, 2160] {
            let lettering = Lettering::for_height(height);
            let tall = lettering.font.character_size.height * lettering.scale;
            let part = tall as f32 / height as f32;
            assert!((0.022..0.045).contains(&part), "{height}: {tall} pixels");
        }
    }

    #[test]
    fn plates_are_moved_inside() {
        let (size, bounds) = (Size::new(20, 10), Size::new(100, 50));
        assert_eq!(inside(Point::new(95, -3), size, bounds), Point::new(80, 0));
        assert_eq!(inside(Point::new(5, 45), size, bounds), Point::new(5, 40));
        assert_eq!(inside(Point::new(5, 5), Size::new(200, 10), bounds), Point::new(0, 5));
    }
}
