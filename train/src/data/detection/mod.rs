//! Pictures with labelled boxes, and what a detector learns from: mosaics of crops of them.
//!
//! A [`DetectionSet`] is read from YOLO's, COCO's or Pascal VOC's files. [`Mosaics`] draws training samples from it,
//! [`Plain`] shows its pictures as the appliance will see them. Both give batches of
//!
//! - `x[0]`: (batch, side, side, 3), red, green, blue, 0 to 1;
//! - `y[0]`, boxes: (n, 6), each the sample's place in the batch, the class, x1, y1, x2, y2 in pixels of the input;
//! - `y[1]`, ignored: (m, 5), each the sample's place, x1, y1, x2, y2: whatever is found there is neither right nor wrong;
//! - `y[2]`, regions: (k, 6 + classes), each the sample's place, x1, y1, x2, y2, whether every object of the labelled
//!   classes has its label there (1 or 0), and for each class whether it is labelled there (1 or 0).
//!
//! n, m may be 0. Sources differ in what they label: what is no box in a region that does not label its class is unknown.

mod anchors;
mod arrays;
mod camera;
mod clutter;
mod coco;
mod colour;
mod dice;
mod load;
mod mosaic;
mod options;
mod plain;
mod pseudo;
mod scenes;
mod sheet;
mod sources;
mod targets;
mod tile;
mod unlabelled;
mod voc;
mod weather;
mod weights;
mod yolo;

use std::borrow::Cow;
use std::path::PathBuf;

use image::RgbImage;

pub use anchors::{anchors, fit};
pub use load::Reading;
pub use mosaic::Mosaics;
pub use options::{Looks, MosaicOptions};
pub use plain::Plain;
pub use sheet::sheet;
pub use targets::{Region, Targets};

use crate::{Error, Result};

/// One labelled object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledBox {
    pub class: usize,
    /// x1, y1, x2, y2 in pixels, inside the picture.
    pub rect: [f32; 4],
}

/// A picture's labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledPicture {
    pub file: PathBuf,
    pub boxes: Vec<LabelledBox>,
    /// x1, y1, x2, y2 in pixels: crowds, things that are hard to tell, pseudo-labels that are unsure.
    pub ignored: Vec<[f32; 4]>,
    /// Number of the source that the picture comes from.
    pub source: usize,
    /// For each class, whether it is labelled here.
    pub known: Vec<bool>,
    /// Whether every object of a labelled class has its box.
    pub exhaustive: bool,
    /// Width and height in pixels, of the picture as it is kept.
    pub size: (u32, u32),
}

/// Labelled pictures, decoded in memory as far as the limit allows.
#[derive(Debug, Clone)]
pub struct DetectionSet {
    /// Names by class number.
    pub classes: Vec<String>,
    pub pictures: Vec<LabelledPicture>,
    /// Decoded pictures; none where memory did not allow it.
    pixels: Vec<Option<RgbImage>>,
    longest: Option<u32>,
}

impl DetectionSet {
    /// The picture of this number, from memory or from its file.
    pub fn pixels(&self, number: usize) -> Result<Cow<'_, RgbImage>> {
        if let Some(picture) = &self.pixels[number] {
            return Ok(Cow::Borrowed(picture));
        }
        let labelled = &self.pictures[number];
        let refused = |why: String| Error::Data(format!("{}: {why}", labelled.file.display()));
        let picture = load::shrunk(super::read::read(&labelled.file).map_err(refused)?, self.longest);
        match picture.dimensions() == labelled.size {
            true => Ok(Cow::Owned(picture)),
            false => Err(refused("has another size than when it was read first".into())),
        }
    }

    /// Boxes of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for labelled in self.pictures.iter().flat_map(|picture| &picture.boxes) {
            counts[labelled.class] += 1;
        }
        counts
    }

    /// Width and height of every box, in pixels of its picture.
    pub fn box_sizes(&self) -> Vec<[f32; 2]> {
        let boxes = self.pictures.iter().flat_map(|picture| &picture.boxes);
        boxes.map(|labelled| [labelled.rect[2] - labelled.rect[0], labelled.rect[3] - labelled.rect[1]]).collect()
    }
}

/// The common part of two rectangles; without area where there is none.
fn common(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
    [a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]
}

fn area([x1, y1, x2, y2]: [f32; 4]) -> f32 {
    (x2 - x1).max(0.0) * (y2 - y1).max(0.0)
}
