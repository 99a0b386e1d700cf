//! Frames of the appliance's synthetic road with their true boxes.

use image::RgbImage;
use wayside::frame::Frame;
use wayside::source::scene::{HEIGHT, LABELS, SceneSource, WIDTH};

use super::dice::Dice;
use super::{LabelledBox, LabelledPicture};
use crate::{Error, Result};

/// Scenes that differ in traffic; random ones beside those that the demo shows.
const SPECS: [&str; 9] = [
    "road",
    "crowd",
    "occlusion",
    "passing",
    "missed",
    "random?seed=1&vehicles=40&seconds=30",
    "random?seed=2&vehicles=60&seconds=30",
    "random?seed=3&vehicles=20&seconds=30",
    "random?seed=4&vehicles=80&seconds=30",
];

pub(super) struct Scenes {
    sources: Vec<SceneSource>,
    /// For each class of the scenes, its number in the set.
    numbers: Vec<Option<usize>>,
    classes: usize,
}

impl Scenes {
    /// Vehicles are mapped to `classes` by name; those whose class is none of them are ignored.
    pub fn new(classes: &[String]) -> Result<Self> {
        let numbers: Vec<_> = LABELS.iter().map(|label| classes.iter().position(|class| class == label)).collect();
        if numbers.iter().all(Option::is_none) {
            return Err(Error::Data(format!("scenes show {}: none of them is to be found", LABELS.join(", "))));
        }
        let sources = SPECS.iter().map(|spec| SceneSource::open(spec));
        let sources = sources.collect::<Result<_, _>>().map_err(|error| Error::Data(error.to_string()))?;
        Ok(Scenes { sources, numbers, classes: classes.len() })
    }

    /// A frame at a time drawn for it. A vehicle of which nearer ones, the border or fog hide more than 1 − `visible` is
    /// ignored.
    pub fn draw(&self, visible: f32, dice: &mut Dice) -> Result<(LabelledPicture, RgbImage)> {
        let source = &self.sources[dice.below(self.sources.len())];
        let scene = source.scene();
        let t = f64::from(dice.unit()) * scene.seconds;
        let mut frame = Frame::default();
        source.paint(t, &mut frame);
        let picture = RgbImage::from_raw(WIDTH, HEIGHT, frame.data);
        let picture = picture.ok_or_else(|| Error::Data(format!("scene {}: no whole frame", scene.name)))?;
        let mut labelled = LabelledPicture {
            file: scene.name.as_str().into(),
            boxes: Vec::new(),
            ignored: Vec::new(),
            source: 0,
            known: vec![true; self.classes],
            exhaustive: true,
            size: (WIDTH, HEIGHT),
        };
        for sight in scene.boxes_at(t) {
            let bbox = sight.bbox.clip(WIDTH as f32, HEIGHT as f32);
            let rect = [bbox.x1, bbox.y1, bbox.x2, bbox.y2];
            match self.numbers[usize::from(sight.class)] {
                Some(class) if sight.visible >= visible => labelled.boxes.push(LabelledBox { class, rect }),
                _ => labelled.ignored.push(rect),
            }
        }
        Ok((labelled, picture))
    }
}
