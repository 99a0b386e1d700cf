//! The loss of YOLO with anchors (Redmon and Farhadi 2018, arXiv:1804.02767, sections 2.1 to 2.3): the cell that holds a box's centre
//! answers for it, by the anchor of the likest shape among those of all grids.

use burn::tensor::{Tensor, TensorData};
use ndarray::ArrayD;
use rayon::prelude::*;

use super::super::JointLoss;
use super::{cross_entropy, iou, sigmoid};
use crate::data::detection::{Region, Targets};
use crate::value::Value;

/// For outputs of raw grids, (rows, columns, anchors · (5 + classes)), as [`crate::zoo::yolo_small`] gives them: x, y, width, height,
/// confidence, classes of each anchor. Truth are the three arrays of [`Targets`]. Three parts: `coordinate`, `confidence`, `class`.
#[derive(Debug, Clone)]
pub struct YoloGrid {
    /// Pixels per cell, for each output.
    pub strides: Vec<usize>,
    /// Width and height in pixels of the input, for each output as many.
    pub anchors: Vec<Vec<[f32; 2]>>,
    /// A box that overlaps some object this much and does not answer for it is not punished for being sure.
    pub ignore_above: f32,
}

impl YoloGrid {
    /// `anchors`: those of model.toml, the smallest grid's stride first; `strides`: of the outputs, in their order.
    pub fn new(strides: &[usize], anchors: &[[f32; 2]]) -> Self {
        let each = anchors.len() / strides.len().max(1);
        let mut finest: Vec<usize> = strides.to_vec();
        finest.sort_unstable();
        let of = |stride: &usize| {
            let place = finest.iter().position(|it| it == stride).unwrap_or(0);
            anchors[place * each..][..each].to_vec()
        };
        YoloGrid { strides: strides.to_vec(), anchors: strides.iter().map(of).collect(), ignore_above: 0.5 }
    }

    fn classes(&self, output: &[usize]) -> Option<usize> {
        let each = self.anchors.first()?.len();
        (output.len() == 3 && each > 0 && output[2].is_multiple_of(each)).then(|| (output[2] / each).checked_sub(5))?
    }

    /// Every anchor of every cell, in the order of the flattened outputs.
    fn places(&self, grids: &[[usize; 2]]) -> Vec<Place> {
        let mut places = Vec::new();
        for ((&[rows, columns], &stride), anchors) in grids.iter().zip(&self.strides).zip(&self.anchors) {
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                places.extend(anchors.iter().map(|&anchor| Place { row, column, stride: stride as f32, anchor }));
            }
        }
        places
    }
}

/// An anchor of a cell.
#[derive(Debug, Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    stride: f32,
    anchor: [f32; 2],
}

impl Place {
    /// The box that these raw numbers mean, in pixels of the input.
    fn rect(&self, raw: &[f32]) -> [f32; 4] {
        let (cx, cy) =
            ((sigmoid(raw[0]) + self.column as f32) * self.stride, (sigmoid(raw[1]) + self.row as f32) * self.stride);
        let (w, h) = (raw[2].exp() * self.anchor[0], raw[3].exp() * self.anchor[1]);
        [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0]
    }

    fn centre(&self) -> [f32; 2] {
        [(self.column as f32 + 0.5) * self.stride, (self.row as f32 + 0.5) * self.stride]
    }
}

/// What a picture's places should say, a row of 5 + classes numbers each, and how much each number counts.
struct Wanted {
    numbers: Vec<f32>,
    weights: Vec<f32>,
}

impl JointLoss for YoloGrid {
    fn call(&self, truth: &[ArrayD<f32>], predictions: Vec<Value>) -> Vec<Tensor<1>> {
        let batch = predictions[0].batch();
        let (mut grids, mut flat) = (Vec::new(), Vec::new());
        for (value, anchors) in predictions.into_iter().zip(&self.anchors) {
            let Value::Pictures(grid) = value else { unreachable!("grids, as was looked at") };
            let [_, channels, rows, columns] = grid.dims();
            grids.push([rows, columns]);
            let width = channels / anchors.len();
            flat.push(grid.permute([0, 2, 3, 1]).reshape([batch, rows * columns * anchors.len(), width]));
        }
        let raw = Tensor::cat(flat, 1);
        let [_, count, width] = raw.dims();
        let places = self.places(&grids);
        let numbers: Vec<f32> = raw.clone().without_autodiff().into_data().iter::<f32>().collect();
        let targets = Targets::of(truth, batch, width - 5);
        let wanted: Vec<Wanted> = (targets.par_iter().zip(numbers.par_chunks(count * width)))
            .map(|(target, raw)| self.wanted(target, &places, raw, width))
            .collect();

        let device = raw.device();
        let table = |of: fn(&Wanted) -> &Vec<f32>| {
            let numbers: Vec<f32> = wanted.iter().flat_map(|it| of(it).iter().copied()).collect();
            Tensor::<3>::from_data(TensorData::new(numbers, [batch, count, width]), &device)
        };
        let (target, weights) = (table(|it| &it.numbers), table(|it| &it.weights));
        let columns = |of: &Tensor<3>, from: usize, to: usize| {
            of.clone().slice([0..batch, 0..count, from..to]).reshape([batch, count * (to - from)])
        };
        let logistic = |from: usize, to: usize| {
            cross_entropy(columns(&raw, from, to), columns(&target, from, to)) * columns(&weights, from, to)
        };
        let difference = columns(&raw, 2, 4) - columns(&target, 2, 4);
        let sizes = difference.clone() * difference * columns(&weights, 2, 4) * 0.5;
        let each = |costs: Tensor<2>| costs.sum_dim(1).reshape([batch]);
        vec![each(logistic(0, 2)) + each(sizes), each(logistic(4, 5)), each(logistic(5, width))]
    }

    fn parts(&self) -> Vec<String> {
        ["coordinate", "confidence", "class"].map(String::from).into()
    }

    fn check(&self, truth: &[ArrayD<f32>], batch: usize, outputs: &[&[usize]]) -> Result<(), String> {
        let classes: Option<Vec<usize>> = outputs.iter().map(|output| self.classes(output)).collect();
        match classes.as_deref() {
            Some([first, rest @ ..]) if outputs.len() == self.strides.len() && rest.iter().all(|it| it == first) => {
                Targets::check(truth, batch, *first)
            }
            _ => Err(format!(
                "goes with a grid for each of the strides {:?}, (rows, columns, anchors · (5 + classes)), not {outputs:?}",
                self.strides
            )),
        }
    }
}

impl YoloGrid {
    fn wanted(&self, targets: &Targets, places: &[Place], raw: &[f32], width: usize) -> Wanted {
        let mut wanted = Wanted { numbers: vec![0.0; raw.len()], weights: vec![0.0; raw.len()] };
        for (number, (place, raw)) in places.iter().zip(raw.chunks(width)).enumerate() {
            let rect = place.rect(raw);
            let overlaps = targets.boxes.iter().any(|target| iou(&rect, &target.rect) > self.ignore_above);
            let unknown = targets.is_unknown(place.centre());
            wanted.weights[number * width + 4] = f32::from(u8::from(!overlaps && !unknown));
        }
        for target in &targets.boxes {
            let [x1, y1, x2, y2] = target.rect;
            let (w, h) = ((x2 - x1).max(1e-3), (y2 - y1).max(1e-3));
            let Some(number) = likest(places, [(x1 + x2) / 2.0, (y1 + y2) / 2.0], [w, h]) else { continue };
            let place = places[number];
            let row = &mut wanted.numbers[number * width..][..width];
            row.fill(0.0);
            row[0] = (x1 + x2) / 2.0 / place.stride - place.column as f32;
            row[1] = (y1 + y2) / 2.0 / place.stride - place.row as f32;
            (row[2], row[3]) = ((w / place.anchor[0]).ln(), (h / place.anchor[1]).ln());
            (row[4], row[5 + target.class]) = (1.0, 1.0);
            let weights = &mut wanted.weights[number * width..][..width];
            weights.fill(1.0);
            // Small boxes count more: a pixel is more of them (darknet's 2 − w·h).
            let area =
                places.last().map_or(1.0, |last| ((last.column + 1) * (last.row + 1)) as f32 * last.stride.powi(2));
            weights[..4].fill(2.0 - (w * h / area).min(1.0));
        }
        wanted
    }
}

/// The place whose cell holds the centre and whose anchor is most like the box, both laid on one corner.
fn likest(places: &[Place], [cx, cy]: [f32; 2], size: [f32; 2]) -> Option<usize> {
    let holds = |place: &Place| {
        (cx / place.stride) as usize == place.column
            && (cy / place.stride) as usize == place.row
            && cx >= 0.0
            && cy >= 0.0
    };
    let likeness = |anchor: [f32; 2]| iou(&[0.0, 0.0, anchor[0], anchor[1]], &[0.0, 0.0, size[0], size[1]]);
    let holding = places.iter().enumerate().filter(|(_, place)| holds(place));
    holding.max_by(|a, b| likeness(a.1.anchor).total_cmp(&likeness(b.1.anchor))).map(|(number, _)| number)
}

impl Targets {
    /// Whether nobody knows all about this point: it is ignored, not everything is labelled there, or not every class.
    fn is_unknown(&self, [x, y]: [f32; 2]) -> bool {
        let inside = |rect: &[f32; 4]| x >= rect[0] && x <= rect[2] && y >= rect[1] && y <= rect[3];
        let partly =
            |region: &Region| inside(&region.rect) && (!region.exhaustive || region.known.iter().any(|it| !it));
        self.ignored.iter().any(inside) || self.regions.iter().any(partly)
    }
}
