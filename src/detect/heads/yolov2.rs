//! YOLOv2's region head: one grid, anchors in cells (Redmon & Farhadi 2017, arXiv:1612.08242, section 2;
//! darknet's region layer).
//!
//! One output `[1, A·(5 + classes), rows, columns]` (as darknet and PyTorch export it), `[1, rows, columns,
//! A·(5 + classes)]` or `[1, rows, columns, A, 5 + classes]` (Keras). The numbers of an anchor are
//! `x, y, w, h, objectness, classes…`, all of them raw:
//!
//! ```text
//! cx = (σ(x) + column) / columns    w = exp(w) · anchor_w / columns    score = σ(objectness) · softmax(classes)
//! ```

use super::anchors::AnchorGrid;
use super::{Given, HeadError, Sink, sigmoid};
use crate::engine::Tensor;
use crate::geometry::BBox;

#[derive(Debug, Clone)]
pub(super) struct Yolov2 {
    grid: AnchorGrid,
    /// Pixels of the input.
    anchors: Vec<[f32; 2]>,
    /// Pixels of the input per cell.
    cell: [f32; 2],
    /// Scratch: the class logits of one box.
    logits: Vec<f32>,
}

impl Yolov2 {
    pub fn new(given: &Given) -> Result<Self, HeadError> {
        let output = given.only_output()?;
        let anchors = given.anchors("grid cells")?;
        let (count, classes) = (anchors.len(), given.spec.labels.len());
        let numbers = 5 + classes;
        let grid = AnchorGrid::flat(&output.shape, count, numbers)
            .or_else(|| AnchorGrid::anchors_last(&output.shape, count, numbers))
            .ok_or_else(|| {
                let channels = count * numbers;
                let needed = format!("[1, {channels}, rows, columns]: {count} anchors × (5 + {classes} labels)");
                given.refused_shape(output, needed)
            })?;
        let cell =
            [given.spec.input.width as f32 / grid.columns as f32, given.spec.input.height as f32 / grid.rows as f32];
        let anchors = anchors.iter().map(|[w, h]| [w * cell[0], h * cell[1]]).collect();
        Ok(Self { grid, anchors, cell, logits: vec![0.0; classes] })
    }

    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink) {
        let threshold = sink.threshold;
        let score = |objectness, logits: &[f32], best| score_at_least(threshold, sigmoid(objectness), logits, best);
        let [cell_width, cell_height] = self.cell;
        self.grid.decode(&tensors[0].data, &mut self.logits, sink, score, |[x, y, w, h], place| {
            let [anchor_width, anchor_height] = self.anchors[place.anchor];
            BBox::from_center(
                (sigmoid(x) + place.gx) * cell_width,
                (sigmoid(y) + place.gy) * cell_height,
                w.exp() * anchor_width,
                h.exp() * anchor_height,
            )
        });
    }
}

/// `objectness · softmax(logits)` of the best class, or `None` below the threshold. The softmax of the largest logit
/// is 1 / Σ exp(logit − largest); the sum only grows, so it stops where the score can no longer be reached.
fn score_at_least(threshold: f32, objectness: f32, logits: &[f32], best: f32) -> Option<f32> {
    let mut sum = 0.0f32;
    for eight in logits.chunks(8) {
        sum += eight.iter().map(|logit| (logit - best).exp()).sum::<f32>();
        if objectness < threshold * sum {
            return None;
        }
    }
    Some(objectness / sum)
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, Head};
    use super::*;
    use crate::detect::ClassFilter;
    use crate::detect::test_models::{output, yolov2_spec};
    use crate::engine::Outputs;
    use crate::model::ModelSpec;

    /// Two anchors, three classes, a grid of 2 rows × 3 columns over a 96×64 input.
    const SHAPE: [usize; 4] = [1, 16, 2, 3];
    const ANCHORS: [[f32; 2]; 2] = [[1.0, 2.0], [4.0, 0.5]];

    fn spec() -> ModelSpec {
        yolov2_spec(96, 64, &["a", "b", "c"], &ANCHORS)
    }

    /// A tensor of silence (objectness −20) with one box.
    fn tensor(anchor: usize, gy: usize, gx: usize, numbers: [f32; 8]) -> Tensor {
        let mut data = vec![0.0; SHAPE.iter().product()];
        for a in 0..2 {
            data[(a * 8 + 4) * 6..(a * 8 + 5) * 6].fill(-20.0);
        }
        for (channel, number) in numbers.into_iter().enumerate() {
            data[(anchor * 8 + channel) * 6 + gy * 3 + gx] = number;
        }
        Tensor { shape: SHAPE.to_vec(), data }
    }

    fn decode(spec: &ModelSpec, tensor: Tensor, threshold: f32) -> (Vec<Candidate>, u64) {
        let mut head = Head::new(spec, &[output(&tensor.shape)]).unwrap();
        let mut out = Vec::new();
        let outputs = Outputs { tensors: vec![tensor] };
        let refused = head.decode(&outputs, threshold, &ClassFilter::all(spec.labels.len()), &mut out).unwrap();
        (out, refused)
    }

    #[test]
    fn a_box_of_a_grid_that_is_not_square() {
        // σ(0) = 0.5, exp(ln 2) = 2; softmax of (0, ln 3, 0) is (0.2, 0.6, 0.2).
        let numbers = [0.0, 0.0, 2f32.ln(), 0.0, 0.0, 0.0, 3f32.ln(), 0.0];
        let (boxes, refused) = decode(&spec(), tensor(1, 1, 2, numbers), 0.1);
        assert_eq!((boxes.len(), refused), (1, 0));
        let expected = BBox::from_center(2.5 * 32.0, 1.5 * 32.0, 2.0 * 4.0 * 32.0, 0.5 * 32.0);
        assert!((boxes[0].bbox.x1 - expected.x1).abs() < 1e-4 && (boxes[0].bbox.y2 - expected.y2).abs() < 1e-4);
        assert_eq!(boxes[0].class, 1);
        assert!((boxes[0].score - 0.5 * 0.6).abs() < 1e-6, "{}", boxes[0].score);
    }

    #[test]
    fn the_threshold_is_on_the_product() {
        let numbers = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3f32.ln(), 0.0];
        assert_eq!(decode(&spec(), tensor(0, 0, 0, numbers), 0.299).0.len(), 1);
        assert_eq!(decode(&spec(), tensor(0, 0, 0, numbers), 0.301).0.len(), 0);
        assert_eq!(decode(&spec(), tensor(0, 0, 0, numbers), 0.0).0.len(), 12, "at 0 every cell is a candidate");
    }

    #[test]
    fn keras_layouts_mean_the_same() {
        let first = tensor(1, 0, 1, [0.3, -0.2, 0.1, 0.4, 2.0, 1.0, 0.0, -1.0]);
        let expected = decode(&spec(), first.clone(), 0.1);
        let mut last = vec![0.0; first.data.len()];
        for channel in 0..16 {
            for cell in 0..6 {
                last[cell * 16 + channel] = first.data[channel * 6 + cell];
            }
        }
        for shape in [vec![1, 2, 3, 16], vec![1, 2, 3, 2, 8]] {
            let tensor = Tensor { shape, data: last.clone() };
            assert_eq!(decode(&spec(), tensor, 0.1), expected);
        }
    }

    #[test]
    fn nan_and_infinity_are_refused_and_counted() {
        for at in 0..8 {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut numbers = [0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 3.0, 0.0];
                numbers[at] = bad;
                // σ(∞) = 1 is a number, so an infinite x or y is one too; all else is refused.
                let harmless = at < 2 && bad.is_infinite();
                let (boxes, refused) = decode(&spec(), tensor(0, 1, 1, numbers), 0.1);
                assert_eq!((boxes.len(), refused), if harmless { (1, 0) } else { (0, 1) }, "{bad} at {at}");
            }
        }
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused_with_one_line() {
        let refusal = |spec: &ModelSpec, shape: &[usize]| Head::new(spec, &[output(shape)]).unwrap_err().to_string();
        assert_eq!(
            refusal(&spec(), &[1, 425, 7, 7]),
            "output 'output' has shape [1, 425, 7, 7], head 'yolov2' needs [1, 16, rows, columns]: \
             2 anchors × (5 + 3 labels)"
        );
        assert!(refusal(&yolov2_spec(96, 64, &["a"], &[]), &SHAPE).contains("no anchors"));
        assert!(refusal(&yolov2_spec(96, 64, &["a"], &[[0.0, 1.0]]), &SHAPE).contains("size 0"));
        assert!(refusal(&spec(), &[1, 16, 0, 3]).contains("[1, 16, 0, 3]"));
    }
}
