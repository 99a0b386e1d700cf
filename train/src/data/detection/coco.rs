//! COCO's `instances_….json`.

use std::path::Path;

use wayside::evaluate::detect::coco;

use super::DetectionSet;
use super::load::{Entry, Reading, load};
use crate::data::read::Skipped;
use crate::{Error, Result};

impl DetectionSet {
    /// Reads the labels of `json`, whose pictures lie in `pictures`. Crowds become ignored regions; every class is labelled
    /// in every picture. `step` is called for each picture with how many there are.
    pub fn coco(
        json: &Path,
        pictures: &Path,
        reading: &Reading,
        skipped: &mut Skipped,
        step: impl FnMut(usize),
    ) -> Result<Self> {
        let truth = coco::read(json).map_err(|error| Error::Data(error.to_string()))?;
        let entry = |picture: wayside::evaluate::detect::TruthPicture| Entry {
            file: pictures.join(&picture.file),
            ignored: Vec::new(),
            source: 0,
            known: vec![true; truth.classes.len()],
            exhaustive: true,
            truth: picture,
        };
        let entries = truth.pictures.into_iter().map(entry).collect();
        load(&json.display().to_string(), &truth.classes, entries, reading, skipped, step)
    }
}
