//! Objects cut out of pictures by their boxes: a detection set as pictures to tell apart.

use std::fs;
use std::path::{Path, PathBuf};

use image::{RgbImage, imageops};

use super::pictures::{Pictures, Size};
use super::read::Skipped;
use crate::{Error, Result};

/// What is cut out.
#[derive(Debug, Clone)]
pub struct Crops {
    pub size: Size,
    /// Classes to tell apart, by the names in classes.txt; boxes of others are left out.
    pub classes: Vec<String>,
    /// Boxes with a shorter side below this, in pixels, are left out: too little is seen.
    pub smallest: u32,
}

/// What is cut around a box, as a part of its longer side: outlines belong to the object.
const MARGIN: f32 = 0.05;

impl Crops {
    /// Reads `LIST` (`train.txt`) in `folder`, whose lines name pictures `images/NAME`, with boxes in `labels/NAME.txt`
    /// (class cx cy w h, in parts of the picture).
    pub fn read(
        &self,
        folder: &Path,
        list: &str,
        skipped: &mut Skipped,
        mut step: impl FnMut(usize),
    ) -> Result<Pictures> {
        let wanted = self.numbers(folder)?;
        let text = read_text(&folder.join(list))?;
        let names: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let mut crops = Pictures::empty(self.size, self.classes.clone());
        for name in &names {
            let labels = labels_of(folder, name);
            let boxes =
                boxes(&read_text(&labels)?).map_err(|why| Error::Data(format!("{}: {why}", labels.display())))?;
            let boxes: Vec<(usize, [f32; 4])> = boxes
                .into_iter()
                .filter_map(|(class, area)| Some((wanted.iter().position(|&number| number == class)?, area)))
                .collect();
            if !boxes.is_empty()
                && let Some(picture) = skipped.read(&folder.join(name))
            {
                for (label, area) in boxes {
                    if let Some(crop) = self.cut(&picture, area) {
                        crops.push(&crop, label);
                    }
                }
            }
            step(names.len());
        }
        if crops.labels.is_empty() {
            return Err(Error::Data(format!("{}: no box of {}", folder.join(list).display(), self.classes.join(", "))));
        }
        Ok(crops)
    }

    /// Places of the classes in classes.txt.
    fn numbers(&self, folder: &Path) -> Result<Vec<usize>> {
        let path = folder.join("classes.txt");
        let text = read_text(&path)?;
        let known: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let number = |class: &String| {
            known.iter().position(|name| name == class).ok_or_else(|| {
                Error::Data(format!("{}: no class {class}; it has {}", path.display(), known.join(", ")))
            })
        };
        self.classes.iter().map(number).collect()
    }

    /// The square around a box, as far as the picture reaches.
    fn cut(&self, picture: &RgbImage, [cx, cy, w, h]: [f32; 4]) -> Option<RgbImage> {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let (w, h) = (w * width, h * height);
        if w.min(h) < self.smallest as f32 {
            return None;
        }
        let half = w.max(h) * (0.5 + MARGIN);
        let (cx, cy) = (cx * width, cy * height);
        let (left, right) = ((cx - half).max(0.0) as u32, (cx + half).min(width) as u32);
        let (top, bottom) = ((cy - half).max(0.0) as u32, (cy + half).min(height) as u32);
        (right > left && bottom > top)
            .then(|| imageops::crop_imm(picture, left, top, right - left, bottom - top).to_image())
    }
}

/// `images/a.webp` → `labels/a.txt`.
fn labels_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(name.replacen("images", "labels", 1)).with_extension("txt")
}

/// Boxes of a YOLO label file.
fn boxes(text: &str) -> Result<Vec<(usize, [f32; 4])>, String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let area: Option<Vec<f32>> = words.iter().skip(1).map(|word| word.parse().ok()).collect();
        match (words[0].parse(), area.and_then(|area| <[f32; 4]>::try_from(area).ok())) {
            (Ok(class), Some(area)) if area.iter().all(|it| it.is_finite()) => found.push((class, area)),
            _ => return Err(format!("line {} is not `class cx cy w h`", number + 1)),
        }
    }
    Ok(found)
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_files_are_read_or_refused_by_line() {
        assert_eq!(boxes("2 0.5 0.5 0.25 1\n\n").unwrap(), [(2, [0.5, 0.5, 0.25, 1.0])]);
        for bad in ["2 0.5 0.5 0.25", "car 0.5 0.5 0.25 1", "2 0.5 NaN 0.2 0.2", "-1 0 0 1 1"] {
            assert!(boxes(&format!("0 0 0 1 1\n{bad}")).unwrap_err().contains("line 2"), "{bad}");
        }
    }

    #[test]
    fn a_crop_is_the_square_around_the_box_inside_the_picture() {
        let size = Size { height: 8, width: 8, channels: 3 };
        let crops = Crops { size, classes: vec!["car".into()], smallest: 10 };
        let picture = RgbImage::new(100, 50);
        assert_eq!(crops.cut(&picture, [0.5, 0.5, 0.2, 0.2]).unwrap().dimensions(), (22, 22));
        assert_eq!(crops.cut(&picture, [0.0, 0.5, 0.2, 0.2]).unwrap().dimensions(), (11, 22));
        assert!(crops.cut(&picture, [0.5, 0.5, 0.2, 0.1]).is_none());
    }
}
