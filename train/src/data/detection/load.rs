//! From labels of whichever file to pictures in memory.

use std::path::PathBuf;

use image::RgbImage;
use image::imageops::{self, FilterType};
use rayon::prelude::*;
use wayside::evaluate::detect::TruthPicture;

use super::pseudo::Pseudo;
use super::{DetectionSet, LabelledBox, LabelledPicture, area, common};
use crate::data::read::{self, Skipped};
use crate::{Error, Result};

/// How a set is read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Classes to be found, in the order of their numbers; boxes of others are left out. Empty: all that the set has.
    pub classes: Vec<String>,
    /// Pictures are kept decoded (3 bytes for a pixel) up to this many bytes; those beyond are decoded for each use.
    pub memory: u64,
    /// Pictures with a longer side than this, in pixels, are shrunk to it, and their boxes with them.
    pub longest: Option<u32>,
    /// A folder of NAME.txt, a line `class cx cy w h score` for each object that another network found. They fill in what
    /// the source does not label: classes that it leaves out and, where it is not exhaustive, objects.
    pub pseudo: Option<PathBuf>,
    /// Pseudo-labels with this score or more are boxes.
    pub sure: f32,
    /// Those with this score or more, up to `sure`, are ignored regions; what is below is left out.
    pub unsure: f32,
}

impl Default for Reading {
    fn default() -> Self {
        Reading { classes: Vec::new(), memory: 2 << 30, longest: None, pseudo: None, sure: 0.5, unsure: 0.2 }
    }
}

/// A picture that is yet to be decoded, with its source's labels.
pub(super) struct Entry {
    pub file: PathBuf,
    pub truth: TruthPicture,
    /// x1, y1, x2, y2 as fractions of the picture.
    pub ignored: Vec<[f32; 4]>,
    pub source: usize,
    /// For each class of the source.
    pub known: Vec<bool>,
    pub exhaustive: bool,
}

/// Pictures decoded side by side before their labels are looked at.
const CHUNK: usize = 64;

/// `source` names the set in errors, `classes` are its own. A set without a box is refused.
pub(super) fn load(
    source: &str,
    classes: &[String],
    entries: Vec<Entry>,
    reading: &Reading,
    skipped: &mut Skipped,
    step: impl FnMut(usize),
) -> Result<DetectionSet> {
    let set = decode(source, classes, entries, reading, skipped, step)?;
    match set.pictures.iter().all(|picture| picture.boxes.is_empty()) {
        true => Err(Error::Data(format!("{source}: no box of {}", set.classes.join(", ")))),
        false => Ok(set),
    }
}

/// As [`load`] does, but a set may have no boxes.
pub(super) fn decode(
    source: &str,
    classes: &[String],
    entries: Vec<Entry>,
    reading: &Reading,
    skipped: &mut Skipped,
    mut step: impl FnMut(usize),
) -> Result<DetectionSet> {
    let chosen = if reading.classes.is_empty() { classes } else { &reading.classes };
    let numbers: Vec<Option<usize>> =
        classes.iter().map(|class| chosen.iter().position(|name| name == class)).collect();
    if let Some(missing) = chosen.iter().find(|name| !classes.contains(name)) {
        return Err(Error::Data(format!("{source}: no class {missing}; it has {}", classes.join(", "))));
    }
    let pseudo = reading.pseudo.as_deref().map(|folder| Pseudo::read(folder, &entries, classes.len())).transpose()?;
    let mut set = DetectionSet { classes: chosen.to_vec(), pictures: vec![], pixels: vec![], longest: reading.longest };
    let (count, mut kept) = (entries.len(), 0);
    for chunk in entries.chunks(CHUNK) {
        let pictures: Vec<_> = chunk.par_iter().map(|entry| read::read(&entry.file)).collect();
        for (entry, picture) in chunk.iter().zip(pictures) {
            step(count);
            let picture = match picture {
                Ok(picture) => picture,
                Err(why) => {
                    skipped.0.push((entry.file.clone(), why));
                    continue;
                }
            };
            let mut labelled = labels(entry, picture.dimensions())?;
            if let Some(pseudo) = &pseudo {
                pseudo.fill(&mut labelled, reading.sure, reading.unsure);
            }
            renumber(&mut labelled, &numbers, chosen.len());
            let picture = shrunk(picture, reading.longest);
            resize(&mut labelled, picture.dimensions());
            kept += picture.as_raw().len() as u64;
            set.pixels.push((kept <= reading.memory).then_some(picture));
            set.pictures.push(labelled);
        }
    }
    if set.pictures.is_empty() {
        return Err(Error::Data(format!("{source}: no picture can be used")));
    }
    Ok(set)
}

/// In pixels, inside the picture, by the source's class numbers.
fn labels(entry: &Entry, (width, height): (u32, u32)) -> Result<LabelledPicture> {
    let (w, h) = (width as f32, height as f32);
    let truth = entry.truth.boxes_for(width, height);
    let truth = truth.map_err(|why| Error::Data(format!("{}: {why}", entry.file.display())))?;
    let mut labelled = LabelledPicture {
        file: entry.file.clone(),
        boxes: Vec::new(),
        ignored: entry.ignored.iter().map(|&[x1, y1, x2, y2]| [x1 * w, y1 * h, x2 * w, y2 * h]).collect(),
        source: entry.source,
        known: entry.known.clone(),
        exhaustive: entry.exhaustive,
        size: (width, height),
    };
    for one in truth {
        let (x, y) = (one.rect.x as f32, one.rect.y as f32);
        let rect = [x, y, x + one.rect.width as f32, y + one.rect.height as f32];
        match one.crowd {
            true => labelled.ignored.push(rect),
            false => labelled.boxes.push(LabelledBox { class: one.class, rect }),
        }
    }
    let inside = |rect: &mut [f32; 4]| {
        *rect = common(*rect, [0.0, 0.0, w, h]);
        area(*rect) > 0.0
    };
    labelled.boxes.retain_mut(|one| inside(&mut one.rect));
    labelled.ignored.retain_mut(inside);
    Ok(labelled)
}

/// From the source's classes to the chosen ones.
fn renumber(labelled: &mut LabelledPicture, numbers: &[Option<usize>], classes: usize) {
    labelled.boxes.retain_mut(|one| match numbers[one.class] {
        Some(number) => {
            one.class = number;
            true
        }
        None => false,
    });
    let mut known = vec![false; classes];
    for (number, was) in numbers.iter().zip(&labelled.known) {
        if let Some(number) = number {
            known[*number] = *was;
        }
    }
    labelled.known = known;
}

/// The picture, no larger than `longest`.
pub(super) fn shrunk(picture: RgbImage, longest: Option<u32>) -> RgbImage {
    let (width, height) = picture.dimensions();
    let Some(longest) = longest.filter(|&longest| longest < width.max(height)) else { return picture };
    let part = f64::from(longest) / f64::from(width.max(height));
    let side = |length: u32| ((f64::from(length) * part).round() as u32).max(1);
    imageops::resize(&picture, side(width), side(height), FilterType::Triangle)
}

fn resize(labelled: &mut LabelledPicture, size: (u32, u32)) {
    if labelled.size == size {
        return;
    }
    let (x, y) = (size.0 as f32 / labelled.size.0 as f32, size.1 as f32 / labelled.size.1 as f32);
    let rects = labelled.boxes.iter_mut().map(|one| &mut one.rect).chain(&mut labelled.ignored);
    rects.for_each(|rect| *rect = [rect[0] * x, rect[1] * y, rect[2] * x, rect[3] * y]);
    labelled.size = size;
}
