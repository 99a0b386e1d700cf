//! A sheet of a detector's worst mistakes.

use std::collections::HashMap;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use wayside::draw::{self, Mark};
use wayside::evaluate::detect::{Mistake, Picture, mistakes};
use wayside::geometry::BBox;

use crate::data::detection::DetectionSet;
use crate::{Error, Result};

/// Boxes below this score are no alarms: about where the appliance begins to count.
const LEAST: f64 = 0.25;

/// Tiles side by side, rows of each kind, side of a tile and gap in pixels.
const COLUMNS: usize = 4;
const ROWS: usize = 3;
const TILE: u32 = 300;
const GAP: u32 = 6;

/// A tile shows this many times the mistake's longer side, and never less than so many pixels.
const AROUND: f32 = 3.0;
const NARROWEST: f32 = 64.0;

/// Of one picture at most so many, else a single bad one fills the sheet.
const OF_ONE_PICTURE: usize = 2;

/// Above the surest false alarms, below the largest objects that were missed; unnamed boxes are what is labelled.
pub fn draw(file: &Path, set: &DetectionSet, pictures: &[Picture]) -> Result<()> {
    let found = mistakes(pictures, set.classes.len(), LEAST);
    let (step, rows) = (TILE + GAP, 2 * ROWS as u32);
    let mut sheet = RgbImage::from_pixel(COLUMNS as u32 * step + GAP, rows * step + GAP, Rgb([255; 3]));
    for (part, kind) in [found.false_alarms, found.missed].iter().enumerate() {
        for (place, mistake) in spread(kind).take(COLUMNS * ROWS).enumerate() {
            let (column, row) = (place % COLUMNS, part * ROWS + place / COLUMNS);
            let (x, y) = (GAP + column as u32 * step, GAP + row as u32 * step);
            imageops::replace(&mut sheet, &tile(set, &pictures[mistake.picture], mistake)?, x.into(), y.into());
        }
    }
    let png = draw::png(&sheet).map_err(|error| Error::Data(format!("{}: {error}", file.display())))?;
    wayside::part_file::write(file, &png).map_err(|error| Error::file(file, error))
}

/// In their order, those of a picture that has had its share left out.
fn spread(mistakes: &[Mistake]) -> impl Iterator<Item = &Mistake> {
    let mut shown: HashMap<usize, usize> = HashMap::new();
    mistakes.iter().filter(move |mistake| {
        let count = shown.entry(mistake.picture).or_default();
        *count += 1;
        *count <= OF_ONE_PICTURE
    })
}

/// The mistake and what lies around it.
fn tile(set: &DetectionSet, picture: &Picture, mistake: &Mistake) -> Result<RgbImage> {
    let pixels = set.pixels(mistake.picture)?;
    let (width, height) = (pixels.width() as f32, pixels.height() as f32);
    let rect = mistake.rect;
    let side = (AROUND * rect.width.max(rect.height) as f32).max(NARROWEST).min(width.min(height));
    let begin = |from: f64, length: f64, all: f32| ((from + length / 2.0) as f32 - side / 2.0).clamp(0.0, all - side);
    let (left, top) = (begin(rect.x, rect.width, width).floor(), begin(rect.y, rect.height, height).floor());
    let part = imageops::crop_imm(&*pixels, left as u32, top as u32, side as u32, side as u32).to_image();
    let mut tile = imageops::resize(&part, TILE, TILE, FilterType::CatmullRom);
    let scale = TILE as f32 / side;
    let place = |rect: &wayside::evaluate::detect::Rect| {
        let (x, y) = ((rect.x as f32 - left) * scale, (rect.y as f32 - top) * scale);
        BBox::new(x, y, x + rect.width as f32 * scale, y + rect.height as f32 * scale)
    };
    let class = &set.classes[mistake.class];
    let label = if mistake.score.is_some() { class.clone() } else { format!("{class} missed") };
    let mark =
        |bbox, class: usize, label, score| Mark { bbox, class: class as u16, label, score, track: None, trail: &[] };
    let mut marks = vec![mark(place(&rect), mistake.class, label.as_str(), mistake.score.map(|score| score as f32))];
    let labelled = picture.truth.iter().filter(|labelled| !labelled.crowd && labelled.rect != rect);
    marks.extend(labelled.map(|labelled| mark(place(&labelled.rect), labelled.class, "", None)));
    draw::draw(&mut tile, &marks, &[]);
    Ok(tile)
}
