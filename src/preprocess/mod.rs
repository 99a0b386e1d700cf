//! From a camera's picture to a network's input. Not here: normalisation (it belongs to the engine).

mod letterbox;
mod resample;
mod yuv;

pub use letterbox::Letterbox;

use crate::geometry::BBox;

/// A network's input and the way back to the picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Letterboxed {
    pub width: u32,
    pub height: u32,
    /// `height × width × 3` bytes in the model's colour order.
    pub pixels: Vec<u8>,
    pub transform: Transform,
}

/// `input = picture * scale + offset`, per axis, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Transform {
    pub scale_x: f32,
    pub scale_y: f32,
    pub offset_x: f32,
    pub offset_y: f32,
}

impl Transform {
    /// A box of the network's input, in picture pixels.
    pub fn to_picture(&self, b: BBox) -> BBox {
        BBox::new(
            (b.x1 - self.offset_x) / self.scale_x,
            (b.y1 - self.offset_y) / self.scale_y,
            (b.x2 - self.offset_x) / self.scale_x,
            (b.y2 - self.offset_y) / self.scale_y,
        )
    }
}
