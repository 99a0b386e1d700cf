//! What an anchor-free detector learns by: task-aligned assignment (Feng et al. 2021, arXiv:2108.07755, section 3.3) of cells to boxes,
//! binary cross-entropy on the classes, CIoU (Zheng et al. 2020, arXiv:1911.08287, eq. 10) on the boxes.

mod assign;
mod ciou;
mod grid;

use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use ndarray::ArrayD;
use rayon::prelude::*;
use wayside::geometry::BBox;

use super::JointLoss;
use crate::data::detection::Targets;
use crate::value::Value;

use assign::{Answers, Assigned};
use ciou::ciou;
pub use grid::YoloGrid;

/// For the outputs of [`crate::zoo::detector_small`]: for each stride two, logits of the classes and sides in cells. Truth are the three
/// arrays of [`Targets`]. Two parts: `class` and `box`.
#[derive(Debug, Clone)]
pub struct TaskAligned {
    /// Pixels per cell, for each pair of outputs.
    pub strides: Vec<usize>,
    /// Cells that a box gets at most.
    pub top: usize,
    /// The alignment of a cell is scoreᵅ · IoUᵝ.
    pub alpha: f32,
    pub beta: f32,
    /// Where not every object is labelled, an answer this sure that no label explains is not punished.
    pub benefit_of_doubt: f32,
}

impl Default for TaskAligned {
    fn default() -> Self {
        TaskAligned {
            strides: crate::zoo::detector::STRIDES.to_vec(),
            top: 10,
            alpha: 0.5,
            beta: 6.0,
            benefit_of_doubt: 0.5,
        }
    }
}

impl JointLoss for TaskAligned {
    fn call(&self, truth: &[ArrayD<f32>], predictions: Vec<Value>) -> Vec<Tensor<1>> {
        let batch = predictions[0].batch();
        let (logits, sides, points) = self.cells(predictions);
        let classes = logits.dims()[2];
        let cells = points.len();
        let device = logits.device();

        // Which cell answers for which box is looked up outside the tape, sample by sample.
        let numbers =
            |tensor: &Tensor<3>| tensor.clone().without_autodiff().into_data().iter::<f32>().collect::<Vec<_>>();
        let (seen_logits, seen_sides) = (numbers(&logits), numbers(&sides));
        let targets = Targets::of(truth, batch, classes);
        let assigned: Vec<Assigned> = (targets.par_iter().zip(seen_logits.par_chunks(cells * classes)))
            .zip(seen_sides.par_chunks(cells * 4))
            .map(|((target, logits), sides)| {
                assign::assign(self, target, &Answers { points: &points, logits, sides, classes })
            })
            .collect();

        // One scale for the whole batch: a picture full of vehicles counts as much as they are.
        let sum: f32 = assigned.iter().flat_map(|it| &it.positives).map(|it| it.score).sum();
        let scale = batch as f32 / sum.max(1.0);

        let wanted: Vec<f32> = assigned.iter().flat_map(|it| it.wanted.iter().copied()).collect();
        let weights: Vec<f32> = assigned.iter().flat_map(|it| it.weights.iter().copied()).collect();
        let tensor =
            |numbers: Vec<f32>| Tensor::<2>::from_data(TensorData::new(numbers, [batch, cells * classes]), &device);
        let costs = cross_entropy(logits.reshape([batch, cells * classes]), tensor(wanted)) * tensor(weights);
        let class_loss = costs.sum_dim(1).reshape([batch]) * scale;

        vec![class_loss, self.box_loss(sides, &points, &targets, &assigned) * scale]
    }

    fn parts(&self) -> Vec<String> {
        vec!["class".into(), "box".into()]
    }

    fn check(&self, truth: &[ArrayD<f32>], batch: usize, outputs: &[&[usize]]) -> Result<(), String> {
        let pairs = outputs.chunks(2).map(|pair| match pair {
            [[h, w, classes], [rows, columns, 4]] if h == rows && w == columns => Some(*classes),
            _ => None,
        });
        let classes: Option<Vec<usize>> = pairs.collect();
        match classes.as_deref() {
            Some([first, rest @ ..]) if rest.len() + 1 == self.strides.len() && rest.iter().all(|it| it == first) => {
                Targets::check(truth, batch, *first)
            }
            _ => Err(format!(
                "goes with two outputs for each of the strides {:?}, (rows, columns, classes) and (rows, columns, 4), not {outputs:?}",
                self.strides
            )),
        }
    }
}

/// The centre of a cell, in pixels of the input, and how many pixels a cell has.
#[derive(Debug, Clone, Copy)]
struct Point {
    x: f32,
    y: f32,
    stride: f32,
}

impl TaskAligned {
    /// All grids one after the other: logits (batch, cells, classes), sides (batch, cells, 4), and where the cells are.
    fn cells(&self, predictions: Vec<Value>) -> (Tensor<3>, Tensor<3>, Vec<Point>) {
        let (mut logits, mut sides, mut points) = (Vec::new(), Vec::new(), Vec::new());
        for (number, value) in predictions.into_iter().enumerate() {
            let Value::Pictures(grid) = value else { unreachable!("grids, as was looked at") };
            let [batch, channels, rows, columns] = grid.dims();
            let flat = grid.permute([0, 2, 3, 1]).reshape([batch, rows * columns, channels]);
            if number % 2 == 1 {
                sides.push(flat);
                continue;
            }
            logits.push(flat);
            let stride = self.strides[number / 2] as f32;
            let centre = |place: usize| (place as f32 + 0.5) * stride;
            points.extend(
                (0..rows).flat_map(|row| {
                    (0..columns).map(move |column| Point { x: centre(column), y: centre(row), stride })
                }),
            );
        }
        (Tensor::cat(logits, 1), Tensor::cat(sides, 1), points)
    }

    /// 1 − CIoU of the cells that answer for a box, by how well they do, for each sample.
    fn box_loss(&self, sides: Tensor<3>, points: &[Point], targets: &[Targets], assigned: &[Assigned]) -> Tensor<1> {
        let ([batch, cells, _], device) = (sides.dims(), sides.device());
        let (mut rows, mut truth, mut places, mut scores) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut ends = Vec::new();
        for (sample, (target, assigned)) in targets.iter().zip(assigned).enumerate() {
            for positive in &assigned.positives {
                let point = points[positive.cell];
                rows.push((sample * cells + positive.cell) as i32);
                truth.extend(target.boxes[positive.target].rect);
                places.extend([point.x, point.y, point.stride]);
                scores.push(positive.score);
            }
            ends.push(rows.len());
        }
        let count = rows.len();
        if count == 0 {
            return sides.reshape([batch, cells * 4]).sum_dim(1).reshape([batch]) * 0.0;
        }
        let table = |numbers: Vec<f32>, columns: usize| {
            Tensor::<2>::from_data(TensorData::new(numbers, [count, columns]), &device)
        };
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &device);
        let found = sides.reshape([batch * cells, 4]).select(0, rows);
        let (places, truth) = (table(places, 3), table(truth, 4));
        let column = |of: &Tensor<2>, place: usize| of.clone().slice([0..count, place..place + 1]);
        let (x, y, stride) = (column(&places, 0), column(&places, 1), column(&places, 2));
        let side = |place: usize| column(&found, place) * stride.clone();
        let found = [x.clone() - side(0), y.clone() - side(1), x + side(2), y + side(3)];
        let truth = [0, 1, 2, 3].map(|place| column(&truth, place));
        let costs = (ciou(found, truth).neg() + 1.0) * table(scores, 1);

        // Back to the samples: a matrix with a 1 where a row is the sample's.
        let mut whose = vec![0.0; batch * count];
        let mut from = 0;
        for (sample, end) in ends.into_iter().enumerate() {
            whose[sample * count + from..sample * count + end].fill(1.0);
            from = end;
        }
        Tensor::<2>::from_data(TensorData::new(whose, [batch, count]), &device).matmul(costs).reshape([batch])
    }
}

/// Of logits, without ever taking the logarithm of a small number.
fn cross_entropy(logits: Tensor<2>, wanted: Tensor<2>) -> Tensor<2> {
    relu(logits.clone()) - logits.clone() * wanted + logits.abs().neg().exp().log1p()
}

/// Of two boxes x1, y1, x2, y2.
fn iou(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let bbox = |r: &[f32; 4]| BBox::new(r[0], r[1], r[2], r[3]);
    bbox(a).iou(&bbox(b))
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
