//! YOLOv8, YOLO11 and their like: anchor-free, no objectness (Jocher et al. 2023, class Detect of Ultralytics'
//! nn/modules/head.py; the distances are those of distances.rs).
//!
//! Decoded, as Ultralytics exports it: one output `[1, 4 + classes, N]` (or with its last two axes exchanged), N = cells of
//! the grids of stride 8, 16 and 32, or of the `strides` of model.toml. A column is `cx, cy, w, h, classes…`: pixels of
//! the input, and sigmoided; score = class.
//!
//! With the distribution left outside: one output `[1, 4·bins + classes, N]`; or one for each grid, `[1, 4·bins + classes,
//! rows, columns]`; or two for each grid, `[1, 4·bins, rows, columns]` and `[1, classes, rows, columns]`. With one number for a
//! side, that is the distance in cells. A cell's point is its centre. The classes are logits then, unless model.toml says `scores = "probabilities"`.

use std::collections::BTreeMap;

use super::distances::{ClassScores, Distances, Level, Plane};
use super::{Given, HeadError, Sink};
use crate::engine::{OutputInfo, Tensor};
use crate::geometry::BBox;
use crate::model::Scores;

#[derive(Debug, Clone)]
pub(super) enum Yolov8 {
    Decoded { boxes: Plane, classes: Plane, cells: usize, scores: ClassScores },
    Distances(Distances),
}

impl Yolov8 {
    pub fn new(given: &Given) -> Result<Self, HeadError> {
        given.without_anchors()?;
        match given.outputs {
            [] => Err(given.refused_count("one or two for each grid, or 1 for all")),
            [output] if output.shape.len() == 3 => of_one_output(given, output),
            outputs => of_grids(given, outputs),
        }
    }

    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink) {
        let (boxes, classes, cells, scores) = match self {
            Self::Distances(distances) => return distances.decode(tensors, sink),
            Self::Decoded { boxes, classes, cells, scores } => (boxes, classes, *cells, scores),
        };
        scores.find(tensors, classes, cells);
        let data = &tensors[boxes.tensor].data;
        for cell in 0..cells {
            let Some((class, score)) = scores.of(cell, sink) else { continue };
            let number = |channel: usize| data[boxes.first + channel * boxes.channel_step + cell * boxes.cell_step];
            sink.push(BBox::from_center(number(0), number(1), number(2), number(3)), class, score);
        }
    }
}

fn of_one_output(given: &Given, output: &OutputInfo) -> Result<Yolov8, HeadError> {
    let classes = given.spec.labels.len();
    let strides = given.strides(&[8, 16, 32])?;
    let grids: Vec<_> = strides.iter().map(|stride| given.grid(*stride)).collect();
    let cells: usize = grids.iter().map(|(columns, rows)| columns * rows).sum();
    let (channels, channel_step, cell_step) = match output.shape[..] {
        [1, channels, n] if n == cells => (channels, cells, 1),
        [1, n, channels] if n == cells => (channels, 1, channels),
        _ => (0, 0, 0),
    };
    let plane = |channel: usize, cell: usize| Plane {
        tensor: 0,
        first: channel * channel_step + cell * cell_step,
        channel_step,
        cell_step,
    };
    let sides = channels.checked_sub(classes);
    if sides == Some(4) {
        let scores = ClassScores::new(classes, logits(given, Scores::Probabilities), cells);
        return Ok(Yolov8::Decoded { boxes: plane(0, 0), classes: plane(4, 0), cells, scores });
    }
    let Some(bins) = sides.and_then(bins) else {
        let (width, height) = (given.spec.input.width, given.spec.input.height);
        let needed = format!(
            "[1, {}, {cells}] or [1, 4 × bins + {classes}, {cells}]: 4 + {classes} labels, and the cells of a \
             {width}×{height} input",
            4 + classes
        );
        return Err(given.refused_shape(output, needed));
    };
    let mut before = 0;
    let levels = grids.iter().zip(&strides).map(|(&(columns, rows), &stride)| {
        let (sides, classes) = (plane(0, before), plane(4 * bins, before));
        before += columns * rows;
        level((columns, rows), stride, sides, classes)
    });
    let levels = levels.collect();
    Ok(distances(given, levels, bins))
}

fn of_grids(given: &Given, outputs: &[OutputInfo]) -> Result<Yolov8, HeadError> {
    let classes = given.spec.labels.len();
    let needed = || {
        format!(
            "[1, 4 × bins + {classes}, rows, columns] for each grid, or [1, 4 × bins, rows, columns] and \
             [1, {classes}, rows, columns]: {classes} labels"
        )
    };
    let mut by_stride: BTreeMap<u32, Vec<(usize, &OutputInfo)>> = BTreeMap::new();
    for (index, output) in outputs.iter().enumerate() {
        let stride = match output.shape[..] {
            [1, _, rows, columns] => given.stride_of(columns, rows),
            _ => None,
        };
        by_stride
            .entry(stride.ok_or_else(|| given.refused_shape(output, needed()))?)
            .or_default()
            .push((index, output));
    }
    let (mut levels, mut common) = (Vec::new(), None);
    for (&stride, outputs) in &by_stride {
        let grid = given.grid(stride);
        let cells = grid.0 * grid.1;
        let plane =
            |tensor: usize, channel: usize| Plane { tensor, first: channel * cells, channel_step: cells, cell_step: 1 };
        let (sides, planes, last) = match outputs[..] {
            [(index, both)] => {
                let sides = both.shape[1].saturating_sub(classes);
                (sides, [plane(index, 0), plane(index, sides)], both)
            }
            // The boxes come first where both have as many channels.
            [(a, first), (b, second)] if second.shape[1] == classes => {
                (first.shape[1], [plane(a, 0), plane(b, 0)], first)
            }
            [(a, first), (b, second)] if first.shape[1] == classes => {
                (second.shape[1], [plane(b, 0), plane(a, 0)], second)
            }
            [(_, first), _] => return Err(given.refused_shape(first, needed())),
            _ => return Err(given.refused_count("one or two for each grid, or 1 for all")),
        };
        let bins = bins(sides).filter(|bins| *common.get_or_insert(*bins) == *bins);
        bins.ok_or_else(|| given.refused_shape(last, needed()))?;
        levels.push(level(grid, stride, planes[0], planes[1]));
    }
    Ok(distances(given, levels, common.unwrap_or_default()))
}

/// A distribution over one bin would always be distance 0: one number is the distance itself.
fn bins(sides: usize) -> Option<usize> {
    (sides.is_multiple_of(4) && sides >= 4).then_some(sides / 4)
}

fn level((columns, rows): (usize, usize), stride: u32, sides: Plane, classes: Plane) -> Level {
    let stride = stride as f32;
    Level { columns, rows, stride, point: 0.5 * stride, classes, sides }
}

fn distances(given: &Given, levels: Vec<Level>, bins: usize) -> Yolov8 {
    let largest = levels.iter().map(|level| level.columns * level.rows).max().unwrap_or_default();
    let scores = ClassScores::new(given.spec.labels.len(), logits(given, Scores::Logits), largest);
    Yolov8::Distances(Distances { levels, bins, scores })
}

fn logits(given: &Given, custom: Scores) -> bool {
    given.spec.scores.unwrap_or(custom) == Scores::Logits
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, Head};
    use super::*;
    use crate::detect::ClassFilter;
    use crate::detect::test_models::{output, refusal, spec};
    use crate::engine::Outputs;
    use crate::model::{HeadKind, ModelSpec};

    /// A 64×32 input has 8×4 + 4×2 + 2×1 cells.
    const CELLS: usize = 42;

    fn model() -> ModelSpec {
        spec(HeadKind::Yolov8, 64, 32, &["a", "b", "c"], &[])
    }

    fn decode(model: &ModelSpec, tensors: Vec<Tensor>) -> (Vec<Candidate>, u64) {
        let outputs: Vec<_> = tensors.iter().map(|tensor| output(&tensor.shape)).collect();
        let mut head = Head::new(model, &outputs).unwrap();
        let mut out = Vec::new();
        let refused = head.decode(&Outputs { tensors }, 0.3, &ClassFilter::all(3), &mut out).unwrap();
        (out, refused)
    }

    /// `[channels, cells]` with these columns.
    fn columns(channels: usize, cells: usize, silence: f32, filled: &[(usize, &[f32])]) -> Vec<f32> {
        let mut data = vec![silence; channels * cells];
        for (cell, numbers) in filled {
            for (channel, number) in numbers.iter().enumerate() {
                data[channel * cells + cell] = *number;
            }
        }
        data
    }

    fn decoded(filled: &[(usize, &[f32])]) -> Vec<Tensor> {
        vec![Tensor { shape: vec![1, 7, CELLS], data: columns(7, CELLS, 0.0, filled) }]
    }

    /// Bins of 4 sides whose expectation is `l, t, r, b` of 0, 1 or 2, then three class logits.
    fn distribution(sides: [usize; 4], classes: [f32; 3]) -> Vec<f32> {
        let mut numbers = vec![0.0; 12];
        sides.iter().enumerate().for_each(|(side, bin)| numbers[side * 3 + bin] = 100.0);
        numbers.extend(classes);
        numbers
    }

    #[test]
    fn decoded_columns_are_boxes_already_in_both_orders_of_the_axes() {
        let tensors = decoded(&[(41, &[30.0, 16.0, 8.0, 4.0, 0.2, 0.6, 0.5])]);
        let mut exchanged = vec![0.0; 7 * CELLS];
        for (at, number) in tensors[0].data.iter().enumerate() {
            exchanged[at % CELLS * 7 + at / CELLS] = *number;
        }
        let expected = Candidate { bbox: BBox::new(26.0, 14.0, 34.0, 18.0), class: 1, score: 0.6 };
        for tensors in [tensors, vec![Tensor { shape: vec![1, CELLS, 7], data: exchanged }]] {
            assert_eq!(decode(&model(), tensors), (vec![expected], 0));
        }
    }

    #[test]
    fn all_forms_of_the_distribution_are_the_same() {
        // Cell (1, 1) of stride 16: its point is (24, 24). σ(ln 3) = 0.75.
        let numbers = distribution([1, 0, 2, 1], [0.0, -1.0, 3f32.ln()]);
        let bbox = BBox::new(24.0 - 16.0, 24.0, 24.0 + 32.0, 24.0 + 16.0);
        let tensor = |shape: &[usize], cells: usize, cell: Option<usize>, range: std::ops::Range<usize>| {
            let filled = cell.map(|cell| (cell, &numbers[range.clone()]));
            Tensor { shape: shape.to_vec(), data: columns(range.len(), cells, -9.0, filled.as_slice()) }
        };
        let one = vec![tensor(&[1, 15, CELLS], CELLS, Some(32 + 5), 0..15)];
        let combined = vec![tensor(&[1, 15, 1, 2], 2, None, 0..15), tensor(&[1, 15, 2, 4], 8, Some(5), 0..15)];
        let separate = vec![
            tensor(&[1, 3, 2, 4], 8, Some(5), 12..15),
            tensor(&[1, 12, 1, 2], 2, None, 0..12),
            tensor(&[1, 12, 2, 4], 8, Some(5), 0..12),
            tensor(&[1, 3, 1, 2], 2, None, 12..15),
        ];
        for tensors in [one, combined, separate] {
            let shapes: Vec<_> = tensors.iter().map(|tensor| tensor.shape.clone()).collect();
            let (boxes, refused) = decode(&model(), tensors);
            assert_eq!((boxes.len(), refused), (1, 0), "{shapes:?}");
            assert!(boxes[0].bbox.iou(&bbox) > 0.9999 && boxes[0].class == 2, "{shapes:?} {boxes:?}");
            assert!((boxes[0].score - 0.75).abs() < 1e-6);
        }
    }

    #[test]
    fn model_toml_says_whether_a_sigmoid_is_still_to_be_taken() {
        let numbers = distribution([1, 1, 1, 1], [0.5, 0.0, 0.0]);
        let tensors = || vec![Tensor { shape: vec![1, 15, CELLS], data: columns(15, CELLS, -9.0, &[(0, &numbers)]) }];
        let score = |scores| decode(&ModelSpec { scores, ..model() }, tensors()).0[0].score;
        assert!((score(None) - 0.62246).abs() < 1e-5);
        assert_eq!(score(Some(Scores::Probabilities)), 0.5);
    }

    #[test]
    fn nan_and_infinity_are_refused_and_counted() {
        let good: &[f32] = &[30.0, 16.0, 8.0, 4.0, 0.2, 0.6, 0.5];
        for at in 0..7 {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut broken = good.to_vec();
                broken[at] = bad;
                let (boxes, refused) = decode(&model(), decoded(&[(3, &broken), (4, good)]));
                assert_eq!((boxes.len(), refused), (1, 1), "{bad} at {at}");
            }
        }
        let mut broken = distribution([1, 1, 1, 1], [5.0, 0.0, 0.0]);
        broken[7] = f32::NAN;
        let tensors = vec![Tensor { shape: vec![1, 15, CELLS], data: columns(15, CELLS, -9.0, &[(0, &broken)]) }];
        assert_eq!(decode(&model(), tensors), (Vec::new(), 1));
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused_with_one_line() {
        assert_eq!(
            refusal(&model(), &[&[1, 84, 8400]]),
            "output 'output' has shape [1, 84, 8400], head 'yolov8' needs [1, 7, 42] or [1, 4 × bins + 3, 42]: \
             4 + 3 labels, and the cells of a 64×32 input"
        );
        assert!(refusal(&model(), &[]).contains("0 outputs"));
        assert!(refusal(&model(), &[&[1, 2, 42]]).contains("[1, 7, 42]"), "fewer channels than labels");
        assert!(refusal(&model(), &[&[1, 9, 42]]).contains("[1, 7, 42]"), "no multiple of 4");
        assert!(refusal(&model(), &[&[1, 15, 2, 3]]).contains("3 labels"), "no square cells");
        assert!(refusal(&model(), &[&[1, 15, 0, 0]]).contains("3 labels"));
        assert!(refusal(&model(), &[&[1, 15, 2, 4], &[1, 19, 1, 2]]).contains("[1, 19, 1, 2]"), "other bins");
        assert!(refusal(&model(), &[&[1, 12, 2, 4], &[1, 4, 2, 4]]).contains("3 labels"));
        assert!(refusal(&model(), &[&[1, 12, 2, 4], &[1, 3, 2, 4], &[1, 1, 2, 4]]).contains("3 outputs"));
        assert!(refusal(&spec(HeadKind::Yolov8, 64, 32, &["a"], &[[1.0, 1.0]]), &[&[1, 5, 42]]).contains("no anchors"));
        assert!(refusal(&spec(HeadKind::Yolov8, 64, 32, &[], &[]), &[&[1, 4, 42]]).contains("no labels"));
        assert!(refusal(&spec(HeadKind::Yolov8, 64, 40, &["a"], &[]), &[&[1, 5, 42]]).contains("64×40"));
    }
}
