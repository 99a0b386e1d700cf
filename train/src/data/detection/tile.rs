//! One tile of a mosaic: where a picture lies in it, its pixels, its boxes.

use std::ops::Range;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::dice::Dice;
use super::options::MosaicOptions;
use super::{LabelledPicture, area, common};
use crate::{Error, Result};

/// What is no picture: the padding of the appliance's letterbox.
pub(super) const GREY: u8 = 114;

/// Where a picture lies in a tile: `tile = picture · scale + offset`, then exchanged left and right where `flip` says so.
/// Lengths in the tile are pixels of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    /// Width and height of the tile.
    pub tile: (usize, usize),
    pub scale: (f32, f32),
    pub offset: (f32, f32),
    pub flip: bool,
}

impl View {
    /// Brings a box of the picture, drawn from all, to a size drawn for it, no larger than the tile, and to a place in the
    /// tile drawn for it; now and then shows another place at that scale.
    pub fn draw(picture: &LabelledPicture, tile: (usize, usize), options: &MosaicOptions, dice: &mut Dice) -> Self {
        let (width, height) = (picture.size.0 as f32, picture.size.1 as f32);
        let chosen = (!picture.boxes.is_empty()).then(|| picture.boxes[dice.below(picture.boxes.len())].rect);
        let largest = options.sizes.1.min(tile.0.min(tile.1) as f32).max(options.sizes.0);
        let scale = match chosen {
            Some(rect) => dice.log_between(options.sizes.0, largest) / area(rect).sqrt(),
            None => dice.log_between(options.empty_scales.0, options.empty_scales.1),
        };
        let scale = scale.clamp(options.scales.0, options.scales.1);
        let aspect = dice.log_between(1.0 / options.aspect, options.aspect).sqrt();
        let flip = dice.chance(options.looks.flip);
        let shown = chosen.filter(|_| !dice.chance(options.background));
        let [x1, y1, x2, y2] = shown.unwrap_or([0.0, 0.0, width, height]);
        Self::placed(
            (scale * aspect, scale / aspect),
            ((x1, x2, width), (y1, y2, height)),
            tile,
            flip,
            (dice.unit(), dice.unit()),
        )
    }

    /// `along`: for each axis, where the chosen box begins and ends and the picture's length. `place`: 0 to 1 for each axis.
    pub fn placed(
        scale: (f32, f32),
        along: ((f32, f32, f32), (f32, f32, f32)),
        tile: (usize, usize),
        flip: bool,
        place: (f32, f32),
    ) -> Self {
        let x = offset(scale.0, along.0, tile.0 as f32, place.0);
        let y = offset(scale.1, along.1, tile.1 as f32, place.1);
        View { tile, scale, offset: (x, y), flip }
    }

    /// Whether a picture of this size covers less than half of the tile in both directions.
    pub fn leaves_half(&self, (width, height): (u32, u32)) -> bool {
        let less = |length: u32, scale: f32, tile: usize| 2.0 * length as f32 * scale < tile as f32;
        less(width, self.scale.0, self.tile.0) && less(height, self.scale.1, self.tile.1)
    }

    /// The same picture, wholly in a smaller tile that holds it. `place`: 0 to 1 for each axis.
    pub fn within(&self, (width, height): (u32, u32), tile: (usize, usize), place: (f32, f32)) -> Self {
        let whole = |length: u32| (0.0, length as f32, length as f32);
        Self::placed(self.scale, (whole(width), whole(height)), tile, self.flip, place)
    }

    /// A rectangle of the picture, in the tile; it may reach beyond.
    pub fn place(&self, [x1, y1, x2, y2]: [f32; 4]) -> [f32; 4] {
        let x = |x: f32| x * self.scale.0 + self.offset.0;
        let y = |y: f32| y * self.scale.1 + self.offset.1;
        let width = self.tile.0 as f32;
        match self.flip {
            true => [width - x(x2), y(y1), width - x(x1), y(y2)],
            false => [x(x1), y(y1), x(x2), y(y2)],
        }
    }

    /// A rectangle of the picture as far as the tile shows it, and whether it counts: enough of it is seen, and it is
    /// large enough.
    pub fn seen(&self, rect: [f32; 4], visible: f32, smallest: f32) -> Option<([f32; 4], bool)> {
        let whole = self.place(rect);
        let seen = common(whole, [0.0, 0.0, self.tile.0 as f32, self.tile.1 as f32]);
        let part = area(seen);
        let counts = part >= visible * area(whole) && part >= smallest * smallest;
        (part > 0.0).then_some((seen, counts))
    }

    /// Columns and rows of the tile that a picture of this size covers.
    pub fn covered(&self, size: (u32, u32)) -> (Range<usize>, Range<usize>) {
        let columns = along(self.scale.0, self.offset.0, size.0, self.tile.0).0;
        let rows = along(self.scale.1, self.offset.1, size.1, self.tile.1).0;
        match self.flip {
            true => (self.tile.0 - columns.end..self.tile.0 - columns.start, rows),
            false => (columns, rows),
        }
    }

    /// The tile's pixels; what the picture does not cover is grey. Shrinking averages over all pixels that fall into one, or is
    /// `sampled` bilinearly.
    pub fn paint(&self, picture: &RgbImage, resizer: &mut Resizer, sampled: bool) -> Result<Vec<u8>> {
        let (columns, left, width) = along(self.scale.0, self.offset.0, picture.width(), self.tile.0);
        let (rows, top, height) = along(self.scale.1, self.offset.1, picture.height(), self.tile.1);
        let mut out = vec![GREY; self.tile.0 * self.tile.1 * 3];
        if columns.is_empty() || rows.is_empty() {
            return Ok(out);
        }
        let refused = |error: &dyn std::fmt::Display| Error::Data(format!("a crop of a picture: {error}"));
        let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
            .map_err(|error| refused(&error))?;
        let mut crop = Image::new(columns.len() as u32, rows.len() as u32, PixelType::U8x3);
        let filter = if sampled { ResizeAlg::Interpolation } else { ResizeAlg::Convolution };
        let options = ResizeOptions::new()
            .resize_alg(filter(FilterType::Bilinear))
            .crop(left, top, width, height)
            .use_alpha(false);
        resizer.resize(&source, &mut crop, &options).map_err(|error| refused(&error))?;
        let lines = out.chunks_exact_mut(self.tile.0 * 3).skip(rows.start);
        for (line, cropped) in lines.zip(crop.buffer().chunks_exact(columns.len() * 3)) {
            line[columns.start * 3..columns.end * 3].copy_from_slice(cropped);
            if self.flip {
                line.as_chunks_mut::<3>().0.reverse();
            }
        }
        Ok(out)
    }
}

/// Where the picture begins in the tile, along one axis: in whole pixels, so that a picture that ends inside has a sharp
/// border. A picture longer than the tile covers it, a shorter one lies wholly inside, and the box is seen whole where it
/// fits.
fn offset(scale: f32, (first, last, length): (f32, f32, f32), tile: f32, place: f32) -> f32 {
    let rest = tile - length * scale;
    let (low, high) = (rest.min(0.0), rest.max(0.0));
    let (one, other) = (-first * scale, tile - last * scale);
    let (from, to) = (one.min(other).clamp(low, high), one.max(other).clamp(low, high));
    let drawn = from + (to - from) * place;
    let whole = [drawn.round(), drawn.ceil(), drawn.floor()];
    whole.into_iter().find(|whole| (low..=high).contains(whole)).unwrap_or(drawn)
}

/// For one axis: the tile's pixels that the picture covers wholly, and where they begin and how far they reach in it.
fn along(scale: f32, offset: f32, length: u32, tile: usize) -> (Range<usize>, f64, f64) {
    let (scale, offset, length) = (f64::from(scale), f64::from(offset), f64::from(length));
    let first = offset.ceil().clamp(0.0, tile as f64);
    // Rounding of a scale must not cost the last pixel.
    let last = (offset + length * scale + 1e-3).floor().clamp(first, tile as f64);
    let begin = ((first - offset) / scale).clamp(0.0, length);
    let reach = ((last - first) / scale).min(length - begin);
    (first as usize..last as usize, begin, reach)
}

#[cfg(test)]
mod tests {
    use super::super::LabelledBox;
    use super::*;

    #[test]
    fn objects_are_drawn_as_large_as_the_tile_and_no_larger() {
        let picture = LabelledPicture {
            file: "x".into(),
            boxes: vec![LabelledBox { class: 0, rect: [20.0, 20.0, 180.0, 180.0] }],
            ignored: vec![],
            source: 0,
            known: vec![true],
            exhaustive: true,
            size: (200, 200),
        };
        let options = MosaicOptions::default();
        let mut dice = Dice::new(1, 2, 3);
        let largest = |side: usize, dice: &mut Dice| {
            let view = |_| View::draw(&picture, (side, side), &options, dice).place(picture.boxes[0].rect);
            (0..500).map(view).map(|rect| area(rect).sqrt()).fold(0.0, f32::max)
        };
        for side in [64, 256] {
            let found = largest(side, &mut dice);
            assert!(found > 0.95 * side as f32 && found < 1.001 * side as f32, "{found} in a tile of {side}");
        }
    }
}
