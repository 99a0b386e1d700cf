//! `golden/`: a picture and what a model finds in it, so that a damaged file, another engine or another processor
//! that changes the answer is noticed.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use image::{ImageFormat, RgbImage};
use serde::{Deserialize, Serialize};

use crate::detect::Detector;
use crate::detection::Detection;
use crate::frame::{Frame, PixelFormat};
use crate::geometry::BBox;
use crate::model::{Draft, ModelSpec};
use crate::source::{self, OpenOptions};

pub const FOLDER: &str = "golden";
const PICTURE: &str = "input.png";
const DETECTIONS: &str = "detections.json";

/// Two engines round differently, and a box at the edge of suppression may come from its neighbour cell.
const LEAST_IOU: f32 = 0.9;
const MOST_SCORE_DIFFERENCE: f32 = 0.05;

/// detections.json: everything with a score above the model's threshold (0.25 if it names none), after suppression
/// with an IoU of 0.45.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    detections: Vec<Expected>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    label: String,
    score: f32,
    /// x1, y1, x2, y2 in pixels of input.png.
    r#box: [f32; 4],
}

/// Runs the model on `golden/input.png`. Returns what holds, in words; an error names the first difference.
pub fn compare(folder: &Path, spec: &ModelSpec, detector: &mut Detector) -> anyhow::Result<String> {
    let file = folder.join(DETECTIONS);
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let golden: Golden = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    let mut found = detect(detector, &read(&folder.join(PICTURE))?)?;
    for expected in &golden.detections {
        let [x1, y1, x2, y2] = expected.r#box;
        let bbox = BBox::new(x1, y1, x2, y2);
        let same = |d: &Detection| {
            spec.labels[usize::from(d.class)] == expected.label
                && d.bbox.iou(&bbox) >= LEAST_IOU
                && (d.score - expected.score).abs() <= MOST_SCORE_DIFFERENCE
        };
        match found.iter().position(same) {
            Some(index) => drop(found.remove(index)),
            None => bail!("{}: {} at {:?} is not found again", file.display(), expected.label, expected.r#box),
        }
    }
    if let Some(extra) = found.first() {
        bail!("{}: says nothing of a {} that is found", file.display(), spec.labels[usize::from(extra.class)]);
    }
    Ok(format!("all {} detections of golden/ found again", golden.detections.len()))
}

/// Puts `picture`, and what the model finds in it, into the draft.
pub fn write(draft: &Draft, picture: &Path, spec: &ModelSpec, detector: &mut Detector) -> anyhow::Result<usize> {
    let frame = read(picture)?;
    ensure!(frame.format == PixelFormat::Rgb8, "{}: no RGB picture", picture.display());
    let found = detect(detector, &frame)?;
    let expected = |d: &Detection| Expected {
        label: spec.labels[usize::from(d.class)].clone(),
        score: d.score,
        r#box: [d.bbox.x1, d.bbox.y1, d.bbox.x2, d.bbox.y2],
    };
    let golden = Golden { detections: found.iter().map(expected).collect() };
    let mut png = Cursor::new(Vec::new());
    RgbImage::from_raw(frame.width, frame.height, frame.data)
        .context("a picture without pixels")?
        .write_to(&mut png, ImageFormat::Png)?;
    let add = |name: &str, bytes: &[u8]| draft.add(&format!("{FOLDER}/{name}"), bytes);
    add(PICTURE, png.get_ref())?;
    add(DETECTIONS, serde_json::to_string_pretty(&golden)?.as_bytes())?;
    Ok(golden.detections.len())
}

fn read(picture: &Path) -> anyhow::Result<Frame> {
    ensure!(picture.is_file(), "{}: no such picture", picture.display());
    let mut source = source::open(&picture.to_string_lossy(), &OpenOptions::default())?;
    let mut frame = Frame::default();
    ensure!(source.next_frame(&mut frame)?, "{}: no picture", picture.display());
    Ok(frame)
}

fn detect(detector: &mut Detector, frame: &Frame) -> anyhow::Result<Vec<Detection>> {
    let mut found = Vec::new();
    detector.step(frame, &mut found)?;
    Ok(found)
}
