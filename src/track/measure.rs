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
    /// Is the box cut off on the left or above, on the right or below?
    pub cut_low: (bool, bool),
    pub cut_high: (bool, bool),
}

impl Measured {
    /// `frame` is the picture's width and height in pixels. Boxes thinner than a pixel are taken as one pixel.
    pub fn new(d: &Detection, frame: (u32, u32), p: &TrackParams) -> Self {
        let b = &d.bbox;
        let (w, h) = (b.width().max(1.0), b.height().max(1.0));
        let (width, height) = (frame.0 as f32, frame.1 as f32);
        let cut_low = (b.x1 < EDGE * width, b.y1 < EDGE * height);
        let cut_high = (b.x2 > width - EDGE * width, b.y2 > height - EDGE * height);
        let cut_x = if cut_low.0 || cut_high.0 { CUT_OFF } else { 1.0 };
        let cut_y = if cut_low.1 || cut_high.1 { CUT_OFF } else { 1.0 };
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
            cut_low,
            cut_high,
        }
    }

    /// √(width · height) in pixels.
    pub fn size(&self) -> f32 {
        ((self.ln_w + self.ln_h) / 2.0).exp()
    }
}
