//! Grids with several anchor boxes a cell: what YOLOv2, YOLOv3 and raw YOLOv5 have in common. Their numbers are
//! `x, y, w, h, objectness, classes…` for each anchor of each cell, all of them logits.
//!
//! Not here: how these numbers become a box, in which the three differ.

use super::{Given, HeadError, Sink, best_class, sigmoid};
use crate::engine::Tensor;
use crate::geometry::BBox;

/// Where the numbers of one grid lie in its tensor.
#[derive(Debug, Clone)]
pub(super) struct AnchorGrid {
    pub rows: usize,
    pub columns: usize,
    anchors: usize,
    anchor_step: usize,
    channel_step: usize,
    cell_step: usize,
}

/// An anchor of a cell.
pub(super) struct Place {
    pub anchor: usize,
    pub gx: f32,
    pub gy: f32,
}

impl AnchorGrid {
    /// `[1, A·numbers, rows, columns]` (darknet, PyTorch) or `[1, rows, columns, A·numbers]` (Keras); `None` for other
    /// shapes and for a grid without cells.
    pub fn flat(shape: &[usize], anchors: usize, numbers: usize) -> Option<Self> {
        let both = anchors * numbers;
        let grid = match *shape {
            [1, c, rows, columns] if c == both => {
                let cells = rows * columns;
                Self { rows, columns, anchors, anchor_step: numbers * cells, channel_step: cells, cell_step: 1 }
            }
            [1, rows, columns, c] if c == both => {
                Self { rows, columns, anchors, anchor_step: numbers, channel_step: 1, cell_step: both }
            }
            _ => return None,
        };
        grid.with_cells()
    }

    /// `[1, rows, columns, A, numbers]` (Keras).
    pub fn anchors_last(shape: &[usize], anchors: usize, numbers: usize) -> Option<Self> {
        match *shape {
            [1, rows, columns, a, n] if (a, n) == (anchors, numbers) => {
                Self { rows, columns, anchors, anchor_step: n, channel_step: 1, cell_step: a * n }.with_cells()
            }
            _ => None,
        }
    }

    /// `[1, A, rows, columns, numbers]` (PyTorch).
    pub fn anchors_first(shape: &[usize], anchors: usize, numbers: usize) -> Option<Self> {
        match *shape {
            [1, a, rows, columns, n] if (a, n) == (anchors, numbers) => {
                let anchor_step = rows * columns * n;
                Self { rows, columns, anchors, anchor_step, channel_step: 1, cell_step: n }.with_cells()
            }
            _ => None,
        }
    }

    fn with_cells(self) -> Option<Self> {
        (self.rows * self.columns > 0).then_some(self)
    }

    /// Gives `sink` the boxes of a tensor that has this grid's shape. `classes`: scratch, one number per class.
    /// `score`: of the objectness (a logit), the class logits and the largest of them; `None` below the threshold.
    /// `bbox`: of x, y, w, h and the place, in pixels of the input.
    pub fn decode(
        &self,
        data: &[f32],
        classes: &mut [f32],
        sink: &mut Sink,
        score: impl Fn(f32, &[f32], f32) -> Option<f32>,
        bbox: impl Fn([f32; 4], &Place) -> BBox,
    ) {
        let least = sink.least_logit();
        for anchor in 0..self.anchors {
            for cell in 0..self.rows * self.columns {
                let first = anchor * self.anchor_step + cell * self.cell_step;
                let number = |channel: usize| data[first + channel * self.channel_step];
                let objectness = number(4);
                if objectness < least {
                    continue;
                }
                for (class, logit) in classes.iter_mut().enumerate() {
                    *logit = number(5 + class);
                }
                let (Some((class, best)), true) = (best_class(classes), objectness.is_finite()) else {
                    sink.refused += 1;
                    continue;
                };
                if let Some(score) = score(objectness, classes, best).filter(|score| sink.wants(class, *score)) {
                    let (gx, gy) = ((cell % self.columns) as f32, (cell / self.columns) as f32);
                    let place = Place { anchor, gx, gy };
                    sink.push(bbox([number(0), number(1), number(2), number(3)], &place), class, score);
                }
            }
        }
    }
}

/// Several outputs, one grid each, with anchors in pixels of the input: the finest grid has the first anchors.
#[derive(Debug, Clone)]
pub(super) struct Pyramid {
    levels: Vec<Level>,
    /// Scratch: the class logits of one box.
    logits: Vec<f32>,
}

/// One grid of a [`Pyramid`].
#[derive(Debug, Clone)]
pub(super) struct Level {
    grid: AnchorGrid,
    pub anchors: Vec<[f32; 2]>,
    /// Pixels of the input per cell.
    pub cell: [f32; 2],
}

impl Pyramid {
    pub fn new(given: &Given) -> Result<Self, HeadError> {
        let (outputs, classes) = (given.outputs, given.spec.labels.len());
        if outputs.is_empty() {
            return Err(given.refused_count("one for each grid"));
        }
        let anchors = given.anchors("pixels of the input")?;
        let each = anchors.len() / outputs.len();
        if each * outputs.len() != anchors.len() {
            return Err(given.refused(format!(
                "{} anchors in model.toml do not share out among {} outputs: name as many for each grid, the finest first",
                anchors.len(),
                outputs.len()
            )));
        }
        let numbers = 5 + classes;
        let mut grids = Vec::new();
        for output in outputs {
            let grid = AnchorGrid::flat(&output.shape, each, numbers)
                .or_else(|| AnchorGrid::anchors_first(&output.shape, each, numbers))
                .or_else(|| AnchorGrid::anchors_last(&output.shape, each, numbers));
            let needed = || {
                let channels = each * numbers;
                format!(
                    "[1, {channels}, rows, columns] or [1, {each}, rows, columns, {numbers}]: \
                     {each} anchors × (5 + {classes} labels)"
                )
            };
            grids.push(grid.ok_or_else(|| given.refused_shape(output, needed()))?);
        }
        let cells = |grid: &AnchorGrid| grid.rows * grid.columns;
        let level = |grid: &AnchorGrid| {
            let finer = grids.iter().filter(|other| cells(other) > cells(grid)).count();
            Level {
                grid: grid.clone(),
                anchors: anchors[finer * each..][..each].to_vec(),
                cell: [
                    given.spec.input.width as f32 / grid.columns as f32,
                    given.spec.input.height as f32 / grid.rows as f32,
                ],
            }
        };
        Ok(Self { levels: grids.iter().map(level).collect(), logits: vec![0.0; classes] })
    }

    /// The score is `σ(objectness) · σ(class)`. `bbox`: of x, y, w, h and the place, in pixels of the input.
    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink, bbox: impl Fn([f32; 4], &Place, &Level) -> BBox) {
        for (level, tensor) in self.levels.iter().zip(tensors) {
            let score = |objectness, _: &[f32], best| Some(sigmoid(objectness) * sigmoid(best));
            level
                .grid
                .decode(&tensor.data, &mut self.logits, sink, score, |numbers, place| bbox(numbers, place, level));
        }
    }
}
