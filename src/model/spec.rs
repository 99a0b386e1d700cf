//! The shape of `model.toml`, and which values in it make sense.

use serde::{Deserialize, Serialize};

use crate::limits::MAX_SIDE;

/// Everything that has to be known of a network to feed it and to read its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    pub name: String,
    /// What the network is for.
    #[serde(default)]
    pub task: Task,
    /// How the outputs become boxes.
    pub head: HeadKind,
    pub input: InputSpec,
    /// Class names in the order of the outputs.
    pub labels: Vec<String>,
    /// YOLO anchors as (width, height): in grid cells for `yolov2`; in pixels of the input, as many for each grid and the
    /// finest grid first, for `yolov3` and raw `yolov5`. Empty for anchor-free heads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<[f32; 2]>,
    /// Pixels of the input per cell of each grid, where one output holds them all; empty: the head's custom, 8, 16, 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strides: Vec<u32>,
    /// Whether the class values of `yolov8` and `nanodet` still need a sigmoid; `None`: the head's custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
    /// Score below which a box of this model means nothing, 0..=1, where the user names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_threshold: Option<f32>,
    /// The network computes pictures of any sides that 32 divides, whatever its file declares, and is given the
    /// shape of each frame ("rectangular inference"): see [`InputSpec::rect`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rect: bool,
    /// Several cells of its grid find each object, and their boxes vote on its place and its score ("box voting"): for networks that are
    /// taught so, and whose doubles are not removed inside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub votes: bool,
    pub licence: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub training_data: String,
    /// Measured accuracy, with the data set and the command: words for `wayside model show`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub accuracy: String,
    /// Of `model.onnx`, lower-case hex.
    pub sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Boxes of classes in a picture.
    #[default]
    Detect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadKind {
    /// Anchor-free, objectness × class, already sigmoided (Ge et al. 2021, arXiv:2107.08430).
    Yolox,
    /// Region head with anchors in cells (Redmon & Farhadi 2017, arXiv:1612.08242).
    Yolov2,
    /// Several grids with anchors in pixels (Redmon & Farhadi 2018, arXiv:1804.02767); Yolo-Fastest.
    Yolov3,
    /// YOLOv5 and YOLOv7, decoded in the graph or raw with anchors.
    Yolov5,
    /// YOLOv8 and YOLO11: anchor-free, no objectness.
    Yolov8,
    /// Anchor-free, distances as distributions (Li et al. 2020, arXiv:2006.04388).
    Nanodet,
}

impl HeadKind {
    /// Its word in model.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yolox => "yolox",
            Self::Yolov2 => "yolov2",
            Self::Yolov3 => "yolov3",
            Self::Yolov5 => "yolov5",
            Self::Yolov8 => "yolov8",
            Self::Nanodet => "nanodet",
        }
    }
}

/// What the class values of a head are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scores {
    /// Numbers of any size: a sigmoid makes them scores.
    Logits,
    /// Scores, 0..=1.
    Probabilities,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub color: ColorOrder,
    /// The network sees `(pixel − mean) / std` per channel, pixels 0..=255, in `color` order.
    #[serde(default)]
    pub mean: [f32; 3],
    #[serde(default = "ones")]
    pub std: [f32; 3],
    pub resize: Resize,
    /// Value of the padding, 0..=255.
    #[serde(default = "grey")]
    pub pad: u8,
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

fn grey() -> u8 {
    114
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorOrder {
    Rgb,
    Bgr,
}

/// How a picture of any shape becomes the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// Aspect kept, picture at the top left, rest padded (YOLOX).
    Letterbox,
    /// Aspect kept, picture centred (YOLOv5, YOLOv8).
    LetterboxCenter,
    /// Aspect not kept (YOLOv2, YOLOv3 of darknet).
    Stretch,
}

/// Sides of a `rect` network's input are multiples of this: the coarsest grid of the detectors that we know has 32 pixels a cell.
const RECT_STEP: u32 = 32;
/// How much larger than its own input a `rect` network's may become: so much that 16:9 still gets 416×256 in place of 320×320.
const RECT_MOST: f64 = 1.05;

impl InputSpec {
    /// The input on which frames of this size are largest, at about as many pixels as here, and so at about the same cost: a letterbox
    /// of 16:9 in a square leaves 44 % of it grey. As it is for a frame of no size.
    pub fn rect(self, frame_width: u32, frame_height: u32) -> Self {
        if frame_width == 0 || frame_height == 0 {
            return self;
        }
        let most = f64::from(self.width) * f64::from(self.height) * RECT_MOST;
        let (w, h) = (f64::from(frame_width), f64::from(frame_height));
        let step = f64::from(RECT_STEP);
        // A side that is filled, and the least other one that holds the rest.
        let other = |side: f64, along: f64, across: f64| (side * across / along / step - 1e-9).ceil().max(1.0) * step;
        let sides = || (1..=MAX_SIDE / RECT_STEP).map(|count| f64::from(count) * step);
        let by_width = sides().map(|width| (width, other(width, w, h), width / w));
        let by_height = sides().map(|height| (other(height, h, w), height, height / h));
        let fits =
            |&(width, height, _): &(f64, f64, f64)| width * height <= most && width.max(height) <= f64::from(MAX_SIDE);
        let best = by_width.chain(by_height).filter(fits).max_by(|a, b| a.2.total_cmp(&b.2));
        best.map_or(self, |(width, height, _)| Self { width: width as u32, height: height as u32, ..self })
    }
}

impl ModelSpec {
    /// Reads and checks a `model.toml`. The error is one line, with the number of the line that it is about.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spec: Self = toml::from_str(text).map_err(|e| explain(text, &e))?;
        spec.check()?;
        Ok(spec)
    }

    /// The input for frames of this size.
    pub fn input_for(&self, width: u32, height: u32) -> InputSpec {
        if self.rect { self.input.rect(width, height) } else { self.input }
    }

    /// A `rect` model with a square input of this side: larger for smaller objects, smaller to be faster.
    pub fn with_side(&self, side: u32) -> Result<Self, String> {
        if !self.rect {
            return Err(format!("{} takes {}x{} only", self.name, self.input.width, self.input.height));
        }
        if side == 0 || !side.is_multiple_of(RECT_STEP) || side > MAX_SIDE {
            return Err(format!("a side of {side} pixels: a multiple of {RECT_STEP} up to {MAX_SIDE} is needed"));
        }
        let input = InputSpec { width: side, height: side, ..self.input };
        Ok(Self { name: format!("{}@{side}", self.name), input, ..self.clone() })
    }

    /// As a `model.toml`.
    pub fn to_toml(&self) -> String {
        // Proof: strings, numbers, enums without data and arrays of these are all that it holds.
        toml::to_string(self).expect("a spec has a toml form")
    }

    /// Refuses values that no network can have, or that this version cannot use.
    pub fn check(&self) -> Result<(), String> {
        let input = &self.input;
        if self.name.trim().is_empty() {
            return Err("`name` is empty".into());
        }
        for (key, side) in [("width", input.width), ("height", input.height)] {
            if !(1..=MAX_SIDE).contains(&side) {
                return Err(format!("`input.{key}` is {side}, must be 1 to {MAX_SIDE}"));
            }
        }
        if !input.mean.iter().all(|m| m.is_finite()) {
            return Err(format!("`input.mean` is {:?}, must be three finite numbers", input.mean));
        }
        if !input.std.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(format!("`input.std` is {:?}, must be three numbers above 0", input.std));
        }
        if self.labels.is_empty() || self.labels.len() > usize::from(u16::MAX) {
            return Err(format!("`labels` has {} names, must be 1 to {}", self.labels.len(), u16::MAX));
        }
        if let Some(score) = self.score_threshold.filter(|s| !(0.0..=1.0).contains(s)) {
            return Err(format!("`score_threshold` is {score}, must be 0 to 1"));
        }
        if !self.anchors.iter().flatten().all(|side| side.is_finite() && *side > 0.0) {
            return Err("`anchors` must be pairs of numbers above 0".into());
        }
        if self.strides.iter().any(|stride| !(1..=MAX_SIDE).contains(stride)) {
            return Err(format!("`strides` is {:?}, must be numbers of pixels, 1 to {MAX_SIDE}", self.strides));
        }
        let head = self.head.as_str();
        match (self.head, self.anchors.is_empty()) {
            (HeadKind::Yolov2, true) => return Err("head yolov2 needs `anchors`, in grid cells".into()),
            (HeadKind::Yolov3, true) => return Err("head yolov3 needs `anchors`, in pixels of the input".into()),
            (HeadKind::Yolox | HeadKind::Yolov8 | HeadKind::Nanodet, false) => {
                return Err(format!("head {head} has no `anchors`"));
            }
            _ => {}
        }
        if self.scores.is_some() && !matches!(self.head, HeadKind::Yolov8 | HeadKind::Nanodet) {
            return Err(format!("head {head} has no `scores`: only those of yolov8 and nanodet differ"));
        }
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("`sha256` must be 64 lower-case hex digits, as `sha256sum model.onnx` prints them".into());
        }
        Ok(())
    }
}

/// One line of a toml error: the parser's own has a drawing over several. An unknown key gets the nearest known one.
fn explain(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    // serde: unknown field `colour`, expected one of `width`, `color`
    let mut quoted = message.split('`').skip(1).step_by(2);
    let nearest = quoted.next().filter(|_| message.starts_with("unknown")).and_then(|unknown| {
        let likeness = |known: &str| strsim::jaro_winkler(unknown, known);
        quoted.filter(|known| likeness(known) > 0.7).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
    });
    match nearest {
        Some(nearest) => format!("line {line}: {message}; did you mean `{nearest}`?"),
        None => format!("line {line}: {message}"),
    }
}

/// The 80 classes of COCO, in the order that its detectors use.
pub fn coco_labels() -> Vec<String> {
    include_str!("coco.txt").lines().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> ModelSpec {
        let text = format!(
            "name = \"a\"\nhead = \"yolox\"\nlabels = [\"car\"]\nlicence = \"MIT\"\nsha256 = \"{:064}\"\n\
             [input]\nwidth = 32\nheight = 32\ncolor = \"bgr\"\nresize = \"letterbox\"\n",
            0
        );
        ModelSpec::parse(&text).unwrap()
    }

    #[test]
    fn survives_the_way_through_toml() {
        let mut spec = example();
        assert_eq!((spec.input.pad, spec.input.std, spec.task), (114, [1.0; 3], Task::Detect));
        spec.head = HeadKind::Yolov2;
        spec.anchors = vec![[1.08, 1.19], [3.42, 4.41]];
        spec.strides = vec![8, 16];
        spec.score_threshold = Some(0.3);
        spec.accuracy = "AP 25.8".into();
        assert_eq!(ModelSpec::parse(&spec.to_toml()).unwrap(), spec);
    }

    #[test]
    fn a_rect_input_has_the_shape_of_the_frame_at_about_as_many_pixels() {
        let input = InputSpec { width: 320, height: 320, ..example().input };
        let rect = |width, height| {
            let InputSpec { width, height, .. } = input.rect(width, height);
            (width, height)
        };
        assert_eq!([rect(1280, 720), rect(640, 360), rect(1080, 1920)], [(416, 256), (416, 256), (256, 416)]);
        assert_eq!([rect(640, 480), rect(512, 512), rect(1000, 500)], [(352, 288), (320, 320), (448, 224)]);
        assert_eq!([rect(0, 0), rect(0, 9)], [(320, 320); 2]);
        for (width, height) in [(1, 1), (16384, 1), (1, 16384), (16384, 16384), (3, 2), (99, 100)] {
            let (w, h) = rect(width, height);
            assert!(w % 32 == 0 && h % 32 == 0 && w * h <= 107_520 && w > 0 && h > 0, "{width}x{height}: {w}x{h}");
        }
        // Too small for any multiple: as it is.
        assert_eq!(InputSpec { width: 20, height: 20, ..input }.rect(64, 48).width, 20);
    }

    #[test]
    fn every_head_has_its_word() {
        for head in ["yolox", "yolov2", "yolov3", "yolov5", "yolov8", "nanodet"] {
            let mut spec = example();
            spec.head = serde_json::from_value(head.into()).unwrap();
            assert_eq!(spec.head.as_str(), head);
        }
    }

    #[test]
    fn refusals_name_the_key() {
        let refused = |change: fn(&mut ModelSpec)| {
            let mut spec = example();
            change(&mut spec);
            spec.check().unwrap_err()
        };
        assert!(refused(|s| s.name.clear()).contains("name"));
        assert!(refused(|s| s.input.width = 0).contains("input.width"));
        assert!(refused(|s| s.input.height = 20_000).contains("input.height"));
        assert!(refused(|s| s.input.std[1] = 0.0).contains("input.std"));
        assert!(refused(|s| s.input.mean[2] = f32::NAN).contains("input.mean"));
        assert!(refused(|s| s.labels.clear()).contains("labels"));
        assert!(refused(|s| s.head = HeadKind::Yolov2).contains("anchors"));
        assert!(refused(|s| s.head = HeadKind::Yolov3).contains("pixels"));
        assert!(refused(|s| (s.head, s.anchors) = (HeadKind::Yolov8, vec![[1.0, 1.0]])).contains("no `anchors`"));
        assert!(refused(|s| s.anchors.push([1.0, -1.0])).contains("anchors"));
        assert!(refused(|s| s.strides = vec![8, 0]).contains("strides"));
        assert!(refused(|s| s.scores = Some(Scores::Logits)).contains("head yolox has no `scores`"));
        assert!(refused(|s| s.score_threshold = Some(1.5)).contains("score_threshold"));
        assert!(refused(|s| s.sha256.truncate(10)).contains("sha256"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
        let text = example().to_toml().replace("color", "colour");
        let error = ModelSpec::parse(&text).unwrap_err();
        assert!(error.contains("`colour`") && error.contains("did you mean `color`?"), "{error}");
        let line = text.lines().position(|l| l.starts_with("colour")).unwrap() + 1;
        assert!(error.starts_with(&format!("line {line}:")) && !error.contains('\n'), "{error}");
    }

    #[test]
    fn coco_has_its_80_classes() {
        let labels = coco_labels();
        assert_eq!(labels.len(), 80);
        assert_eq!((&*labels[0], &*labels[2], &*labels[3], &*labels[7]), ("person", "car", "motorcycle", "truck"));
    }
}
