//! Pseudo-labels: what another network found in the pictures, for what their sources do not label.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use wayside::evaluate::detect::yolo;

use super::load::Entry;
use super::{LabelledBox, LabelledPicture, area, common};
use crate::{Error, Result};

/// An object found that overlaps a labelled one this much (intersection over union) is that object, whatever its class.
const SAME: f32 = 0.6;

/// One of which this much lies in a labelled or a surer one may be a part of it, a cab or a trailer, or an object before it: it is ignored.
/// As a box of its own it would teach the network to find vehicles twice.
const PART: f32 = 0.7;

struct Found {
    class: usize,
    /// x1, y1, x2, y2 as fractions of the picture.
    rect: [f32; 4],
    score: f32,
}

pub(super) struct Pseudo {
    /// By the picture's name without its extension. A picture without a file was not looked at.
    pictures: HashMap<OsString, Vec<Found>>,
    /// Classes that were looked for: those found anywhere.
    sought: Vec<bool>,
}

impl Pseudo {
    pub fn read(folder: &Path, entries: &[Entry], classes: usize) -> Result<Self> {
        let mut pseudo = Pseudo { pictures: HashMap::new(), sought: vec![false; classes] };
        for picture in entries.iter().map(|entry| &entry.file) {
            let Some(stem) = picture.file_stem() else { continue };
            let file = yolo::label_file(folder, picture);
            let text = match fs::read_to_string(&file) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::file(file, error)),
            };
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let found = lines.map(|(number, line)| {
                parse(line, classes).ok_or_else(|| {
                    Error::Data(format!(
                        "{}: line {}: is not `class cx cy w h score`, the class below {classes}, the rest 0 to 1",
                        file.display(),
                        number + 1
                    ))
                })
            });
            let found: Vec<Found> = found.collect::<Result<_>>()?;
            found.iter().for_each(|one| pseudo.sought[one.class] = true);
            pseudo.pictures.insert(stem.to_owned(), found);
        }
        match pseudo.pictures.is_empty() {
            true => Err(Error::Data(format!("{}: there is no NAME.txt for any of the pictures", folder.display()))),
            false => Ok(pseudo),
        }
    }

    /// Adds what the picture's source left out. After that its background counts as empty: an object that not even an unsure answer points
    /// to is rare, and a network that is never told where it is wrong soon sees vehicles in walls.
    pub fn fill(&self, labelled: &mut LabelledPicture, sure: f32, unsure: f32) {
        let Some(found) = labelled.file.file_stem().and_then(|stem| self.pictures.get(stem)) else { return };
        let (w, h) = (labelled.size.0 as f32, labelled.size.1 as f32);
        let ignored = labelled.ignored.len();
        let mut found: Vec<&Found> = found.iter().filter(|one| one.score >= unsure).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        for one in found {
            if labelled.known[one.class] && labelled.exhaustive {
                continue;
            }
            let [x1, y1, x2, y2] = one.rect;
            let rect = common([x1 * w, y1 * h, x2 * w, y2 * h], [0.0, 0.0, w, h]);
            let size = area(rect);
            let both = |other: &LabelledBox| area(common(rect, other.rect));
            let labelled_already =
                labelled.boxes.iter().any(|other| both(other) > SAME * (size + area(other.rect) - both(other)));
            // What the source says to ignore stays so, however sure the network is.
            let set_aside = labelled.ignored[..ignored].iter().any(|&other| area(common(rect, other)) > 0.5 * size);
            if size <= 0.0 || labelled_already || set_aside {
                continue;
            }
            let part = labelled.boxes.iter().any(|other| both(other) > PART * size);
            match one.score >= sure && !part {
                true => labelled.boxes.push(LabelledBox { class: one.class, rect }),
                false => labelled.ignored.push(rect),
            }
        }
        labelled.known.iter_mut().zip(&self.sought).for_each(|(known, sought)| *known |= sought);
        labelled.exhaustive = true;
    }
}

fn parse(line: &str, classes: usize) -> Option<Found> {
    let (class, rest) = line.trim().split_once(char::is_whitespace)?;
    let class = class.parse().ok().filter(|class| *class < classes)?;
    let numbers: Vec<f32> = rest.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let [cx, cy, w, h, score] = numbers[..] else { return None };
    // Rounded boxes may stick out a little.
    let sound = numbers.iter().all(|number| (-0.01..=1.01).contains(number));
    sound.then_some(Found { class, rect: [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0], score })
}
