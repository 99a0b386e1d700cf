//! Boxes as distances from a point of each cell to the four sides, each distance a distribution over bins: what NanoDet
//! and YOLOv8 have in common (Li et al. 2020, "Generalized Focal Loss", arXiv:2006.04388, section 3.2).
//!
//! ```text
//! side = stride · Σ i·pᵢ    p = softmax(bins of the side)    sides: left, top, right, bottom
//! ```
//!
//! With one number for a side there is no distribution: side = stride · max(0, number).
//!
//! Not here: where the numbers of a head lie and where its points are.

use super::{Sink, best_class, sigmoid};
use crate::engine::Tensor;
use crate::geometry::BBox;

/// Where numbers lie among the outputs: those of a cell, channel by channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    /// Index of the output.
    pub tensor: usize,
    /// Of channel 0 of cell 0.
    pub first: usize,
    pub channel_step: usize,
    pub cell_step: usize,
}

/// One grid.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub columns: usize,
    pub rows: usize,
    /// Pixels per cell.
    pub stride: f32,
    /// From a cell's upper left corner to its point, in pixels, both ways.
    pub point: f32,
    pub classes: Plane,
    /// 4 × bins channels.
    pub sides: Plane,
}

/// All grids of a head.
#[derive(Debug, Clone)]
pub(super) struct Distances {
    pub levels: Vec<Level>,
    pub bins: usize,
    pub scores: ClassScores,
}

impl Distances {
    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink) {
        for level in &self.levels {
            let Level { columns, rows, stride, point, .. } = *level;
            self.scores.find(tensors, &level.classes, columns * rows);
            let data = &tensors[level.sides.tensor].data;
            for cell in 0..columns * rows {
                let Some((class, score)) = self.scores.of(cell, sink) else { continue };
                let first = level.sides.first + cell * level.sides.cell_step;
                let side = |side: usize| {
                    let bin = |bin: usize| data[first + (side * self.bins + bin) * level.sides.channel_step];
                    stride * expectation(self.bins, bin)
                };
                let (x, y) = ((cell % columns) as f32 * stride + point, (cell / columns) as f32 * stride + point);
                sink.push(BBox::new(x - side(0), y - side(1), x + side(2), y + side(3)), class, score);
            }
        }
    }
}

/// Mean of the softmax over `bins` logits, 0..=bins − 1, NaN where a logit is NaN or +∞; one alone is the distance itself.
fn expectation(bins: usize, logit: impl Fn(usize) -> f32) -> f32 {
    if bins == 1 {
        let distance = logit(0);
        // Not `max`, which would hide a NaN.
        return if distance < 0.0 { 0.0 } else { distance };
    }
    let largest = (0..bins).map(&logit).fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for bin in 0..bins {
        let weight = (logit(bin) - largest).exp();
        sum += weight;
        weighted += bin as f32 * weight;
    }
    weighted / sum
}

/// The best class of each cell of a grid.
#[derive(Debug, Clone)]
pub(super) struct ClassScores {
    classes: usize,
    /// Whether a sigmoid is still to be taken.
    logits: bool,
    best: Vec<f32>,
    class: Vec<u32>,
    /// NaN where a class of the cell is not finite.
    poison: Vec<f32>,
}

impl ClassScores {
    /// `cells`: of the largest grid.
    pub fn new(classes: usize, logits: bool, cells: usize) -> Self {
        Self { classes, logits, best: vec![0.0; cells], class: vec![0; cells], poison: vec![0.0; cells] }
    }

    /// Looks through all classes of `cells` cells.
    pub fn find(&mut self, tensors: &[Tensor], plane: &Plane, cells: usize) {
        let data = &tensors[plane.tensor].data;
        let (best, class, poison) = (&mut self.best[..cells], &mut self.class[..cells], &mut self.poison[..cells]);
        if plane.channel_step == 1 {
            for cell in 0..cells {
                let found = best_class(&data[plane.first + cell * plane.cell_step..][..self.classes]);
                (class[cell], best[cell]) = found.map_or((0, f32::NAN), |(class, value)| (class as u32, value));
                poison[cell] = best[cell] * 0.0;
            }
            return;
        }
        best.fill(f32::NEG_INFINITY);
        poison.fill(0.0);
        for number in 0..self.classes {
            // Cells side by side, so that the compiler uses vector registers; x·0 is NaN for NaN and infinity.
            let values = &data[plane.first + number * plane.channel_step..][..cells];
            for (((value, best), class), poison) in values.iter().zip(&mut *best).zip(&mut *class).zip(&mut *poison) {
                let better = *value > *best;
                *class = if better { number as u32 } else { *class };
                *best = if better { *value } else { *best };
                *poison += value * 0.0;
            }
        }
    }

    /// Class and score of a cell, if the sink wants them. One that is not finite is counted there.
    pub fn of(&self, cell: usize, sink: &mut Sink) -> Option<(usize, f32)> {
        if self.poison[cell].is_nan() {
            sink.refused += 1;
            return None;
        }
        let (class, value) = (self.class[cell] as usize, self.best[cell]);
        if self.logits && value < sink.least_logit() {
            return None;
        }
        let score = if self.logits { sigmoid(value) } else { value };
        sink.wants(class, score).then_some((class, score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expectation_is_the_mean_bin() {
        let of = |logits: &[f32]| expectation(logits.len(), |bin| logits[bin]);
        assert_eq!(of(&[0.0, 0.0, 0.0]), 1.0);
        assert!((of(&[0.0, 3f32.ln()]) - 0.75).abs() < 1e-6);
        assert!((of(&[900.0, 0.0, 900.0]) - 1.0).abs() < 1e-6, "no overflow");
        assert_eq!(of(&[f32::NEG_INFINITY, 0.0]), 1.0, "a bin of probability 0");
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(of(&[0.0, bad, 0.0]).is_nan(), "{bad}");
        }
    }

    #[test]
    fn classes_side_by_side_or_in_planes_are_the_same() {
        const CELLS: usize = 19;
        let value = |cell: usize, class: usize| ((cell * 31 + class * 17) % 23) as f32 / 23.0;
        let mut rows: Vec<f32> = (0..CELLS * 5).map(|i| value(i / 5, i % 5)).collect();
        let mut planes: Vec<f32> = (0..CELLS * 5).map(|i| value(i % CELLS, i / CELLS)).collect();
        (rows[7 * 5 + 2], planes[2 * CELLS + 7]) = (f32::NAN, f32::NAN);
        (rows[8 * 5], planes[8]) = (f32::INFINITY, f32::INFINITY);
        let tensors = [rows, planes].map(|data| Tensor { shape: vec![data.len()], data });
        let mut found = [1, CELLS].map(|channel_step| {
            let tensor = usize::from(channel_step > 1);
            let cell_step = if tensor == 0 { 5 } else { 1 };
            let mut scores = ClassScores::new(5, false, CELLS);
            scores.find(&tensors, &Plane { tensor, first: 0, channel_step, cell_step }, CELLS);
            let poisoned: Vec<bool> = scores.poison.iter().map(|p| p.is_nan()).collect();
            (scores.class, scores.best, poisoned)
        });
        for (class, best, poisoned) in &mut found {
            assert_eq!(poisoned.iter().filter(|p| **p).count(), 2);
            assert!(poisoned[7] && poisoned[8]);
            for cell in [7, 8] {
                (class[cell], best[cell]) = (0, 0.0);
            }
        }
        assert_eq!(found[0], found[1]);
    }
}
