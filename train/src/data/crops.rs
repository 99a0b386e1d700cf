//! Objects cut out of pictures by their boxes: a detection set as pictures to tell apart.

use std::fs;
use std::path::{Path, PathBuf};

use image::{RgbImage, imageops};
use wayside::evaluate::detect::{Rect, Truth, yolo};

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
const MARGIN: f64 = 0.05;

impl Crops {
    /// Reads `LIST` (`train.txt`) in `folder`, whose lines name pictures `images/NAME`, with boxes in `labels/NAME.txt` as
    /// YOLO writes them and classes in classes.txt.
    pub fn read(
        &self,
        folder: &Path,
        list: &str,
        skipped: &mut Skipped,
        mut step: impl FnMut(usize),
    ) -> Result<Pictures> {
        let list = folder.join(list);
        let text = fs::read_to_string(&list).map_err(|error| Error::file(&list, error))?;
        let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let files: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
        let truth = yolo::read(&folder.join("labels"), &files).map_err(|error| Error::Data(error.to_string()))?;
        let wanted = self.numbers(folder, &truth)?;
        let mut crops = Pictures::empty(self.size, self.classes.clone());
        for (file, labelled) in files.iter().zip(&truth.pictures) {
            let label = |class: usize| wanted.iter().position(|&number| number == class);
            if labelled.boxes.iter().any(|one| label(one.class).is_some())
                && let Some(picture) = skipped.read(file)
            {
                let boxes = labelled.boxes_for(picture.width(), picture.height()).map_err(Error::Data)?;
                for one in boxes {
                    if let Some(label) = label(one.class)
                        && let Some(crop) = self.cut(&picture, one.rect)
                    {
                        crops.push(&crop, label);
                    }
                }
            }
            step(files.len());
        }
        if crops.labels.is_empty() {
            return Err(Error::Data(format!("{}: no box of {}", list.display(), self.classes.join(", "))));
        }
        Ok(crops)
    }

    /// Places of the classes in the set's.
    fn numbers(&self, folder: &Path, truth: &Truth) -> Result<Vec<usize>> {
        let known = &truth.classes;
        let number = |class: &String| {
            known.iter().position(|name| name == class).ok_or_else(|| {
                Error::Data(format!("{}: no class {class}; it has {}", folder.display(), known.join(", ")))
            })
        };
        self.classes.iter().map(number).collect()
    }

    /// The square around a box in pixels, as far as the picture reaches.
    fn cut(&self, picture: &RgbImage, area: Rect) -> Option<RgbImage> {
        if area.width.min(area.height) < f64::from(self.smallest) {
            return None;
        }
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let half = area.width.max(area.height) * (0.5 + MARGIN);
        let (cx, cy) = (area.x + area.width / 2.0, area.y + area.height / 2.0);
        let (left, right) = ((cx - half).max(0.0) as u32, (cx + half).min(width) as u32);
        let (top, bottom) = ((cy - half).max(0.0) as u32, (cy + half).min(height) as u32);
        (right > left && bottom > top)
            .then(|| imageops::crop_imm(picture, left, top, right - left, bottom - top).to_image())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { height: 8, width: 8, channels: 3 };

    #[test]
    fn a_crop_is_the_square_around_the_box_inside_the_picture() {
        let crops = Crops { size: SIZE, classes: vec!["car".into()], smallest: 10 };
        let picture = RgbImage::new(100, 50);
        let at = |x, y, width, height| crops.cut(&picture, Rect { x, y, width, height });
        assert_eq!(at(40.0, 20.0, 20.0, 10.0).unwrap().dimensions(), (22, 22));
        assert_eq!(at(-10.0, 20.0, 20.0, 10.0).unwrap().dimensions(), (11, 22));
        assert!(at(40.0, 20.0, 20.0, 5.0).is_none());
    }

    #[test]
    fn a_set_is_read_by_its_list_and_a_bad_label_names_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        for inside in ["images", "labels"] {
            fs::create_dir(folder.path().join(inside)).unwrap();
        }
        RgbImage::new(40, 40).save(folder.path().join("images/a.png")).unwrap();
        write("classes.txt", "person\nbus\ncar\n");
        write("train.txt", "images/a.png\n");
        write("labels/a.txt", "2 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\n2 0.5 0.5 0.1 0.1\n");
        let read = |classes: &[&str]| {
            let classes = classes.iter().map(ToString::to_string).collect();
            let crops = Crops { size: SIZE, classes, smallest: 10 };
            crops.read(folder.path(), "train.txt", &mut Skipped::default(), |_| ())
        };
        assert_eq!(read(&["bus", "car"]).unwrap().labels, [1]);
        assert!(read(&["tram", "car"]).unwrap_err().to_string().contains("no class tram; it has person, bus, car"));
        assert!(read(&["bus"]).unwrap_err().to_string().contains("no box of bus"));
        write("labels/a.txt", "2 0.5 0.5 0.5 0.5\ncar 0.5 0.5 0.5 0.5\n");
        let error = read(&["car"]).unwrap_err().to_string();
        assert!(error.contains("a.txt") && error.contains("line 2"), "{error}");
    }
}
