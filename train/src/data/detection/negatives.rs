//! Pictures of anything else: what a detector is shown so that it learns what is no object.

use std::path::{Path, PathBuf};

use wayside::evaluate::detect::{TruthPicture, yolo};

use super::DetectionSet;
use super::load::{Entry, Reading, decode};
use crate::data::read::{Skipped, pictures_in};
use crate::{Error, Result};

impl DetectionSet {
    /// Reads all pictures of a folder. `classes` are the labelled set's own, by number. What another network found in a picture
    /// (`reading.pseudo`, `reading.unsure` or surer) is ignored, as nobody has seen whether it is right; all else there is no object.
    /// `step` is called for each picture with how many there are.
    pub fn negatives(
        folder: &Path,
        classes: &[String],
        reading: &Reading,
        skipped: &mut Skipped,
        step: impl FnMut(usize),
    ) -> Result<Self> {
        let files = pictures_in(folder).map_err(|error| Error::file(folder, error))?;
        let looked_at =
            |file: &Path| reading.pseudo.as_ref().is_some_and(|pseudo| yolo::label_file(pseudo, file).is_file());
        let entry = |file: PathBuf| {
            let truth = TruthPicture { id: 0, file: file.display().to_string(), size: None, boxes: Vec::new() };
            // What is exhaustive is not filled in.
            let exhaustive = !looked_at(&file);
            Entry { truth, ignored: vec![], source: 0, known: vec![true; classes.len()], exhaustive, file }
        };
        let entries: Vec<Entry> = files.into_iter().map(entry).collect();
        let pseudo = reading.pseudo.clone().filter(|_| entries.iter().any(|entry| !entry.exhaustive));
        let reading = Reading { pseudo, sure: f32::INFINITY, ..reading.clone() };
        decode(&folder.display().to_string(), classes, entries, &reading, skipped, step)
    }
}
