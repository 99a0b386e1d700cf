//! A network's outputs → the objects of the picture: decode, back to picture pixels, clip, suppress doubles.
//!
//! Not here: what a head's numbers mean (heads/), running the network (detector.rs, engine/).

use super::{Candidate, ClassFilter, Head, HeadError, Nms, NmsParams};
use crate::detection::Detection;
use crate::engine::Outputs;
use crate::preprocess::Transform;

/// What was refused or cut off so far. All zero in a healthy run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Boxes with a number that is not finite: the model, or its quantisation, is broken.
    pub not_finite: u64,
    /// Boxes of no area inside the picture.
    pub empty: u64,
    /// Candidates beyond [`crate::limits::MAX_CANDIDATES`].
    pub over_candidates: u64,
    /// Pictures with more than [`crate::limits::MAX_DETECTIONS`] objects.
    pub over_detections: u64,
}

impl Counters {
    pub fn plus(self, other: Self) -> Self {
        Self {
            not_finite: self.not_finite + other.not_finite,
            empty: self.empty + other.empty,
            over_candidates: self.over_candidates + other.over_candidates,
            over_detections: self.over_detections + other.over_detections,
        }
    }
}

/// The part of a detector after the network. One per thread; all memory is reused.
#[derive(Debug, Clone)]
pub struct Postprocess {
    head: Head,
    /// Boxes below this score are not looked at.
    least_score: f32,
    /// Of what is reported.
    score_threshold: f32,
    keep: ClassFilter,
    nms: Nms,
    candidates: Vec<Candidate>,
    in_picture: Vec<Detection>,
    not_finite: u64,
    empty: u64,
}

impl Postprocess {
    pub fn new(head: Head, keep: ClassFilter, nms: NmsParams) -> Self {
        Self {
            head,
            least_score: nms.least_score(),
            score_threshold: nms.score_threshold,
            keep,
            nms: Nms::new(nms),
            candidates: Vec::new(),
            in_picture: Vec::new(),
            not_finite: 0,
            empty: 0,
        }
    }

    /// Overwrites `out` with the objects of a picture of `width` × `height` pixels, best first. `transform` is that of
    /// the letterboxed picture which the network saw.
    pub fn step(
        &mut self,
        outputs: &Outputs,
        transform: &Transform,
        width: u32,
        height: u32,
        out: &mut Vec<Detection>,
    ) -> Result<(), HeadError> {
        out.clear();
        self.not_finite += self.head.decode(outputs, self.least_score, &self.keep, &mut self.candidates)?;
        self.in_picture.clear();
        for &Candidate { bbox, class, score } in &self.candidates {
            let bbox = transform.to_picture(bbox).clip(width as f32, height as f32);
            if bbox.area() > 0.0 {
                self.in_picture.push(Detection { bbox, class, score });
            } else if score >= self.score_threshold {
                self.empty += 1;
            }
        }
        self.nms.step(&self.in_picture, out);
        // A mean of clipped boxes may still be outside by a rounding.
        out.iter_mut().for_each(|found| found.bbox = found.bbox.clip(width as f32, height as f32));
        Ok(())
    }

    pub fn counters(&self) -> Counters {
        Counters {
            not_finite: self.not_finite + self.nms.refused,
            empty: self.empty,
            over_candidates: self.nms.over_candidates,
            over_detections: self.nms.over_detections,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Groups;
    use crate::detect::test_models::{output, yolox_spec};
    use crate::engine::Tensor;
    use crate::geometry::BBox;

    /// A 32×32 input (grids 4×4, 2×2, 1×1) of one class; every row in `rows` sits in the single cell of stride 32.
    fn step(row: [f32; 6]) -> (Vec<Detection>, Counters) {
        let mut data = vec![0.0; 21 * 6];
        data[20 * 6..].copy_from_slice(&row);
        let head = Head::new(&yolox_spec(32, 32, &["car"]), &[output(&[1, 21, 6])]).unwrap();
        let groups = Groups::class_aware(1);
        let nms = NmsParams { score_threshold: 0.25, iou_threshold: 0.45, groups, votes: false };
        let mut post = Postprocess::new(head, ClassFilter::all(1), nms);
        // A picture of 64×48, half size, 4 pixels of padding above.
        let transform = Transform { scale_x: 0.5, scale_y: 0.5, offset_x: 0.0, offset_y: 4.0 };
        let mut out = Vec::new();
        let outputs = Outputs { tensors: vec![Tensor { shape: vec![1, 21, 6], data }] };
        post.step(&outputs, &transform, 64, 48, &mut out).unwrap();
        (out, post.counters())
    }

    #[test]
    fn boxes_come_back_in_picture_pixels_and_clipped() {
        // Centre (16, 16) and size 32×16 of the input: x 0..32, y 8..24 → 0..64, 8..40 of the picture.
        let (boxes, counters) = step([0.5, 0.5, 0.0, 0.5f32.ln(), 1.0, 0.5]);
        assert_eq!(boxes, [Detection { bbox: BBox::new(0.0, 8.0, 64.0, 40.0), class: 0, score: 0.5 }]);
        assert_eq!(counters, Counters::default());
        let (boxes, _) = step([0.5, 0.5, 3.0, 3.0, 1.0, 0.5]);
        assert_eq!(boxes[0].bbox, BBox::new(0.0, 0.0, 64.0, 48.0));
    }

    #[test]
    fn a_box_in_the_padding_or_of_no_size_is_dropped_and_counted() {
        let above = [0.5, -0.5, 0.0, -4.0, 1.0, 0.5];
        let no_width = [0.5, 0.5, -200.0, 0.0, 1.0, 0.5];
        for row in [above, no_width] {
            let (boxes, counters) = step(row);
            assert_eq!((boxes.len(), counters), (0, Counters { empty: 1, ..Counters::default() }));
        }
    }

    #[test]
    fn a_number_that_is_not_finite_is_counted() {
        let (boxes, counters) = step([f32::NAN, 0.5, 0.0, 0.0, 1.0, 0.5]);
        assert_eq!((boxes.len(), counters.not_finite), (0, 1));
    }
}
