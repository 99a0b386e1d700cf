//! Pictures for detectors: what is read from the labels of others, and whether what a network is told lies where it sees it.

mod formats;
mod mosaics;
mod plain;
mod reading;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{Rgb, RgbImage};
use tempfile::TempDir;
use wayside_train::data::detection::{DetectionSet, Reading};
use wayside_train::data::read::Skipped;

/// Objects are rectangles in their class's colour: red, green, blue.
const COLOURS: [[u8; 3]; 3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
const CLASSES: [&str; 3] = ["car", "bus", "truck"];

/// A detection set as YOLO writes it, in a folder that vanishes with it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        for inside in ["images", "labels", "ignore", "pseudo"] {
            fs::create_dir(folder.path().join(inside)).unwrap();
        }
        folder.write("classes.txt", &CLASSES.join("\n"));
        folder.write("train.txt", "");
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Adds a picture of one grey with objects (class, x1, y1, x2, y2 in pixels).
    fn picture(&self, name: &str, size: (u32, u32), grey: u8, objects: &[(usize, [u32; 4])]) {
        let mut picture = RgbImage::from_pixel(size.0, size.1, Rgb([grey; 3]));
        let mut labels = String::new();
        for &(class, [x1, y1, x2, y2]) in objects {
            for (x, y) in (x1..x2).flat_map(|x| (y1..y2).map(move |y| (x, y))) {
                picture.put_pixel(x, y, Rgb(COLOURS[class]));
            }
            let (w, h) = (f64::from(size.0), f64::from(size.1));
            let (cx, cy) = (f64::from(x1 + x2) / 2.0 / w, f64::from(y1 + y2) / 2.0 / h);
            labels += &format!("{class} {cx:.7} {cy:.7} {:.7} {:.7}\n", f64::from(x2 - x1) / w, f64::from(y2 - y1) / h);
        }
        picture.save(self.path().join(format!("images/{name}.png"))).unwrap();
        self.write(&format!("labels/{name}.txt"), &labels);
        let list = fs::read_to_string(self.path().join("train.txt")).unwrap();
        self.write("train.txt", &format!("{list}images/{name}.png\n"));
    }

    fn read(&self, reading: &Reading) -> Result<(DetectionSet, Skipped), String> {
        let mut skipped = Skipped::default();
        let set = DetectionSet::yolo(self.path(), "train.txt", reading, &mut skipped, |_| ());
        set.map(|set| (set, skipped)).map_err(|error| error.to_string())
    }

    fn set(&self) -> Arc<DetectionSet> {
        Arc::new(self.read(&Reading::default()).unwrap().0)
    }
}

/// `../shared/assets`, beside the repository.
fn assets() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/assets");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no ../shared/assets");
    None
}
