//! A detection as a measurement: where and how large, with variances. Not here: what it is compared with.

use super::TrackParams;
use crate::detection::Detection;

/// Noise of a side that the picture's edge cuts off is this many times larger: centre and size say little there.
const CUT_OFF: f32 = 3.0;

/// A box counts as cut off where it comes this close to the edge, as a share of the picture: networks rarely draw
/// boxes right to it.
const EDGE: f32 = 0.01;

#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Centre in pixels, and its variances.
    pub x: f32,
    pub y: f32,
    pub var_x: f32,
    pub var_y: f32,
    /// Natural logarithm of width and height in pixels, and their variances.
    pub ln_w: f32,
    pub ln_h: f32,
    pub var_w: f32,
    pub var_h: f32,
}

impl Measured {
    /// `frame` is the picture's width and height in pixels. Boxes thinner than a pixel are taken as one pixel.
    pub fn new(d: &Detection, frame: (u32, u32), p: &TrackParams) -> Self {
        let b = &d.bbox;
        let (w, h) = (b.width().max(1.0), b.height().max(1.0));
        let cut = |low: f32, high: f32, side: u32| {
            let (side, margin) = (side as f32, EDGE * side as f32);
            if low < margin || high > side - margin { CUT_OFF } else { 1.0 }
        };
        let (cut_x, cut_y) = (cut(b.x1, b.x2, frame.0), cut(b.y1, b.y2, frame.1));
        let center = b.center();
        Self {
            x: center.x,
            y: center.y,
            var_x: (p.position_noise * w * cut_x).powi(2),
            var_y: (p.position_noise * h * cut_y).powi(2),
            ln_w: w.ln(),
            ln_h: h.ln(),
            var_w: (p.size_noise * cut_x).powi(2),
            var_h: (p.size_noise * cut_y).powi(2),
        }
    }

    /// √(width · height) in pixels.
    pub fn size(&self) -> f32 {
        ((self.ln_w + self.ln_h) / 2.0).exp()
    }
}
