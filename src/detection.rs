//! What a detector saw in one frame. Plain values.

use crate::geometry::BBox;

/// One detected object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// In pixels of the source picture, not of the network's input; clipped to the picture.
    pub bbox: BBox,
    /// Index into the model's labels.
    pub class: u16,
    /// 0..=1.
    pub score: f32,
}
