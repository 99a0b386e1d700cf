//! Pictures beside the labelled ones, that nobody has labelled: of anything else, so that a detector learns what is no object, or of
//! surroundings that the labelled ones do not show.

use std::path::{Path, PathBuf};

use wayside::evaluate::detect::{TruthPicture, yolo};

use super::DetectionSet;
use super::load::{Entry, Reading, decode};
use crate::data::read::{Skipped, pictures_in};
use crate::{Error, Result};

impl DetectionSet {
    /// Reads all pictures of these folders, each of which is a source. `classes` are the labelled set's own, by number. What another
    /// network found in a picture (`reading.pseudo`) is a box where it is sure and ignored where it is not; all else there is no object.
    /// `step` is called for each picture with how many there are.
    pub fn unlabelled(
        folders: &[PathBuf],
        classes: &[String],
        reading: &Reading,
        skipped: &mut Skipped,
        step: impl FnMut(usize),
    ) -> Result<Self> {
        let looked_at =
            |file: &Path| reading.pseudo.as_ref().is_some_and(|pseudo| yolo::label_file(pseudo, file).is_file());
        let entry = |file: PathBuf, source: usize| {
            let truth = TruthPicture { id: 0, file: file.display().to_string(), size: None, boxes: Vec::new() };
            // What is exhaustive is not filled in.
            let exhaustive = !looked_at(&file);
            Entry { truth, ignored: vec![], source, known: vec![true; classes.len()], exhaustive, file }
        };
        let mut entries = Vec::new();
        for (source, folder) in folders.iter().enumerate() {
            let files = pictures_in(folder).map_err(|error| Error::file(folder, error))?;
            entries.extend(files.into_iter().map(|file| entry(file, source)));
        }
        let pseudo = reading.pseudo.clone().filter(|_| entries.iter().any(|entry| !entry.exhaustive));
        let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        decode(&names.join(", "), classes, entries, &Reading { pseudo, ..reading.clone() }, skipped, step)
    }
}
