//! YOLO's labels: NAME.txt for NAME.jpg, a line `class cx cy w h` per object in fractions of the picture, and the class
//! names in `classes.txt`, in the same folder or the one above.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Labelled, Rect, Truth, TruthPicture};
use crate::evaluate::{EvaluateError, io, unreadable};

const NAMES: &str = "classes.txt";

/// `NAME.txt` of a picture, in a folder of such files.
pub fn label_file(folder: &Path, picture: &Path) -> PathBuf {
    folder.join(Path::new(picture.file_stem().unwrap_or_default()).with_added_extension("txt"))
}

/// Reads the labels of these pictures. One without a file has no objects; that none has one is an error.
pub fn read(folder: &Path, pictures: &[PathBuf]) -> Result<Truth, EvaluateError> {
    let classes = names(folder)?;
    let (mut truth, mut labelled) = (Vec::new(), 0);
    for (number, picture) in pictures.iter().enumerate() {
        let file = label_file(folder, picture);
        let boxes = match std::fs::read_to_string(&file) {
            Ok(text) => {
                labelled += 1;
                boxes(&text, classes.len()).map_err(|reason| unreadable(&file, reason))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io(&file, source)),
        };
        let name = picture.file_name().unwrap_or_default().to_string_lossy().into_owned();
        truth.push(TruthPicture { id: number as i64 + 1, file: name, size: None, boxes });
    }
    if labelled == 0 {
        return Err(unreadable(folder, "there is no NAME.txt for any of the pictures here".into()));
    }
    Ok(Truth { ids: (0..classes.len() as i64).collect(), classes, pictures: truth })
}

fn names(folder: &Path) -> Result<Vec<String>, EvaluateError> {
    let places = [folder.join(NAMES), folder.join("..").join(NAMES)];
    let Some(file) = places.iter().find(|file| file.is_file()) else {
        return Err(unreadable(&places[0], "no such file: write the class names into it, one a line".into()));
    };
    let text = std::fs::read_to_string(file).map_err(|source| io(file, source))?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    match names.is_empty() {
        true => Err(unreadable(file, "holds no class names".into())),
        false => Ok(names),
    }
}

fn boxes(text: &str, classes: usize) -> Result<Vec<Labelled>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| labelled(line, classes).map_err(|why| format!("line {}: {why}", number + 1))).collect()
}

fn labelled(line: &str, classes: usize) -> Result<Labelled, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [class, sides @ ..] = words.as_slice() else { return Err("is empty".into()) };
    let class: usize = class.parse().map_err(|_| format!("`{class}` is no class number"))?;
    if class >= classes {
        return Err(format!("class {class} is not among the {classes} of {NAMES}"));
    }
    let numbers: Vec<f64> = sides.iter().filter_map(|word| word.parse().ok()).collect();
    let [cx, cy, width, height] = numbers[..] else {
        return Err("is not `class cx cy w h`".into());
    };
    // Rounded labels may stick out a little.
    if ![cx, cy, width, height].iter().all(|side| (-0.01..=1.01).contains(side)) || sides.len() != 4 {
        return Err("cx, cy, w and h must be fractions of the picture, 0 to 1".into());
    }
    let rect = Rect { x: cx - width / 2.0, y: cy - height / 2.0, width: width.max(0.0), height: height.max(0.0) };
    Ok(Labelled { rect, class, crowd: false, area: rect.area() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_become_pixels_of_the_picture() {
        let folder = tempfile::tempdir().unwrap();
        let labels = folder.path().join("labels");
        std::fs::create_dir(&labels).unwrap();
        std::fs::write(folder.path().join(NAMES), "car\n truck\n").unwrap();
        std::fs::write(labels.join("a.b.txt"), "1 0.5 0.25 0.2 0.5\n\n").unwrap();
        let pictures = ["x/a.b.jpg", "x/none.png"].map(PathBuf::from);
        let truth = read(&labels, &pictures).unwrap();
        assert_eq!(truth.classes, ["car", "truck"]);
        let [a, none] = &truth.pictures[..] else { panic!() };
        assert_eq!((&*a.file, none.boxes.len()), ("a.b.jpg", 0));
        let [found] = a.boxes_for(200, 100).unwrap()[..] else { panic!() };
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(found.rect.x, 80.0) && near(found.rect.y, 0.0) && near(found.area, 2000.0), "{found:?}");
        assert_eq!(found.class, 1);
        let error = read(&labels, &pictures[1..]).unwrap_err().to_string();
        assert!(error.contains("no NAME.txt"), "{error}");
        let error = read(&folder.path().join("x"), &pictures).unwrap_err().to_string();
        assert!(error.contains("classes.txt"), "{error}");
    }

    #[test]
    fn a_bad_line_is_named() {
        let refused = |text: &str| boxes(text, 2).unwrap_err();
        assert!(refused("0 0.5 0.5 0.1 0.1\n2 0.5 0.5 0.1 0.1").contains("line 2: class 2 is not among the 2"));
        assert!(refused("car 0.5 0.5 0.1 0.1").contains("`car` is no class number"));
        assert!(refused("0 0.5 0.5 0.1").contains("class cx cy w h"));
        assert!(refused("0 0.5 0.5 0.1 x").contains("class cx cy w h"));
        assert!(refused("0 0.5 0.5 0.1 0.1 0.9").contains("class cx cy w h"));
        assert!(refused("0 320 240 100 50").contains("fractions"));
        assert!(refused("0 NaN 0.5 0.1 0.1").contains("fractions"));
    }
}
