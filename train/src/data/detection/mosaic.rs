//! Training samples: 1, 4 or 9 crops side by side, each at a scale of its own, so that objects of all sizes are seen as
//! often and in many surroundings.

use std::ops::Range;
use std::sync::Arc;

use fast_image_resize::Resizer;
use image::RgbImage;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::arrays::{self, Sample, Tile};
use super::colour::Tint;
use super::dice::Dice;
use super::options::MosaicOptions;
use super::scenes::Scenes;
use super::tile::{GREY, View};
use super::weights::Weighted;
use super::{DetectionSet, LabelledBox, LabelledPicture, Region, camera, clutter, weather};
use crate::data::{Batch, Dataset};
use crate::{Error, Result};

/// A sample for each picture of the set, which comes in one of its tiles; the others are drawn.
pub struct Mosaics {
    set: Arc<DetectionSet>,
    weights: Weighted,
    unlabelled: Option<(Arc<DetectionSet>, Weighted)>,
    options: MosaicOptions,
    scenes: Option<Scenes>,
    pool: Option<ThreadPool>,
}

impl Mosaics {
    pub fn new(set: Arc<DetectionSet>, options: MosaicOptions) -> Result<Self> {
        let refused = |what: &str| Err(Error::Data(format!("mosaics: {what}")));
        if set.pictures.is_empty() {
            return refused("there are no pictures");
        }
        if options.sides.is_empty() || options.sides.iter().any(|&(_, side)| side < 16) {
            return refused("a side of at least 16 pixels is needed");
        }
        if options.grids.iter().any(|&part| !(0.0..=1e6).contains(&part)) || options.grids.iter().sum::<f32>() <= 0.0 {
            return refused("no number of tiles has a probability above 0");
        }
        let ranges = [options.sizes, options.scales, options.empty_scales, (1.0, options.aspect)];
        if ranges.iter().any(|&(low, high)| !(low > 0.0 && low <= high && high.is_finite())) {
            return refused("sizes, scales and aspect are ranges above 0, the lower bound first");
        }
        let pool = (options.threads > 1).then(|| {
            let pool = ThreadPoolBuilder::new().num_threads(options.threads);
            pool.thread_name(|number| format!("mosaics {number}")).build()
        });
        let pool = pool.transpose().map_err(|error| Error::Data(format!("mosaics: no threads: {error}")))?;
        if options.divide && options.mixup > 0.0 {
            return refused("mosaics over each other need the same tiles: either divide or mixup");
        }
        let scenes = (options.scenes > 0.0).then(|| Scenes::new(&set.classes)).transpose()?;
        Ok(Mosaics { weights: Weighted::of(&set, options.balance), set, unlabelled: None, options, scenes, pool })
    }

    /// Shows pictures of this set too, in the part of the tiles that the options say, rare classes and small sources more often as well.
    /// It must have the same classes.
    pub fn with_unlabelled(mut self, set: Arc<DetectionSet>) -> Result<Self> {
        if set.classes != self.set.classes || set.pictures.is_empty() {
            return Err(Error::Data("mosaics: unlabelled pictures are needed, with the classes of the others".into()));
        }
        let weights = Weighted::of(&set, self.options.balance);
        self.unlabelled = Some((set, weights));
        Ok(self)
    }

    pub fn classes(&self) -> &[String] {
        &self.set.classes
    }

    /// The input's side in this epoch, in pixels.
    pub fn side_of(&self, epoch: usize) -> usize {
        let sides = &self.options.sides;
        sides.iter().rev().find(|(from, _)| *from <= epoch).unwrap_or(&sides[0]).1
    }

    pub(super) fn sample(&self, number: usize, epoch: usize) -> Result<Sample> {
        let mut dice = Dice::new(self.options.seed, epoch, number);
        let side = self.side_of(epoch);
        let mut sample = match &self.scenes {
            Some(scenes) if dice.chance(self.options.scenes) => self.scene(scenes, side, &mut dice)?,
            _ => {
                let grid = self.grid(&mut dice);
                let mut sample = self.mosaic(number, grid, side, &mut dice)?;
                if dice.chance(self.options.mixup) {
                    let other = self.mosaic(self.weights.draw(&mut dice), grid, side, &mut dice)?;
                    lay_over(&mut sample, other);
                }
                sample
            }
        };
        self.look(&mut sample, side, &mut dice)?;
        // The appliance pads what its camera has taken: no weather falls there.
        sample.pad(side, GREY);
        Ok(sample)
    }

    /// Tiles on a side.
    fn grid(&self, dice: &mut Dice) -> usize {
        let [one, four, nine] = self.options.grids;
        let drawn = dice.between(0.0, one + four + nine);
        if drawn < one {
            1
        } else if drawn < one + four || nine == 0.0 {
            2
        } else {
            3
        }
    }

    fn mosaic(&self, own: usize, grid: usize, side: usize, dice: &mut Dice) -> Result<Sample> {
        let mut sample = Sample::black(side);
        let mut resizer = Resizer::new();
        let home = dice.below(grid * grid);
        let cut = |place: usize| place * side / grid;
        let places = (0..grid * grid).map(|place| (place % grid, place / grid));
        let tiles = places.map(|(x, y)| Tile { x: cut(x)..cut(x + 1), y: cut(y)..cut(y + 1) });
        let mut tiles: Vec<Tile> = tiles.collect();
        tiles.swap(0, home);
        // The last comes first, and what is divided comes back: so the list ends.
        tiles.reverse();
        let mut number = own;
        while let Some(mut tile) = tiles.pop() {
            let mut set = &*self.set;
            if let Some((unlabelled, weights)) = &self.unlabelled
                && dice.chance(self.options.unlabelled)
            {
                (set, number) = (unlabelled, weights.draw(dice));
            }
            let picture = &set.pictures[number];
            if dice.chance(self.options.clutter) {
                let mut pixels = clutter::paint(tile.size(), picture, set.pixels(number)?.as_ref(), dice);
                Tint::draw(&self.options.looks, dice).apply(&mut pixels);
                sample.put(&pixels, &tile, side);
                sample.regions.push(Region::empty(tile.rect(), picture.known.len()));
                sample.tiles.push((tile.clone(), tile));
                number = self.weights.draw(dice);
                continue;
            }
            let mut view = View::draw(picture, tile.size(), &self.options, dice);
            while self.options.divide && tile.divisible() && view.leaves_half(picture.size) {
                let mut parts = tile.quarters();
                tile = parts.swap_remove(dice.below(4));
                tiles.extend(parts);
                view = view.within(picture.size, tile.size(), (dice.unit(), dice.unit()));
            }
            let pixels = self.paint(&view, set.pixels(number)?.as_ref(), &mut resizer, dice)?;
            sample.put(&pixels, &tile, side);
            self.label(&mut sample, picture, &view, &tile);
            number = self.weights.draw(dice);
        }
        Ok(sample)
    }

    /// A frame of the synthetic road, from about half to twice as large as the appliance would see it.
    fn scene(&self, scenes: &Scenes, side: usize, dice: &mut Dice) -> Result<Sample> {
        let (picture, pixels) = scenes.draw(self.options.visible, dice)?;
        let (width, height) = (picture.size.0 as f32, picture.size.1 as f32);
        let scale = side as f32 / width * dice.log_between(0.6, 2.0);
        let aspect = dice.log_between(1.0 / self.options.aspect, self.options.aspect).sqrt();
        let flip = dice.chance(self.options.looks.flip);
        let whole = ((0.0, width, width), (0.0, height, height));
        let place = (dice.unit(), dice.unit());
        let view = View::placed((scale * aspect, scale / aspect), whole, (side, side), flip, place);
        let mut sample = Sample::black(side);
        sample.pixels = self.paint(&view, &pixels, &mut Resizer::new(), dice)?;
        self.label(&mut sample, &picture, &view, &Tile { x: 0..side, y: 0..side });
        Ok(sample)
    }

    fn paint(&self, view: &View, picture: &RgbImage, resizer: &mut Resizer, dice: &mut Dice) -> Result<Vec<u8>> {
        let mut pixels = view.paint(picture, resizer, dice.chance(self.options.sampled))?;
        let tint = Tint::draw(&self.options.looks, dice);
        if tint.changes() {
            tint.apply(&mut pixels);
        }
        Ok(pixels)
    }

    /// Adds the labels of what a tile shows.
    fn label(&self, sample: &mut Sample, picture: &LabelledPicture, view: &View, tile: &Tile) {
        let (left, top) = (tile.x.start as f32, tile.y.start as f32);
        let moved = |rect: [f32; 4]| [rect[0] + left, rect[1] + top, rect[2] + left, rect[3] + top];
        for one in &picture.boxes {
            match view.seen(one.rect, self.options.visible, self.options.smallest) {
                Some((rect, true)) => sample.boxes.push(LabelledBox { class: one.class, rect: moved(rect) }),
                Some((rect, false)) => sample.ignored.push(moved(rect)),
                None => {}
            }
        }
        let ignored = picture.ignored.iter().filter_map(|&rect| view.seen(rect, 0.0, 0.0));
        sample.ignored.extend(ignored.map(|(rect, _)| moved(rect)));
        let whole = moved([0.0, 0.0, view.tile.0 as f32, view.tile.1 as f32]);
        sample.regions.push(Region::of(whole, picture));
        let (columns, rows) = view.covered(picture.size);
        let shifted = |range: &Range<usize>, by: usize| range.start + by..range.end + by;
        let picture = Tile { x: shifted(&columns, tile.x.start), y: shifted(&rows, tile.y.start) };
        sample.tiles.push((tile.clone(), picture));
    }

    /// What the camera and the weather do to the whole sample.
    fn look(&self, sample: &mut Sample, side: usize, dice: &mut Dice) -> Result<()> {
        let (looks, pixels) = (&self.options.looks, &mut sample.pixels[..]);
        if dice.chance(looks.rain) {
            weather::rain(pixels, side, dice);
        }
        if dice.chance(looks.night) {
            weather::night(pixels, side, sample.tiles.iter().map(|(_, picture)| picture), dice);
        }
        if dice.chance(looks.blur) {
            camera::blur(pixels, side, dice.between(0.4, 1.5));
        }
        if dice.chance(looks.noise) {
            camera::noise(pixels, dice.between(2.0, 12.0), dice);
        }
        if dice.chance(looks.jpeg) {
            camera::jpeg(pixels, side, 25 + dice.below(56) as u8)?;
        }
        Ok(())
    }
}

/// Half of each picture and the labels of both; a class is labelled where both label it. Both have the same tiles.
fn lay_over(sample: &mut Sample, other: Sample) {
    for (byte, over) in sample.pixels.iter_mut().zip(&other.pixels) {
        *byte = byte.midpoint(*over);
    }
    sample.boxes.extend(other.boxes);
    sample.ignored.extend(other.ignored);
    // Only what both leave free stays grey, which is not worth telling.
    let side = sample.tiles.iter().map(|(tile, _)| tile.x.end).max().unwrap_or_default();
    let whole = Tile { x: 0..side, y: 0..side };
    sample.tiles = vec![(whole.clone(), whole)];
    for region in &mut sample.regions {
        for over in other.regions.iter().filter(|over| over.rect == region.rect) {
            region.exhaustive &= over.exhaustive;
            region.known.iter_mut().zip(&over.known).for_each(|(known, over)| *known &= over);
        }
    }
}

impl Dataset for Mosaics {
    fn len(&self) -> usize {
        self.set.pictures.len()
    }

    fn batch(&self, samples: &[usize], epoch: usize) -> Result<Batch> {
        let side = self.side_of(epoch);
        let mut x = vec![0.0; samples.len() * side * side * 3];
        let draw = |(number, out): (&usize, &mut [f32])| {
            let sample = self.sample(*number, epoch)?;
            sample.write(out);
            Ok(sample)
        };
        let size = side * side * 3;
        let drawn: Vec<Sample> = match &self.pool {
            Some(pool) => {
                pool.install(|| samples.par_iter().zip(x.par_chunks_mut(size)).map(draw).collect::<Result<_>>())?
            }
            None => samples.iter().zip(x.chunks_mut(size)).map(draw).collect::<Result<_>>()?,
        };
        arrays::batch(&drawn, x, side, self.set.classes.len())
    }
}
