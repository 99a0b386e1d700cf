//! An RGB picture as a target of embedded-graphics, and at a magnification.

use std::convert::Infallible;

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use image::RgbImage;

/// Draws on a picture; what lies outside is left out.
pub(super) struct Canvas<'a> {
    pub picture: &'a mut RgbImage,
}

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new(self.picture.width(), self.picture.height())
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, color) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y))
                && let Some(pixel) = self.picture.get_pixel_mut_checked(x, y)
            {
                pixel.0 = [color.r(), color.g(), color.b()];
            }
        }
        Ok(())
    }
}

/// Each point becomes a square of `scale` × `scale` pixels; point (0, 0) lies at `origin`.
pub(super) struct Magnified<'a, 'b> {
    pub canvas: &'a mut Canvas<'b>,
    pub origin: Point,
    pub scale: u32,
}

impl OriginDimensions for Magnified<'_, '_> {
    fn size(&self) -> Size {
        self.canvas.size()
    }
}

impl DrawTarget for Magnified<'_, '_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        let square = Size::new_equal(self.scale);
        for Pixel(at, color) in pixels {
            let area = Rectangle::new(self.origin + at * self.scale as i32, square);
            self.canvas.fill_solid(&area, color)?;
        }
        Ok(())
    }
}
