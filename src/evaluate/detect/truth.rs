//! Labelled pictures, from whichever file.

use super::Rect;

/// One labelled object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    pub rect: Rect,
    pub class: usize,
    /// Many objects in one box: to be ignored.
    pub crowd: bool,
    /// In square pixels, by which a box is small or large: COCO gives that of the outline, which may be less than the
    /// box's.
    pub area: f64,
}

/// The labels of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthPicture {
    /// Its number in the file.
    pub id: i64,
    /// File name, below the pictures' folder.
    pub file: String,
    /// The size that the labels are for; `None`: they are fractions of the picture.
    pub size: Option<(u32, u32)>,
    pub boxes: Vec<Labelled>,
}

impl TruthPicture {
    /// The labels in pixels of the picture, which has `width` × `height`. The error names both sizes.
    pub fn boxes_for(&self, width: u32, height: u32) -> Result<Vec<Labelled>, String> {
        match self.size {
            Some(size) if size == (width, height) => Ok(self.boxes.clone()),
            Some((w, h)) => Err(format!("is {width}x{height}, its labels are for {w}x{h}: give the labelled pictures")),
            None => Ok(self.boxes.iter().map(|labelled| scaled(labelled, width, height)).collect()),
        }
    }
}

fn scaled(labelled: &Labelled, width: u32, height: u32) -> Labelled {
    let (w, h) = (f64::from(width), f64::from(height));
    let r = labelled.rect;
    let rect = Rect { x: r.x * w, y: r.y * h, width: r.width * w, height: r.height * h };
    Labelled { rect, area: rect.area(), ..*labelled }
}

/// All labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Names by class index.
    pub classes: Vec<String>,
    /// The class's number in the file, by class index.
    pub ids: Vec<i64>,
    /// By ascending id.
    pub pictures: Vec<TruthPicture>,
}
