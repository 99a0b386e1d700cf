//! What a detector is told about its pictures, and the three arrays in which a batch carries it. They are written in arrays.rs.

use ndarray::ArrayD;

use super::{LabelledBox, LabelledPicture};

/// The truth of one picture. In a batch it comes as three arrays, with a row for each thing and the sample's number first:
///
/// 1. boxes (n, 6): sample, class, x1, y1, x2, y2, in pixels of the input;
/// 2. ignored (m, 5): sample, x1, y1, x2, y2: what is found there is neither right nor wrong;
/// 3. regions (k, 6 + classes): sample, x1, y1, x2, y2, 1 where every object is labelled, then 1 for each class that is labelled there.
///    Outside all regions every class counts as labelled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Targets {
    pub boxes: Vec<LabelledBox>,
    pub ignored: Vec<[f32; 4]>,
    pub regions: Vec<Region>,
}

/// Part of a sample that shows one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// x1, y1, x2, y2 in pixels of the input.
    pub rect: [f32; 4],
    /// Whether every object of a known class is labelled.
    pub exhaustive: bool,
    /// For each class, whether it is labelled here.
    pub known: Vec<bool>,
}

impl Region {
    /// Nothing is there, and everybody knows.
    pub(super) fn empty(rect: [f32; 4], classes: usize) -> Self {
        Region { rect, exhaustive: true, known: vec![true; classes] }
    }

    pub(super) fn of(rect: [f32; 4], picture: &LabelledPicture) -> Self {
        Region { rect, exhaustive: picture.exhaustive, known: picture.known.clone() }
    }
}

impl Targets {
    /// Of each sample. The arrays were [`Self::check`]ed.
    pub(crate) fn of(truth: &[ArrayD<f32>], batch: usize, classes: usize) -> Vec<Targets> {
        let mut targets = vec![Targets::default(); batch];
        let rect = |row: &[f32]| [row[0], row[1], row[2], row[3]];
        for row in rows(&truth[0], 6) {
            targets[row[0] as usize].boxes.push(LabelledBox { class: row[1] as usize, rect: rect(&row[2..]) });
        }
        for row in rows(&truth[1], 5) {
            targets[row[0] as usize].ignored.push(rect(&row[1..]));
        }
        for row in rows(&truth[2], 6 + classes) {
            targets[row[0] as usize].regions.push(Region {
                rect: rect(&row[1..]),
                exhaustive: row[5] != 0.0,
                known: row[6..].iter().map(|&known| known != 0.0).collect(),
            });
        }
        targets
    }

    /// Why arrays are none of these, to end "the truth …".
    pub(crate) fn check(truth: &[ArrayD<f32>], batch: usize, classes: usize) -> Result<(), String> {
        let [boxes, ignored, regions] = truth else {
            return Err(format!("has {} arrays, not boxes, ignored and regions", truth.len()));
        };
        for (name, array, columns) in [("boxes", boxes, 6), ("ignored", ignored, 5), ("regions", regions, 6 + classes)]
        {
            if array.ndim() != 2 || array.shape()[1] != columns {
                return Err(format!("has {name} of the shape {:?}, not (n, {columns})", array.shape()));
            }
            for row in rows(array, columns) {
                let sample = row[0];
                if !(sample >= 0.0 && (sample as usize) < batch) {
                    return Err(format!("has {name} of sample {sample}, of {batch}"));
                }
                if let Some(bad) = row.iter().find(|number| !number.is_finite()) {
                    return Err(format!("has {bad} in {name} of sample {sample}"));
                }
            }
        }
        match rows(boxes, 6).find(|row| !(row[1] >= 0.0 && (row[1] as usize) < classes)) {
            Some(row) => Err(format!("has a box of class {}, of {classes}", row[1])),
            None => Ok(()),
        }
    }
}

fn rows(array: &ArrayD<f32>, columns: usize) -> impl Iterator<Item = Vec<f32>> {
    let numbers: Vec<f32> = array.iter().copied().collect();
    (0..numbers.len() / columns).map(move |row| numbers[row * columns..][..columns].to_vec())
}
