//! Labelled pictures, and what a model finds in them: for the verbs that score a detector.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{bail, ensure};
use indicatif::ProgressBar;

use super::classes::Scored;
use crate::detect::Detector;
use crate::detection::Detection;
use crate::evaluate::detect::{Found, Labelled, Picture, Rect, Truth, TruthPicture, coco, yolo};
use crate::frame::Frame;
use crate::pipeline::{Shutdown, parallel};
use crate::source::{picture_paths, read_picture};

/// The truth and the path of each of its pictures.
pub struct LabelledPictures {
    pub truth: Truth,
    pub paths: Vec<PathBuf>,
}

/// One picture, with the model's labels and the truth's classes.
pub struct Seen {
    pub index: usize,
    pub found: Vec<Detection>,
    pub truth: Vec<Labelled>,
}

impl LabelledPictures {
    /// `truth`: COCO json, or a folder of YOLO labels.
    pub fn read(images: &Path, truth: &Path) -> anyhow::Result<Self> {
        if truth.is_dir() {
            let paths = picture_paths(&images.to_string_lossy())?;
            return Ok(Self { truth: yolo::read(truth, &paths)?, paths });
        }
        let read = coco::read(truth)?;
        ensure!(images.is_dir(), "{}: no such folder of pictures", images.display());
        let paths: Vec<PathBuf> = read.pictures.iter().map(|picture| place(images, picture)).collect();
        // Missing pictures are found out before minutes of work, not after them.
        let missing: Vec<&PathBuf> = paths.iter().filter(|path| !path.is_file()).collect();
        if let Some(first) = missing.first() {
            bail!(
                "{}: no such picture, and {} names {} that are not there",
                first.display(),
                truth.display(),
                missing.len()
            );
        }
        Ok(Self { truth: read, paths })
    }

    /// What the detectors find, each on a thread of its own, in the order of the pictures. After a signal some are missing.
    pub fn find(&self, detectors: Vec<Detector>, bar: &ProgressBar, shutdown: &Shutdown) -> anyhow::Result<Vec<Seen>> {
        let work = Work { pictures: self, next: AtomicUsize::new(0), bar, shutdown };
        let mut found = Vec::new();
        for part in parallel(detectors, |detector| work.detect(detector)) {
            found.extend(part?);
        }
        found.sort_by_key(|seen| seen.index);
        Ok(found)
    }
}

/// As the truth names it, or without the folders that it names it with.
fn place(images: &Path, picture: &TruthPicture) -> PathBuf {
    let whole = images.join(&picture.file);
    match Path::new(&picture.file).file_name() {
        Some(name) if !whole.is_file() => images.join(name),
        _ => whole,
    }
}

/// What all threads share.
struct Work<'a> {
    pictures: &'a LabelledPictures,
    /// Index of the first picture that nobody has taken.
    next: AtomicUsize,
    bar: &'a ProgressBar,
    shutdown: &'a Shutdown,
}

impl Work<'_> {
    /// Takes pictures until there are none.
    fn detect(&self, mut detector: Detector) -> anyhow::Result<Vec<Seen>> {
        let LabelledPictures { truth, paths } = self.pictures;
        let (mut frame, mut done) = (Frame::default(), Vec::new());
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index).filter(|_| !self.shutdown.draining()) else { return Ok(done) };
            let seen = read_picture(path, &mut frame).map_err(anyhow::Error::from).and_then(|()| {
                let truth = truth.pictures[index].boxes_for(frame.width, frame.height);
                let truth = truth.map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
                let mut found = Vec::new();
                detector.step(&frame, &mut found)?;
                Ok(Seen { index, found, truth })
            });
            // The others need not finish what will not be scored.
            done.push(seen.inspect_err(|_| self.next.store(paths.len(), Ordering::Relaxed))?);
            self.bar.inc(1);
        }
    }
}

pub fn rect(detection: &Detection) -> Rect {
    let [x1, y1, x2, y2] = [detection.bbox.x1, detection.bbox.y1, detection.bbox.x2, detection.bbox.y2].map(f64::from);
    Rect { x: x1, y: y1, width: x2 - x1, height: y2 - y1 }
}

/// In the scored classes.
pub fn picture(seen: Seen, scored: &Scored) -> Picture {
    let truth = seen.truth.into_iter().filter_map(|labelled| {
        let class = scored.of_truth[labelled.class]?;
        Some(Labelled { class, ..labelled })
    });
    let found = seen.found.iter().filter_map(|detection| {
        let class = scored.of_label[usize::from(detection.class)]?;
        Some(Found { rect: rect(detection), class, score: f64::from(detection.score) })
    });
    Picture { truth: truth.collect(), found: found.collect() }
}
