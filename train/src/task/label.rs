//! Pseudo-labels: what other detectors find in pictures, for classes that nobody labelled and objects that somebody forgot.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbImage;
use rayon::prelude::*;
use wayside::detect::{DetectParams, Detector};
use wayside::detection::Detection;
use wayside::engine::{EngineChoice, Program};
use wayside::evaluate::detect::yolo;
use wayside::frame::Frame;
use wayside::geometry::BBox;
use wayside::model::{self, ModelFolder};

use super::make_folder;
use crate::data::read::Skipped;
use crate::{Error, Result};

/// How pictures are labelled.
#[derive(Debug, Clone)]
pub struct Label {
    /// Names or folders of detectors.
    pub teachers: Vec<String>,
    /// Classes to look for.
    pub classes: Vec<String>,
    /// Each picture is also looked at in so many by so many overlapping parts, for small objects.
    pub tiles: u32,
    /// What a teacher is less sure of is left out.
    pub least: f32,
}

/// Boxes of two teachers, or of two views, that overlap more are one object.
const SAME: f32 = 0.5;

/// How much parts reach into their neighbours, as a part of their own side.
const OVERLAP: f32 = 0.2;

/// Spellings of COCO and darknet.
const SPELLINGS: [(&str, &str); 2] = [("motorbike", "motorcycle"), ("aeroplane", "airplane")];

struct Teacher {
    folder: ModelFolder,
    program: Box<dyn Program>,
    /// For each of its labels the class that is looked for.
    classes: Vec<Option<usize>>,
}

/// An object that one or more teachers see.
#[derive(Debug, Clone)]
struct Seen {
    bbox: BBox,
    class: usize,
    /// For each teacher.
    scores: Vec<f32>,
}

impl Label {
    /// Writes `NAME.txt` for each picture into `out`, a line `class cx cy w h score` for each object, in fractions of the picture. The
    /// score is the mean over the teachers. Files that are there are left as they are, so that it can go on after a stop. `step` is
    /// called for each picture; those that can't be read are listed in `skipped`. Returns how many boxes were written.
    pub fn run(
        &self,
        pictures: &[PathBuf],
        out: &Path,
        skipped: &mut Skipped,
        step: impl Fn() + Sync,
    ) -> Result<usize> {
        make_folder(out)?;
        let teachers: Vec<Teacher> = self.teachers.iter().map(|name| self.teacher(name)).collect::<Result<_>>()?;
        let (count, skipped) = (AtomicUsize::new(0), Mutex::new(skipped));
        pictures.par_iter().try_for_each_init(
            || self.detectors(&teachers),
            |detectors, picture| {
                let detectors = detectors.as_mut().map_err(|error| Error::Model(error.to_string()))?;
                let file = yolo::label_file(out, picture);
                // Read apart, so that pictures are decoded side by side.
                let mut own = Skipped::default();
                if !file.exists()
                    && let Some(pixels) = own.read(picture)
                {
                    let seen = self.look(&pixels, &teachers, detectors)?;
                    count.fetch_add(seen.len(), Ordering::Relaxed);
                    let text = lines(&seen, pixels.width() as f32, pixels.height() as f32);
                    let written = wayside::part_file::write(&file, text.as_bytes());
                    written.map_err(|error| Error::file(&file, error))?;
                }
                if let Ok(mut skipped) = skipped.lock() {
                    skipped.0.extend(own.0);
                }
                step();
                Ok::<(), Error>(())
            },
        )?;
        Ok(count.into_inner())
    }

    fn teacher(&self, name: &str) -> Result<Teacher> {
        let refused = |error: &dyn std::fmt::Display| Error::Model(format!("teacher {name}: {error}"));
        let folder = model::find(name).map_err(|error| refused(&error))?;
        let program = EngineChoice::Auto.load(&folder).map_err(|error| refused(&error))?;
        let class = |label: &String| {
            let other = SPELLINGS.iter().find(|(a, _)| a == label).map_or(label.as_str(), |(_, b)| *b);
            self.classes.iter().position(|class| class == other)
        };
        let classes: Vec<Option<usize>> = folder.spec.labels.iter().map(class).collect();
        match classes.iter().any(Option::is_some) {
            true => Ok(Teacher { folder, program, classes }),
            false => Err(refused(&format!("knows none of {}", self.classes.join(", ")))),
        }
    }

    fn detectors(&self, teachers: &[Teacher]) -> Result<Vec<Detector>> {
        let new = |teacher: &Teacher| {
            let params = DetectParams { score_threshold: self.least, ..DetectParams::for_model(&teacher.folder.spec) };
            Detector::new(&teacher.folder.spec, &*teacher.program, &params)
        };
        teachers.iter().map(new).collect::<Result<_, _>>().map_err(|error| Error::Model(error.to_string()))
    }

    fn look(&self, pixels: &RgbImage, teachers: &[Teacher], detectors: &mut [Detector]) -> Result<Vec<Seen>> {
        let mut seen: Vec<Seen> = Vec::new();
        for (number, (teacher, detector)) in teachers.iter().zip(detectors).enumerate() {
            for view in self.views(pixels.width(), pixels.height()) {
                for found in self.found(pixels, view, detector)? {
                    let Some(class) = teacher.classes[usize::from(found.class)] else { continue };
                    note(&mut seen, found.bbox, class, number, found.score, teachers.len());
                }
            }
        }
        Ok(seen)
    }

    /// The whole picture, then its parts: x, y, width, height.
    fn views(&self, width: u32, height: u32) -> Vec<[u32; 4]> {
        let mut views = vec![[0, 0, width, height]];
        if self.tiles > 1 {
            let side = |length: u32| ((length as f32 / self.tiles as f32) * (1.0 + OVERLAP)).ceil() as u32;
            let (w, h) = (side(width).min(width), side(height).min(height));
            let at = |length: u32, part: u32, place: u32| (length - part) * place / (self.tiles - 1);
            for (row, column) in (0..self.tiles).flat_map(|row| (0..self.tiles).map(move |column| (row, column))) {
                views.push([at(width, w, column), at(height, h, row), w, h]);
            }
        }
        views
    }

    /// In pixels of the whole picture; without what a part's border cuts off.
    fn found(&self, pixels: &RgbImage, [x, y, w, h]: [u32; 4], detector: &mut Detector) -> Result<Vec<Detection>> {
        let whole = (w, h) == pixels.dimensions();
        let part = image::imageops::crop_imm(pixels, x, y, w, h).to_image();
        let mut found = Vec::new();
        detector
            .step(&Frame::rgb(w, h, part.into_raw()), &mut found)
            .map_err(|error| Error::Model(error.to_string()))?;
        let (right, bottom) = (w as f32, h as f32);
        let inner = |from: f32, to: f32, at: u32, part: f32, all: u32| {
            (from > 2.0 || at == 0) && (to < part - 2.0 || at as f32 + part >= all as f32)
        };
        found.retain(|it| {
            let (a, b) = (it.bbox, pixels.dimensions());
            whole || (inner(a.x1, a.x2, x, right, b.0) && inner(a.y1, a.y2, y, bottom, b.1))
        });
        let (x, y) = (x as f32, y as f32);
        for it in &mut found {
            it.bbox = BBox::new(it.bbox.x1 + x, it.bbox.y1 + y, it.bbox.x2 + x, it.bbox.y2 + y);
        }
        Ok(found)
    }
}

/// Adds what a teacher sees: to an object that is known by then, or as a new one. The surest view gives the box.
fn note(seen: &mut Vec<Seen>, bbox: BBox, class: usize, teacher: usize, score: f32, teachers: usize) {
    let known = seen.iter_mut().filter(|it| it.bbox.iou(&bbox) > SAME);
    match known.max_by(|a, b| a.bbox.iou(&bbox).total_cmp(&b.bbox.iou(&bbox))) {
        Some(known) => {
            if known.scores.iter().all(|&other| score > other) {
                (known.bbox, known.class) = (bbox, class);
            }
            known.scores[teacher] = known.scores[teacher].max(score);
        }
        None => {
            let mut scores = vec![0.0; teachers];
            scores[teacher] = score;
            seen.push(Seen { bbox, class, scores });
        }
    }
}

fn lines(seen: &[Seen], width: f32, height: f32) -> String {
    let line = |it: &Seen| {
        let score = it.scores.iter().sum::<f32>() / it.scores.len() as f32;
        let (cx, cy) = ((it.bbox.x1 + it.bbox.x2) / 2.0 / width, (it.bbox.y1 + it.bbox.y2) / 2.0 / height);
        let (w, h) = ((it.bbox.x2 - it.bbox.x1) / width, (it.bbox.y2 - it.bbox.y1) / height);
        format!("{} {cx:.5} {cy:.5} {w:.5} {h:.5} {score:.3}\n", it.class)
    };
    seen.iter().map(line).collect()
}

/// The pictures that a list names, relative to its folder.
pub fn listed(folder: &Path, list: &str) -> Result<Vec<PathBuf>> {
    let file = folder.join(list);
    let text = fs::read_to_string(&file).map_err(|error| Error::file(&file, error))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| folder.join(line)).collect())
}
