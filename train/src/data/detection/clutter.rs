//! Clutter: shapes lying over each other, none of which is an object. A detector that has only seen the places where its objects are takes
//! whatever has an outline for one: a bucket, letters on a shirt, a stone. Pictures of shapes that cover each other have the edges,
//! corners and sizes of real ones (dead leaves, Lee et al. 2001; Baradad et al. 2021, arXiv:2106.05963, learn from them alone).

use image::RgbImage;

use super::dice::Dice;
use super::{LabelledPicture, area, common};

/// Smallest shape, as half of its length in pixels.
const LEAST: f32 = 2.0;
/// Shapes of a tile of 100 by 100 pixels: the fewest and the most.
const SHAPES: (f32, f32) = (4.0, 40.0);
/// How often a shape has the surface of a real picture, and how often it comes as a grid of its like: windows, keys, letters.
const REAL: f32 = 0.5;
const GRID: f32 = 0.25;

/// A picture, a place in it where nothing is labelled, and the picture's pixels for one of the tile.
struct Surface<'a> {
    pixels: &'a RgbImage,
    corner: (f32, f32),
    side: f32,
    scale: f32,
}

enum Kind {
    Ellipse,
    Rectangle,
    Triangle,
    /// With a hole of this radius.
    Ring(f32),
    Rounded,
}

struct Shape<'a> {
    kind: Kind,
    /// Half its length along its own axes.
    half: (f32, f32),
    /// Cosine and sine of how it is turned.
    turn: (f32, f32),
    colours: [[f32; 3]; 2],
    /// Stripes along its first axis; 0: none, the colours go over into each other.
    stripes: f32,
    /// How much brighter it is at one end than at the other.
    shade: f32,
    surface: Option<Surface<'a>>,
}

/// A tile of it, from the surfaces of one picture.
pub(super) fn paint(
    (width, height): (usize, usize),
    picture: &LabelledPicture,
    pixels: &RgbImage,
    dice: &mut Dice,
) -> Vec<u8> {
    let mut out = vec![0; width * height * 3];
    let longest = width.max(height) as f32;
    let ground = Shape {
        kind: Kind::Rectangle,
        half: (longest * 1.5, longest * 1.5),
        ..Shape::draw(longest, picture, pixels, dice)
    };
    ground.put(&mut out, (width, height), (longest / 2.0, longest / 2.0));
    let count = (width * height) as f32 / 1e4 * dice.log_between(SHAPES.0, SHAPES.1);
    for _ in 0..(count as usize).max(2) {
        let shape = Shape::draw(longest, picture, pixels, dice);
        let (x, y) = (dice.between(0.0, width as f32), dice.between(0.0, height as f32));
        let (columns, rows) = if dice.chance(GRID) { (1 + dice.below(8), 1 + dice.below(5)) } else { (1, 1) };
        let apart = dice.between(2.05, 3.5);
        for (column, row) in (0..columns).flat_map(|column| (0..rows).map(move |row| (column, row))) {
            let (u, v) = (column as f32 * shape.half.0 * apart, row as f32 * shape.half.1 * apart);
            let (cos, sin) = shape.turn;
            shape.put(&mut out, (width, height), (x + u * cos - v * sin, y + u * sin + v * cos));
        }
    }
    out
}

impl<'a> Shape<'a> {
    fn draw(longest: f32, picture: &LabelledPicture, pixels: &'a RgbImage, dice: &mut Dice) -> Self {
        let half = dice.log_between(LEAST, longest / 2.0);
        let slim = dice.log_between(0.2, 1.0);
        let turn = if dice.chance(0.5) { 0.0 } else { dice.between(0.0, std::f32::consts::TAU) };
        let kind = match dice.below(6) {
            0 => Kind::Ellipse,
            1 => Kind::Triangle,
            2 => Kind::Ring(dice.between(0.4, 0.9)),
            3 => Kind::Rounded,
            _ => Kind::Rectangle,
        };
        let colours = [colour(dice), colour(dice)];
        Shape {
            kind,
            half: if dice.chance(0.5) { (half, half * slim) } else { (half * slim, half) },
            turn: (turn.cos(), turn.sin()),
            colours,
            stripes: if dice.chance(0.2) { dice.between(3.0, 20.0) } else { 0.0 },
            shade: dice.between(-0.4, 0.4),
            surface: if dice.chance(REAL) { Surface::draw(half * 2.0, picture, pixels, dice) } else { None },
        }
    }

    fn put(&self, out: &mut [u8], (width, height): (usize, usize), (x, y): (f32, f32)) {
        let reach = self.half.0.hypot(self.half.1);
        let range = |centre: f32, length: usize| {
            let low = (centre - reach).floor().clamp(0.0, length as f32) as usize;
            low..(centre + reach).ceil().clamp(0.0, length as f32) as usize
        };
        for py in range(y, height) {
            for px in range(x, width) {
                let (dx, dy) = (px as f32 + 0.5 - x, py as f32 + 0.5 - y);
                let (cos, sin) = self.turn;
                let (u, v) = ((dx * cos + dy * sin) / self.half.0, (dy * cos - dx * sin) / self.half.1);
                if self.covers(u, v) {
                    out[(py * width + px) * 3..][..3].copy_from_slice(&self.colour(u, v, dx, dy));
                }
            }
        }
    }

    /// In its own axes, on which it reaches from -1 to 1.
    fn covers(&self, u: f32, v: f32) -> bool {
        match self.kind {
            Kind::Ellipse => u * u + v * v <= 1.0,
            Kind::Rectangle => u.abs().max(v.abs()) <= 1.0,
            Kind::Triangle => v <= 1.0 && 2.0 * u.abs() <= 1.0 + v,
            Kind::Ring(hole) => (hole * hole..=1.0).contains(&(u * u + v * v)),
            Kind::Rounded => u.powi(4) + v.powi(4) <= 1.0,
        }
    }

    fn colour(&self, u: f32, v: f32, dx: f32, dy: f32) -> [u8; 3] {
        let light = 1.0 + self.shade * v;
        let byte = |value: f32| (value * light).clamp(0.0, 255.0) as u8;
        if let Some(surface) = &self.surface {
            return surface.at(dx, dy).map(|value| byte(f32::from(value)));
        }
        let part = match self.stripes > 0.0 {
            true => f32::from(u8::from((u * self.stripes).sin() > 0.0)),
            false => (u + 1.0) / 2.0,
        };
        let [from, to] = self.colours;
        [0, 1, 2].map(|channel| byte(from[channel] + (to[channel] - from[channel]) * part))
    }
}

impl<'a> Surface<'a> {
    /// None where a few tries find no free place.
    fn draw(length: f32, picture: &LabelledPicture, pixels: &'a RgbImage, dice: &mut Dice) -> Option<Self> {
        let (width, height) = (pixels.width() as f32, pixels.height() as f32);
        for _ in 0..4 {
            let side = dice.log_between(0.1, 0.5) * width.min(height);
            let corner = (dice.between(0.0, width - side), dice.between(0.0, height - side));
            let rect = [corner.0, corner.1, corner.0 + side, corner.1 + side];
            let objects = picture.boxes.iter().map(|one| &one.rect).chain(&picture.ignored);
            if objects.map(|&object| area(common(rect, object))).all(|common| common <= 0.0) {
                return Some(Surface { pixels, corner, side, scale: side / length });
            }
        }
        None
    }

    /// So far from the shape's centre.
    fn at(&self, dx: f32, dy: f32) -> [u8; 3] {
        let place = |corner: f32, by: f32, length: u32| {
            // What lies beyond is mirrored, so that nothing labelled gets in.
            let along = (by * self.scale).rem_euclid(2.0 * self.side);
            ((corner + along.min(2.0 * self.side - along)) as u32).min(length - 1)
        };
        let (x, y) = (place(self.corner.0, dx, self.pixels.width()), place(self.corner.1, dy, self.pixels.height()));
        self.pixels.get_pixel(x, y).0
    }
}

/// Half of them nearly grey.
fn colour(dice: &mut Dice) -> [f32; 3] {
    let grey = dice.between(0.0, 255.0);
    let spread = if dice.chance(0.5) { 20.0 } else { 200.0 };
    [0; 3].map(|_: i32| (grey + dice.between(-spread, spread)).clamp(0.0, 255.0))
}

#[cfg(test)]
mod tests {
    use super::super::LabelledBox;
    use super::*;

    #[test]
    fn a_tile_is_full_of_shapes_and_shows_nothing_of_the_objects() {
        // Red objects on a blue ground: no red surface may be taken.
        let mut pixels = RgbImage::from_pixel(200, 100, image::Rgb([0, 0, 200]));
        let rect = [40.0, 20.0, 140.0, 80.0];
        for (x, y) in (40..140).flat_map(|x| (20..80).map(move |y| (x, y))) {
            pixels.put_pixel(x, y, image::Rgb([255, 0, 0]));
        }
        let picture = LabelledPicture {
            file: "x".into(),
            boxes: vec![LabelledBox { class: 0, rect }],
            ignored: vec![],
            source: 0,
            known: vec![true],
            exhaustive: true,
            size: (200, 100),
        };
        for seed in 0..20 {
            let mut dice = Dice::new(seed, 0, 0);
            if let Some(surface) = Surface::draw(40.0, &picture, &pixels, &mut dice) {
                for (x, y) in (-60..60).flat_map(|x| (-60..60).map(move |y| (x, y))) {
                    assert_eq!(surface.at(x as f32, y as f32), [0, 0, 200]);
                }
            }
            let tile = paint((64, 48), &picture, &pixels, &mut dice);
            let colours: std::collections::HashSet<&[u8]> = tile.chunks(3).collect();
            assert!(tile.len() == 64 * 48 * 3 && colours.len() > 3, "{} colours", colours.len());
            assert_eq!(tile, paint((64, 48), &picture, &pixels, &mut again(seed, &picture, &pixels)));
        }
    }

    fn again(seed: u64, picture: &LabelledPicture, pixels: &RgbImage) -> Dice {
        let mut dice = Dice::new(seed, 0, 0);
        Surface::draw(40.0, picture, pixels, &mut dice);
        dice
    }
}
