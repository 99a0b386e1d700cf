//! Which cells answer for which box, and what each cell should say.

use super::{Point, TaskAligned, iou, sigmoid};
use crate::data::detection::Targets;

/// What the network says about one picture.
pub struct Answers<'a> {
    pub points: &'a [Point],
    /// (cells, classes)
    pub logits: &'a [f32],
    /// (cells, 4), in cells.
    pub sides: &'a [f32],
    pub classes: usize,
}

/// What it should have said.
pub struct Assigned {
    pub positives: Vec<Positive>,
    /// (cells, classes): scores that are wanted, 0 to 1.
    pub wanted: Vec<f32>,
    /// (cells, classes): 0 where nobody knows.
    pub weights: Vec<f32>,
}

/// A cell that answers for a box.
#[derive(Debug, Clone, Copy)]
pub struct Positive {
    pub cell: usize,
    /// Which of the picture's boxes.
    pub target: usize,
    /// How well it does, 0 to 1: its wanted score.
    pub score: f32,
}

/// A cell may answer for a box.
struct Candidate {
    cell: usize,
    alignment: f32,
    iou: f32,
}

pub fn assign(how: &TaskAligned, targets: &Targets, answers: &Answers) -> Assigned {
    let (points, classes) = (answers.points, answers.classes);
    let mut assigned = Assigned {
        positives: Vec::new(),
        wanted: vec![0.0; points.len() * classes],
        weights: weights(how, targets, answers),
    };
    // For each cell the box that it covers best, where several want it.
    let mut best: Vec<Option<(usize, f32, f32)>> = vec![None; points.len()];
    for (number, target) in targets.boxes.iter().enumerate() {
        for Candidate { cell, alignment, iou } in candidates(how, target.class, &target.rect, answers) {
            if best[cell].is_none_or(|(_, _, other)| iou > other) {
                best[cell] = Some((number, alignment, iou));
            }
        }
    }
    // The best-aligned cell of a box shall have the score of the best overlap, the others less in proportion (eq. 4).
    let mut most = vec![(0.0_f32, 0.0_f32); targets.boxes.len()];
    for (target, alignment, iou) in best.iter().flatten() {
        let (a, i) = &mut most[*target];
        (*a, *i) = (a.max(*alignment), i.max(*iou));
    }
    for (cell, found) in best.iter().enumerate() {
        let Some((target, alignment, _)) = *found else { continue };
        let (most_aligned, most_iou) = most[target];
        let score = if most_aligned > 0.0 { alignment / most_aligned * most_iou } else { 0.0 };
        let class = targets.boxes[target].class;
        assigned.wanted[cell * classes + class] = score;
        assigned.weights[cell * classes + class] = 1.0;
        assigned.positives.push(Positive { cell, target, score });
    }
    assigned
}

/// The best-aligned cells whose centre lies in the box.
fn candidates(how: &TaskAligned, class: usize, rect: &[f32; 4], answers: &Answers) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = (answers.points.iter().enumerate())
        .filter(|(_, point)| inside(&at_least(rect, how.strides[0] as f32), point))
        .map(|(cell, point)| {
            let iou = iou(&answers.rect(cell, point), rect);
            let score = sigmoid(answers.logits[cell * answers.classes + class]);
            Candidate { cell, alignment: score.powf(how.alpha) * iou.powf(how.beta), iou }
        })
        .collect();
    // Of cells that do equally well, such as not at all at first, those nearest to the centre; then the order is certain.
    let (cx, cy) = ((rect[0] + rect[2]) / 2.0, (rect[1] + rect[3]) / 2.0);
    let far = |cell: usize| {
        let point = answers.points[cell];
        (point.x - cx).powi(2) + (point.y - cy).powi(2)
    };
    found.sort_by(|a, b| {
        b.alignment.total_cmp(&a.alignment).then(far(a.cell).total_cmp(&far(b.cell))).then(a.cell.cmp(&b.cell))
    });
    found.truncate(how.top);
    found
}

impl Answers<'_> {
    /// The box of a cell.
    fn rect(&self, cell: usize, point: &Point) -> [f32; 4] {
        let side = |place: usize| self.sides[cell * 4 + place] * point.stride;
        [point.x - side(0), point.y - side(1), point.x + side(2), point.y + side(3)]
    }
}

/// How much each answer counts that belongs to no box.
fn weights(how: &TaskAligned, targets: &Targets, answers: &Answers) -> Vec<f32> {
    let mut weights = vec![1.0; answers.logits.len()];
    for ((point, logits), weights) in
        answers.points.iter().zip(answers.logits.chunks(answers.classes)).zip(weights.chunks_mut(answers.classes))
    {
        if targets.ignored.iter().any(|rect| inside(rect, point)) {
            weights.fill(0.0);
            continue;
        }
        let Some(region) = targets.regions.iter().find(|region| inside(&region.rect, point)) else { continue };
        for ((weight, known), &logit) in weights.iter_mut().zip(&region.known).zip(logits) {
            let sure = !region.exhaustive && sigmoid(logit) > how.benefit_of_doubt;
            if !known || sure {
                *weight = 0.0;
            }
        }
    }
    weights
}

/// The box, grown around its centre where it is smaller than a cell: else it could lie between all centres.
fn at_least(rect: &[f32; 4], size: f32) -> [f32; 4] {
    let grown = |from: f32, to: f32| {
        let more = ((size - (to - from)) / 2.0).max(0.0);
        (from - more, to + more)
    };
    let ((x1, x2), (y1, y2)) = (grown(rect[0], rect[2]), grown(rect[1], rect[3]));
    [x1, y1, x2, y2]
}

fn inside(rect: &[f32; 4], point: &Point) -> bool {
    point.x >= rect[0] && point.x <= rect[2] && point.y >= rect[1] && point.y <= rect[3]
}
