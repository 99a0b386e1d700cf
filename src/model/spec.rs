//! The shape of `model.toml`.

use serde::{Deserialize, Serialize};

/// Everything that has to be known of a network to feed it and to read its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    pub name: String,
    /// How the outputs become boxes.
    pub head: HeadKind,
    pub input: InputSpec,
    /// Class names in the order of the outputs.
    pub labels: Vec<String>,
    /// YOLO anchors as (width, height): in grid cells for `yolov2`. Empty for anchor-free heads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<[f32; 2]>,
    pub licence: String,
    #[serde(default)]
    pub training_data: String,
    /// Of `model.onnx`, lower-case hex.
    pub sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadKind {
    /// Anchor-free, objectness × class, already sigmoided (Ge et al. 2021, arXiv:2107.08430).
    Yolox,
    /// Region head with anchors in cells (Redmon & Farhadi 2017, arXiv:1612.08242).
    Yolov2,
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
