//! YOLOv5, and YOLOv7 exported in its way (Jocher et al., doi:10.5281/zenodo.3908559; class Detect of its models/yolo.py).
//!
//! Decoded, as `export.py` writes it: one output `[1, N, 5 + classes]`, N = 3 anchors × cells of all grids. A row is
//! `cx, cy, w, h, objectness, classes…`: pixels of the input, and sigmoided; score = objectness · class.
//!
//! Raw, cut off before that: one output for each grid, `[1, A, rows, columns, 5 + classes]` or `[1, A·(5 + classes), rows,
//! columns]`, all of it logits, with anchors in pixels, the finest grid first:
//!
//! ```text
//! cx = (2σ(x) − 0.5 + column) · stride    w = (2σ(w))² · anchor_w    score = σ(objectness) · σ(class)
//! ```

use super::anchors::Pyramid;
use super::{Given, HeadError, Sink, best_class, sigmoid};
use crate::engine::Tensor;
use crate::geometry::BBox;

/// Of each cell, in the decoded form.
const ANCHORS: usize = 3;

#[derive(Debug, Clone)]
pub(super) enum Yolov5 {
    Decoded { row: usize },
    Raw(Pyramid),
}

impl Yolov5 {
    pub fn new(given: &Given) -> Result<Self, HeadError> {
        let row = 5 + given.spec.labels.len();
        let [output] = given.outputs else { return Pyramid::new(given).map(Self::Raw) };
        if output.shape.len() != 3 {
            return Pyramid::new(given).map(Self::Raw);
        }
        let cells = |strides: &[u32]| -> Result<usize, HeadError> {
            let strides = given.strides(strides)?;
            Ok(strides.iter().map(|stride| given.grid(*stride)).map(|(columns, rows)| columns * rows).sum())
        };
        let rows = ANCHORS * cells(&[8, 16, 32])?;
        // The P6 networks have a fourth grid; their input is a multiple of 64.
        let with_p6 = cells(&[8, 16, 32, 64]).map_or(rows, |cells| ANCHORS * cells);
        if output.shape != [1, rows, row] && output.shape != [1, with_p6, row] {
            let (width, height) = (given.spec.input.width, given.spec.input.height);
            let needed = format!(
                "[1, {rows}, {row}]: {ANCHORS} × the cells of a {width}×{height} input, and 5 + {} labels",
                given.spec.labels.len()
            );
            return Err(given.refused_shape(output, needed));
        }
        Ok(Self::Decoded { row })
    }

    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink) {
        match self {
            Self::Decoded { row } => decode_rows(&tensors[0].data, *row, sink),
            Self::Raw(pyramid) => pyramid.decode(tensors, sink, |[x, y, w, h], place, level| {
                let [anchor_width, anchor_height] = level.anchors[place.anchor];
                let size = |number: f32, anchor: f32| (2.0 * sigmoid(number)).powi(2) * anchor;
                BBox::from_center(
                    (2.0 * sigmoid(x) - 0.5 + place.gx) * level.cell[0],
                    (2.0 * sigmoid(y) - 0.5 + place.gy) * level.cell[1],
                    size(w, anchor_width),
                    size(h, anchor_height),
                )
            }),
        }
    }
}

fn decode_rows(data: &[f32], row: usize, sink: &mut Sink) {
    for numbers in data.chunks_exact(row) {
        // A class value is at most 1, so the score is at most the objectness: most rows end here.
        let objectness = numbers[4];
        if objectness < sink.threshold {
            continue;
        }
        let (Some((class, value)), true) = (best_class(&numbers[5..]), objectness.is_finite()) else {
            sink.refused += 1;
            continue;
        };
        let score = objectness * value;
        if sink.wants(class, score) {
            sink.push(BBox::from_center(numbers[0], numbers[1], numbers[2], numbers[3]), class, score);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, Head};
    use super::*;
    use crate::detect::ClassFilter;
    use crate::detect::test_models::{output, refusal, spec};
    use crate::engine::Outputs;
    use crate::model::HeadKind;

    /// A 64×32 input has 8×4 + 4×2 + 2×1 cells.
    const ROWS: usize = 3 * 42;

    fn decode(tensors: Vec<Tensor>, anchors: &[[f32; 2]]) -> (Vec<Candidate>, u64) {
        let outputs: Vec<_> = tensors.iter().map(|tensor| output(&tensor.shape)).collect();
        let mut head = Head::new(&spec(HeadKind::Yolov5, 64, 32, &["a", "b"], anchors), &outputs).unwrap();
        let mut out = Vec::new();
        let refused = head.decode(&Outputs { tensors }, 0.3, &ClassFilter::all(2), &mut out).unwrap();
        (out, refused)
    }

    fn rows(filled: &[(usize, [f32; 7])]) -> Vec<Tensor> {
        let mut data = vec![0.0; ROWS * 7];
        for (at, row) in filled {
            data[at * 7..][..7].copy_from_slice(row);
        }
        vec![Tensor { shape: vec![1, ROWS, 7], data }]
    }

    #[test]
    fn decoded_rows_are_boxes_already() {
        let (boxes, refused) = decode(rows(&[(100, [30.0, 16.0, 8.0, 4.0, 0.8, 0.1, 0.5])]), &[]);
        let expected = Candidate { bbox: BBox::new(26.0, 14.0, 34.0, 18.0), class: 1, score: 0.4 };
        assert_eq!((boxes.as_slice(), refused), (&[expected][..], 0));
        assert_eq!(decode(rows(&[(0, [30.0, 16.0, 8.0, 4.0, 0.8, 0.1, 0.3])]), &[]).0.len(), 0, "0.24");
    }

    #[test]
    fn raw_grids_have_their_own_arithmetic() {
        // A fine grid of 4×2 cells (stride 16) and a coarse one of 2×1, one anchor each; the layout of PyTorch.
        let mut fine = Tensor { shape: vec![1, 1, 2, 4, 7], data: vec![-20.0; 8 * 7] };
        let coarse = Tensor { shape: vec![1, 1, 1, 2, 7], data: vec![-20.0; 2 * 7] };
        // σ(ln 3) = 0.75: centre 1 + cell, size 1.5² anchors.
        let l = 3f32.ln();
        fine.data[6 * 7..][..7].copy_from_slice(&[l, 0.0, l, 0.0, l, l, 0.0]);
        let (boxes, refused) = decode(vec![coarse, fine], &[[10.0, 6.0], [100.0, 60.0]]);
        assert_eq!((boxes.len(), refused), (1, 0));
        let expected = BBox::from_center((1.0 + 2.0) * 16.0, (0.5 + 1.0) * 16.0, 22.5, 6.0);
        assert!(boxes[0].bbox.iou(&expected) > 0.9999, "{boxes:?} {expected:?}");
        assert!((boxes[0].score - 0.5625).abs() < 1e-6 && boxes[0].class == 0);
    }

    #[test]
    fn nan_and_infinity_are_refused_and_counted() {
        let good = [30.0, 16.0, 8.0, 4.0, 0.8, 0.1, 0.5];
        for at in 0..7 {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut broken = good;
                broken[at] = bad;
                let (boxes, refused) = decode(rows(&[(0, broken), (1, good)]), &[]);
                assert_eq!((boxes.len(), refused), (1, 1), "{bad} at {at}");
            }
        }
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused_with_one_line() {
        let with = |labels: &[&str], anchors: &[[f32; 2]]| spec(HeadKind::Yolov5, 64, 32, labels, anchors);
        assert_eq!(
            refusal(&with(&["a", "b"], &[]), &[&[1, 25200, 85]]),
            "output 'output' has shape [1, 25200, 85], head 'yolov5' needs [1, 126, 7]: 3 × the cells of a 64×32 \
             input, and 5 + 2 labels"
        );
        assert!(refusal(&with(&["a", "b"], &[]), &[]).contains("0 outputs"));
        assert!(refusal(&with(&["a"], &[]), &[&[1, 1, 2, 4, 6], &[1, 1, 1, 2, 6]]).contains("no anchors"));
        assert!(refusal(&with(&["a"], &[[1.0, 1.0]; 3]), &[&[1, 1, 2, 4, 6], &[1, 1, 1, 2, 6]]).contains("share out"));
        assert!(
            refusal(&with(&["a"], &[[1.0, 1.0]; 2]), &[&[1, 1, 2, 4, 7], &[1, 1, 1, 2, 6]]).contains("5 + 1 labels")
        );
        assert!(refusal(&with(&[], &[]), &[&[1, ROWS, 5]]).contains("no labels"));
        assert!(Head::new(&spec(HeadKind::Yolov5, 64, 64, &["a"], &[]), &[output(&[1, 255, 6])]).is_ok(), "with P6");
    }
}
