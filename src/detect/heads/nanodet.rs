//! NanoDet: anchor-free, no objectness, distances as distributions (Lyu 2020, github.com/RangiLyu/nanodet;
//! distances.rs).
//!
//! Two outputs for each grid, in any order: classes `[1, cells, classes]` and sides `[1, cells, 4·bins]`, as OpenCV's zoo
//! and the exports of version 0 have them. A cell's point is `(column + ½) · stride − ½`, as OpenCV's decoder has it.
//!
//! One output `[1, N, classes + 4·bins]`: of version 1, three grids with points in their cells' centres; of NanoDet-Plus,
//! four grids (strides 8 to 64) with points in the upper left corners.
//!
//! A grid has `⌈width / stride⌉ · ⌈height / stride⌉` cells. The classes are sigmoided already, unless model.toml says
//! `scores = "logits"`.

use super::distances::{ClassScores, Distances, Level, Plane};
use super::{Given, HeadError, Sink};
use crate::engine::{OutputInfo, Tensor};
use crate::model::Scores;

const STRIDES: [u32; 4] = [8, 16, 32, 64];

#[derive(Debug, Clone)]
pub(super) struct Nanodet(Distances);

impl Nanodet {
    pub fn new(given: &Given) -> Result<Self, HeadError> {
        given.without_anchors()?;
        let (levels, bins) = match given.outputs {
            [output] => of_one_output(given, output)?,
            outputs => of_pairs(given, outputs)?,
        };
        let largest = levels.iter().map(|level| level.columns * level.rows).max().unwrap_or_default();
        let logits = given.spec.scores == Some(Scores::Logits);
        let scores = ClassScores::new(given.spec.labels.len(), logits, largest);
        Ok(Self(Distances { levels, bins, scores }))
    }

    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink) {
        self.0.decode(tensors, sink);
    }
}

fn of_one_output(given: &Given, output: &OutputInfo) -> Result<(Vec<Level>, usize), HeadError> {
    let classes = given.spec.labels.len();
    let (cells, channels) = match output.shape[..] {
        [1, cells, channels] => (cells, channels),
        _ => (0, 0),
    };
    let total = |strides: &[u32]| strides.iter().map(|stride| cells_of(given, *stride)).sum::<usize>();
    let known: [&[u32]; 2] = [&STRIDES, &STRIDES[..3]];
    let strides = match given.spec.strides.as_slice() {
        [] => known.into_iter().find(|strides| total(strides) == cells),
        named => Some(named).filter(|strides| total(strides) == cells),
    };
    let (Some(strides), Some(bins)) = (strides, channels.checked_sub(classes).and_then(bins)) else {
        let needed = format!(
            "[1, {} or {}, {classes} + 4 × bins]: the cells of a {}×{} input, and {classes} labels",
            total(known[1]),
            total(known[0]),
            given.spec.input.width,
            given.spec.input.height
        );
        return Err(given.refused_shape(output, needed));
    };
    let mut before = 0;
    let levels = strides.iter().map(|&stride| {
        let plane = |channel: usize| Plane {
            tensor: 0,
            first: before * channels + channel,
            channel_step: 1,
            cell_step: channels,
        };
        let point = if strides.len() == 3 { 0.5 * stride as f32 } else { 0.0 };
        let level = level(given, stride, point, plane(0), plane(classes));
        before += level.columns * level.rows;
        level
    });
    Ok((levels.collect(), bins))
}

fn of_pairs(given: &Given, outputs: &[OutputInfo]) -> Result<(Vec<Level>, usize), HeadError> {
    let classes = given.spec.labels.len();
    let known: &[u32] = if given.spec.strides.is_empty() { &STRIDES } else { &given.spec.strides };
    let needed = || {
        format!("[1, cells, {classes}] and [1, cells, 4 × bins] for each grid: {classes} labels, strides of {known:?}")
    };
    // Stride and the indices of its outputs, in their order.
    let mut pairs: Vec<(u32, Vec<usize>)> = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        let stride = match output.shape[..] {
            [1, cells, _] if cells > 0 => known.iter().find(|stride| cells_of(given, **stride) == cells),
            _ => None,
        };
        let stride = *stride.ok_or_else(|| given.refused_shape(output, needed()))?;
        match pairs.iter_mut().find(|pair| pair.0 == stride) {
            Some(pair) => pair.1.push(index),
            None => pairs.push((stride, vec![index])),
        }
    }
    pairs.sort();
    let (mut levels, mut common) = (Vec::new(), None);
    for (stride, pair) in &pairs {
        let [a, b] = pair[..] else { return Err(given.refused_count("two for each grid, or 1 for all")) };
        let channels = |index: usize| outputs[index].shape[2];
        // The classes come first where both have as many channels.
        let (class, side) = if channels(a) == classes { (a, b) } else { (b, a) };
        let bins =
            bins(channels(side)).filter(|bins| channels(class) == classes && *common.get_or_insert(*bins) == *bins);
        bins.ok_or_else(|| given.refused_shape(&outputs[side], needed()))?;
        let plane = |tensor: usize| Plane { tensor, first: 0, channel_step: 1, cell_step: channels(tensor) };
        levels.push(level(given, *stride, 0.5 * (*stride as f32 - 1.0), plane(class), plane(side)));
    }
    match common {
        Some(bins) => Ok((levels, bins)),
        None => Err(given.refused_count("two for each grid, or 1 for all")),
    }
}

/// One bin would always be distance 0.
fn bins(sides: usize) -> Option<usize> {
    (sides.is_multiple_of(4) && sides >= 8).then_some(sides / 4)
}

fn cells_of(given: &Given, stride: u32) -> usize {
    let (columns, rows) = grid_of(given, stride);
    columns * rows
}

fn grid_of(given: &Given, stride: u32) -> (usize, usize) {
    let side = |length: u32| length.div_ceil(stride.max(1)) as usize;
    (side(given.spec.input.width), side(given.spec.input.height))
}

fn level(given: &Given, stride: u32, point: f32, classes: Plane, sides: Plane) -> Level {
    let (columns, rows) = grid_of(given, stride);
    Level { columns, rows, stride: stride as f32, point, classes, sides }
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, Head};
    use super::*;
    use crate::detect::ClassFilter;
    use crate::detect::test_models::{output, refusal, spec};
    use crate::engine::Outputs;
    use crate::geometry::BBox;
    use crate::model::{HeadKind, ModelSpec};

    fn model() -> ModelSpec {
        spec(HeadKind::Nanodet, 64, 32, &["a", "b"], &[])
    }

    fn decode(model: &ModelSpec, tensors: Vec<Tensor>) -> (Vec<Candidate>, u64) {
        let outputs: Vec<_> = tensors.iter().map(|tensor| output(&tensor.shape)).collect();
        let mut head = Head::new(model, &outputs).unwrap();
        let mut out = Vec::new();
        let refused = head.decode(&Outputs { tensors }, 0.3, &ClassFilter::all(2), &mut out).unwrap();
        (out, refused)
    }

    /// `[1, cells, channels]` with one row.
    fn tensor(cells: usize, channels: usize, cell: usize, row: &[f32]) -> Tensor {
        let mut data = vec![0.0; cells * channels];
        data[cell * channels..][..channels].copy_from_slice(row);
        Tensor { shape: vec![1, cells, channels], data }
    }

    /// Bins of 4 sides whose expectation is `l, t, r, b` of 0, 1 or 2.
    fn sides(sides: [usize; 4]) -> Vec<f32> {
        let mut numbers = vec![0.0; 12];
        sides.iter().enumerate().for_each(|(side, bin)| numbers[side * 3 + bin] = 100.0);
        numbers
    }

    /// Strides 16 and 32 of a 64×32 input, the cell (1, 1) of the finer.
    fn pairs(classes: &[f32], sides: &[f32]) -> Vec<Tensor> {
        vec![
            tensor(8, 2, 5, classes),
            tensor(2, 2, 0, &[0.0; 2]),
            tensor(8, 12, 5, sides),
            tensor(2, 12, 0, &[0.0; 12]),
        ]
    }

    #[test]
    fn pairs_of_outputs_in_any_order() {
        // (1 + ½)·16 − ½ = 23.5
        let expected = BBox::new(23.5 - 16.0, 23.5, 23.5 + 32.0, 23.5 + 16.0);
        let mut tensors = pairs(&[0.25, 0.75], &sides([1, 0, 2, 1]));
        for _ in 0..4 {
            tensors.rotate_left(1);
            let (boxes, refused) = decode(&model(), tensors.clone());
            assert_eq!((boxes.len(), refused), (1, 0));
            assert!(boxes[0].bbox.iou(&expected) > 0.9999, "{boxes:?}");
            assert_eq!((boxes[0].class, boxes[0].score), (1, 0.75));
        }
    }

    #[test]
    fn one_output_has_its_points_by_version() {
        let row = [&[0.25, 0.75][..], &sides([1, 0, 2, 1])].concat();
        // 8×4 + 4×2 + 2×1 cells, and 1×1 of stride 64 (half a cell high).
        for (cells, point) in [(42, 24.0), (43, 16.0)] {
            let (boxes, _) = decode(&model(), vec![tensor(cells, 14, 32 + 5, &row)]);
            let expected = BBox::new(point - 16.0, point, point + 32.0, point + 16.0);
            assert!(boxes.len() == 1 && boxes[0].bbox.iou(&expected) > 0.9999, "{cells}: {boxes:?}");
        }
    }

    #[test]
    fn model_toml_says_whether_a_sigmoid_is_still_to_be_taken() {
        let model = ModelSpec { scores: Some(Scores::Logits), ..model() };
        let (boxes, _) = decode(&model, pairs(&[0.0, 3f32.ln()], &sides([1, 1, 1, 1])));
        let best = boxes.iter().find(|b| b.class == 1).unwrap();
        assert!((best.score - 0.75).abs() < 1e-6);
    }

    #[test]
    fn nan_and_infinity_are_refused_and_counted() {
        for bad in [f32::NAN, f32::INFINITY] {
            for at in 0..14 {
                let mut row = [&[0.25, 0.75][..], &sides([1, 0, 2, 1])].concat();
                row[at] = bad;
                let (boxes, refused) = decode(&model(), pairs(&row[..2], &row[2..]));
                assert_eq!((boxes.len(), refused), (0, 1), "{bad} at {at}");
            }
        }
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused_with_one_line() {
        assert_eq!(
            refusal(&model(), &[&[1, 8, 2], &[1, 8, 13]]),
            "output 'output' has shape [1, 8, 13], head 'nanodet' needs [1, cells, 2] and [1, cells, 4 × bins] for each \
             grid: 2 labels, strides of [8, 16, 32, 64]"
        );
        assert_eq!(
            refusal(&model(), &[&[1, 3598, 112]]),
            "output 'output' has shape [1, 3598, 112], head 'nanodet' needs [1, 42 or 43, 2 + 4 × bins]: the cells of a \
             64×32 input, and 2 labels"
        );
        assert!(refusal(&model(), &[]).contains("0 outputs"));
        assert!(refusal(&model(), &[&[1, 8, 2], &[1, 8, 12], &[1, 2, 2]]).contains("3 outputs"));
        assert!(refusal(&model(), &[&[1, 8, 2], &[1, 8, 12], &[1, 7, 2]]).contains("[1, 7, 2]"));
        assert!(refusal(&model(), &[&[1, 8, 2], &[1, 8, 12], &[1, 2, 2], &[1, 2, 16]]).contains("[1, 2, 16]"), "bins");
        assert!(refusal(&model(), &[&[1, 8, 3], &[1, 8, 12]]).contains("2 labels"));
        assert!(refusal(&model(), &[&[1, 0, 2], &[1, 0, 12]]).contains("[1, 0, 2]"));
        let with = |labels: &[&str], anchors: &[[f32; 2]]| spec(HeadKind::Nanodet, 64, 32, labels, anchors);
        assert!(refusal(&with(&["a"], &[[1.0, 1.0]]), &[&[1, 8, 1], &[1, 8, 12]]).contains("no anchors"));
        assert!(refusal(&with(&[], &[]), &[&[1, 8, 0], &[1, 8, 12]]).contains("no labels"));
    }
}
