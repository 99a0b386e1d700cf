//! YOLOv3: several grids, anchors in pixels (Redmon & Farhadi 2018, arXiv:1804.02767, section 2; darknet's yolo layer).
//! Also Yolo-Fastest, and YOLOv4 with `scale_x_y=1`.
//!
//! One output for each grid, in any order: `[1, A·(5 + classes), rows, columns]` as darknet lays it out, or `[1, A, rows,
//! columns, 5 + classes]`. The numbers of an anchor are `x, y, w, h, objectness, classes…`, all of them raw:
//!
//! ```text
//! cx = (σ(x) + column) · width / columns    w = exp(w) · anchor_w    score = σ(objectness) · σ(class)
//! ```
//!
//! The anchors of model.toml are shared out among the grids, the finest grid first (darknet's `mask=` the other way
//! round: its last layer is the finest).

use super::anchors::Pyramid;
use super::{Given, HeadError, Sink, sigmoid};
use crate::engine::Tensor;
use crate::geometry::BBox;

#[derive(Debug, Clone)]
pub(super) struct Yolov3(Pyramid);

impl Yolov3 {
    pub fn new(given: &Given) -> Result<Self, HeadError> {
        Pyramid::new(given).map(Self)
    }

    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink) {
        self.0.decode(tensors, sink, |[x, y, w, h], place, level| {
            let [anchor_width, anchor_height] = level.anchors[place.anchor];
            BBox::from_center(
                (sigmoid(x) + place.gx) * level.cell[0],
                (sigmoid(y) + place.gy) * level.cell[1],
                w.exp() * anchor_width,
                h.exp() * anchor_height,
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, Head};
    use super::*;
    use crate::detect::ClassFilter;
    use crate::detect::test_models::{output, refusal, spec};
    use crate::engine::Outputs;
    use crate::model::{HeadKind, ModelSpec};

    /// Two grids over a 64×32 input, the coarse one first as in darknet; 2 anchors of 2 classes each.
    const COARSE: [usize; 4] = [1, 14, 1, 2];
    const FINE: [usize; 4] = [1, 14, 2, 4];
    const ANCHORS: [[f32; 2]; 4] = [[4.0, 5.0], [8.0, 9.0], [20.0, 21.0], [40.0, 41.0]];

    fn model() -> ModelSpec {
        spec(HeadKind::Yolov3, 64, 32, &["a", "b"], &ANCHORS)
    }

    /// Silence (objectness −20).
    fn silence(shape: [usize; 4]) -> Tensor {
        let cells = shape[2] * shape[3];
        let mut data = vec![0.0; 14 * cells];
        for anchor in 0..2 {
            data[(anchor * 7 + 4) * cells..(anchor * 7 + 5) * cells].fill(-20.0);
        }
        Tensor { shape: shape.to_vec(), data }
    }

    fn put(tensor: &mut Tensor, anchor: usize, cell: usize, numbers: [f32; 7]) {
        let cells = tensor.shape[2] * tensor.shape[3];
        for (channel, number) in numbers.into_iter().enumerate() {
            tensor.data[(anchor * 7 + channel) * cells + cell] = number;
        }
    }

    fn decode(tensors: Vec<Tensor>, threshold: f32) -> (Vec<Candidate>, u64) {
        let outputs: Vec<_> = tensors.iter().map(|tensor| output(&tensor.shape)).collect();
        let mut head = Head::new(&model(), &outputs).unwrap();
        let mut out = Vec::new();
        let refused = head.decode(&Outputs { tensors }, threshold, &ClassFilter::all(2), &mut out).unwrap();
        (out, refused)
    }

    #[test]
    fn the_finest_grid_has_the_first_anchors_whatever_the_order_of_the_outputs() {
        // σ(0) = 0.5; σ(ln 3) = 0.75.
        let numbers = [0.0, 0.0, 2f32.ln(), 0.0, 3f32.ln(), 0.0, 3f32.ln()];
        let (mut coarse, mut fine) = (silence(COARSE), silence(FINE));
        put(&mut coarse, 1, 1, numbers);
        put(&mut fine, 0, 6, numbers);
        let in_coarse = BBox::from_center(1.5 * 32.0, 0.5 * 32.0, 2.0 * 40.0, 41.0);
        let in_fine = BBox::from_center(2.5 * 16.0, 1.5 * 16.0, 2.0 * 4.0, 5.0);
        for (tensors, expected) in
            [(vec![coarse.clone(), fine.clone()], [in_coarse, in_fine]), (vec![fine, coarse], [in_fine, in_coarse])]
        {
            let (boxes, refused) = decode(tensors, 0.3);
            assert_eq!((boxes.len(), refused), (2, 0));
            for (found, expected) in boxes.iter().zip(expected) {
                assert!(found.bbox.iou(&expected) > 0.9999, "{found:?} {expected:?}");
                assert_eq!(found.class, 1);
                assert!((found.score - 0.75 * 0.75).abs() < 1e-6, "{}", found.score);
            }
        }
    }

    #[test]
    fn the_threshold_is_on_the_product() {
        let mut fine = silence(FINE);
        put(&mut fine, 0, 0, [0.0, 0.0, 0.0, 0.0, 3f32.ln(), 0.0, 3f32.ln()]);
        assert_eq!(decode(vec![fine.clone(), silence(COARSE)], 0.562).0.len(), 1);
        assert_eq!(decode(vec![fine, silence(COARSE)], 0.563).0.len(), 0);
    }

    #[test]
    fn nan_and_infinity_are_refused_and_counted() {
        for at in 0..7 {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut numbers = [0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 3.0];
                numbers[at] = bad;
                let mut fine = silence(FINE);
                put(&mut fine, 1, 3, numbers);
                // σ(∞) = 1 is a number, so an infinite x or y is one too; all else is refused.
                let harmless = at < 2 && bad.is_infinite();
                let (boxes, refused) = decode(vec![fine, silence(COARSE)], 0.1);
                assert_eq!((boxes.len(), refused), if harmless { (1, 0) } else { (0, 1) }, "{bad} at {at}");
            }
        }
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused_with_one_line() {
        let model = model();
        assert_eq!(
            refusal(&model, &[&FINE, &[1, 255, 1, 2]]),
            "output 'output' has shape [1, 255, 1, 2], head 'yolov3' needs [1, 14, rows, columns] or \
             [1, 2, rows, columns, 7]: 2 anchors × (5 + 2 labels)"
        );
        assert_eq!(
            refusal(&model, &[&FINE, &FINE, &COARSE]),
            "head 'yolov3': 4 anchors in model.toml do not share out among 3 outputs: name as many for each grid, \
             the finest first"
        );
        assert!(refusal(&model, &[]).contains("0 outputs"));
        assert!(refusal(&model, &[&[1, 14, 0, 4], &COARSE]).contains("[1, 14, 0, 4]"));
        let with = |labels: &[&str], anchors: &[[f32; 2]]| spec(HeadKind::Yolov3, 64, 32, labels, anchors);
        assert!(refusal(&with(&["a"], &[]), &[&FINE]).contains("no anchors"));
        assert!(refusal(&with(&["a"], &[[0.0, 1.0]]), &[&FINE]).contains("size 0"));
        assert!(refusal(&with(&["a"], &[[f32::NAN, 1.0]]), &[&FINE]).contains("size NaN"));
        assert!(refusal(&with(&[], &ANCHORS), &[&FINE, &COARSE]).contains("no labels"));
    }
}
