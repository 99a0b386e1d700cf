//! A folder as YOLO's tools use it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wayside::evaluate::detect::yolo;

use super::load::{Entry, Reading, load};
use super::{DetectionSet, sources};
use crate::data::read::Skipped;
use crate::{Error, Result};

impl DetectionSet {
    /// Reads `folder/LIST` (`train.txt`), whose lines name pictures relative to the folder, with classes.txt,
    /// labels/NAME.txt (`class cx cy w h` in fractions of the picture), where they are there ignore/NAME.txt
    /// (`cx cy w h`: regions to leave unjudged) and sources.csv (which classes are labelled in which picture). `step` is
    /// called for each picture with how many there are.
    pub fn yolo(
        folder: &Path,
        list: &str,
        reading: &Reading,
        skipped: &mut Skipped,
        step: impl FnMut(usize),
    ) -> Result<Self> {
        let list = folder.join(list);
        let text = fs::read_to_string(&list).map_err(|error| Error::file(&list, error))?;
        let names: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if names.is_empty() {
            return Err(Error::Data(format!("{}: names no pictures", list.display())));
        }
        let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        let truth = yolo::read(&folder.join("labels"), &files).map_err(|error| Error::Data(error.to_string()))?;
        let labels = sources::read(&folder.join("sources.csv"), &truth.classes)?;
        let mut entries = Vec::with_capacity(files.len());
        for ((file, name), truth_picture) in files.into_iter().zip(names).zip(truth.pictures) {
            let labels = labels.get(name);
            entries.push(Entry {
                ignored: ignored(folder, &file)?,
                source: labels.map_or(0, |labels| labels.source),
                known: labels.map_or_else(|| vec![true; truth.classes.len()], |labels| labels.known.clone()),
                exhaustive: labels.is_none_or(|labels| labels.exhaustive),
                truth: truth_picture,
                file,
            });
        }
        load(&list.display().to_string(), &truth.classes, entries, reading, skipped, step)
    }
}

/// As fractions x1, y1, x2, y2.
fn ignored(folder: &Path, picture: &Path) -> Result<Vec<[f32; 4]>> {
    let file = yolo::label_file(&folder.join("ignore"), picture);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(file, error)),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rects = lines.map(|(number, line)| {
        let numbers: Option<Vec<f32>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[cx, cy, w, h]) if [cx, cy, w, h].iter().all(|side| (-0.01..=1.01).contains(side)) => {
                Ok([cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0])
            }
            _ => Err(Error::Data(format!(
                "{}: line {}: is not `cx cy w h` in fractions of the picture",
                file.display(),
                number + 1
            ))),
        }
    });
    rects.collect()
}
