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

use super::{Candidate, ClassFilter, HeadError, best_class, checked};
use crate::engine::{OutputInfo, Tensor};
use crate::geometry::BBox;
use crate::model::ModelSpec;

const HEAD: &str = "yolov2";

#[derive(Debug, Clone)]
pub struct Yolov2 {
    shape: Vec<usize>,
    rows: usize,
    columns: usize,
    /// Cells, as `model.toml` gives them.
    anchors: Vec<[f32; 2]>,
    /// Pixels of the input per cell.
    cell_width: f32,
    cell_height: f32,
    /// From one number of an anchor to the next, and from one cell to the next, in the tensor.
    channel_step: usize,
    cell_step: usize,
    /// The class logits of one box, gathered from the planes.
    logits: Vec<f32>,
}

impl Yolov2 {
    pub(super) fn new(spec: &ModelSpec, output: &OutputInfo) -> Result<Self, HeadError> {
        let refuse = |reason: String| Err(HeadError::Spec { head: HEAD, reason });
        if spec.labels.is_empty() {
            return refuse("model.toml names no labels".into());
        }
        if spec.anchors.is_empty() {
            return refuse("model.toml names no anchors (pairs of width and height in grid cells)".into());
        }
        if let Some(bad) = spec.anchors.iter().flatten().find(|side| !(side.is_finite() && **side > 0.0)) {
            return refuse(format!("an anchor of size {bad} in model.toml: sizes are cells, above 0"));
        }
        let (anchors, numbers) = (spec.anchors.len(), 5 + spec.labels.len());
        let (rows, columns, channels_first) = match output.shape[..] {
            [1, c, rows, columns] if c == anchors * numbers => (rows, columns, true),
            [1, rows, columns, c] if c == anchors * numbers => (rows, columns, false),
            [1, rows, columns, a, n] if a == anchors && n == numbers => (rows, columns, false),
            _ => (0, 0, true),
        };
        if rows * columns == 0 {
            return Err(HeadError::Shape {
                output: output.name.clone(),
                shape: output.shape.clone(),
                head: HEAD,
                needed: format!(
                    "[1, {}, rows, columns]: {anchors} anchors × (5 + {} labels)",
                    anchors * numbers,
                    spec.labels.len()
                ),
            });
        }
        Ok(Self {
            shape: output.shape.clone(),
            rows,
            columns,
            anchors: spec.anchors.clone(),
            cell_width: spec.input.width as f32 / columns as f32,
            cell_height: spec.input.height as f32 / rows as f32,
            channel_step: if channels_first { rows * columns } else { 1 },
            cell_step: if channels_first { 1 } else { anchors * numbers },
            logits: vec![0.0; spec.labels.len()],
        })
    }

    pub(super) fn decode(
        &mut self,
        tensor: &Tensor,
        threshold: f32,
        keep: &ClassFilter,
        out: &mut Vec<Candidate>,
    ) -> Result<u64, HeadError> {
        let data = checked(tensor, &self.shape)?;
        let mut refused = 0;
        // The objectness is compared as a logit: no exponential for the cells that show nothing. A hair below the
        // exact value, because rounding must not hide a box; the score itself is compared at the end.
        let logit_threshold = (threshold / (1.0 - threshold)).ln() - 1e-3;
        for (a, anchor) in self.anchors.iter().enumerate() {
            let first = a * (5 + self.logits.len()) * self.channel_step;
            for (cell, (gy, gx)) in (0..self.rows).flat_map(|gy| (0..self.columns).map(move |gx| (gy, gx))).enumerate()
            {
                let number = |channel: usize| data[first + channel * self.channel_step + cell * self.cell_step];
                if number(4) < logit_threshold {
                    continue;
                }
                for (class, logit) in self.logits.iter_mut().enumerate() {
                    *logit = number(5 + class);
                }
                let (Some((class, best)), true) = (best_class(&self.logits), number(4).is_finite()) else {
                    refused += 1;
                    continue;
                };
                if !keep.keeps(class) {
                    continue;
                }
                let Some(score) = score_at_least(threshold, sigmoid(number(4)), &self.logits, best) else { continue };
                let bbox = BBox::from_center(
                    (sigmoid(number(0)) + gx as f32) * self.cell_width,
                    (sigmoid(number(1)) + gy as f32) * self.cell_height,
                    number(2).exp() * anchor[0] * self.cell_width,
                    number(3).exp() * anchor[1] * self.cell_height,
                );
                if bbox.is_finite() {
                    out.push(Candidate { bbox, class: class as u16, score });
                } else {
                    refused += 1;
                }
            }
        }
        Ok(refused)
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

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::super::Head;
    use super::*;
    use crate::detect::test_models::{output, yolov2_spec};
    use crate::engine::Outputs;

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
