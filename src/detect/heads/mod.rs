//! What the numbers of a network mean. One file per head; `docs` of each give the tensors' shapes and the source.
//!
//! Not here: the way back to picture pixels and suppression of doubles (postprocess.rs, nms.rs).
//! To add a head: a file here with `new` (checks the outputs) and `decode`, an arm in [`Head`], a word in
//! [`HeadKind`], its rule in model/inspect/.

mod anchors;
mod distances;
mod nanodet;
mod yolov2;
mod yolov3;
mod yolov5;
mod yolov8;
mod yolox;

use thiserror::Error;

use super::ClassFilter;
use crate::engine::{OutputInfo, Outputs, Tensor};
use crate::geometry::BBox;
use crate::model::{HeadKind, ModelSpec};

use nanodet::Nanodet;
use yolov2::Yolov2;
use yolov3::Yolov3;
use yolov5::Yolov5;
use yolov8::Yolov8;
use yolox::Yolox;

/// A decoded box that reached the threshold, before suppression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// In pixels of the network's input.
    pub bbox: BBox,
    pub class: u16,
    /// 0..=1.
    pub score: f32,
}

/// The head of one model; checked against the outputs when it is made.
#[derive(Debug, Clone)]
pub struct Head {
    /// Of all outputs, as they were when the head was made.
    shapes: Vec<Vec<usize>>,
    reader: Reader,
}

#[derive(Debug, Clone)]
enum Reader {
    Yolox(Yolox),
    Yolov2(Yolov2),
    Yolov3(Yolov3),
    Yolov5(Yolov5),
    Yolov8(Yolov8),
    Nanodet(Nanodet),
}

impl Head {
    /// Refuses outputs that the head of `model.toml` cannot read: their number, shape, and the counts of labels,
    /// anchors and grid cells.
    pub fn new(spec: &ModelSpec, outputs: &[OutputInfo]) -> Result<Self, HeadError> {
        let given = Given { spec, outputs };
        if spec.labels.is_empty() {
            return Err(given.refused("model.toml names no labels"));
        }
        let reader = match spec.head {
            HeadKind::Yolox => Reader::Yolox(Yolox::new(&given)?),
            HeadKind::Yolov2 => Reader::Yolov2(Yolov2::new(&given)?),
            HeadKind::Yolov3 => Reader::Yolov3(Yolov3::new(&given)?),
            HeadKind::Yolov5 => Reader::Yolov5(Yolov5::new(&given)?),
            HeadKind::Yolov8 => Reader::Yolov8(Yolov8::new(&given)?),
            HeadKind::Nanodet => Reader::Nanodet(Nanodet::new(&given)?),
        };
        Ok(Self { shapes: outputs.iter().map(|output| output.shape.clone()).collect(), reader })
    }

    /// Overwrites `out` with the boxes of kept classes whose score is at least `threshold`, in the order of the
    /// outputs. Returns how many boxes were refused for a number that is not finite; of heads with an objectness only
    /// those that reach the threshold with it are looked at.
    pub fn decode(
        &mut self,
        outputs: &Outputs,
        threshold: f32,
        keep: &ClassFilter,
        out: &mut Vec<Candidate>,
    ) -> Result<u64, HeadError> {
        out.clear();
        self.check(&outputs.tensors)?;
        let mut sink = Sink { threshold, keep, out, refused: 0 };
        match &mut self.reader {
            Reader::Yolox(head) => head.decode(&outputs.tensors, &mut sink),
            Reader::Yolov2(head) => head.decode(&outputs.tensors, &mut sink),
            Reader::Yolov3(head) => head.decode(&outputs.tensors, &mut sink),
            Reader::Yolov5(head) => head.decode(&outputs.tensors, &mut sink),
            Reader::Yolov8(head) => head.decode(&outputs.tensors, &mut sink),
            Reader::Nanodet(head) => head.decode(&outputs.tensors, &mut sink),
        }
        Ok(sink.refused)
    }

    /// After this every index that a head computes from its shapes lies inside its tensor.
    fn check(&self, tensors: &[Tensor]) -> Result<(), HeadError> {
        if tensors.len() != self.shapes.len() {
            return Err(HeadError::ChangedCount { expected: self.shapes.len(), found: tensors.len() });
        }
        let whole = |tensor: &Tensor, shape: &[usize]| {
            tensor.shape == shape && tensor.data.len() == shape.iter().product::<usize>()
        };
        match tensors.iter().zip(&self.shapes).find(|(tensor, shape)| !whole(tensor, shape)) {
            Some((tensor, shape)) => Err(HeadError::Changed { expected: shape.clone(), found: tensor.shape.clone() }),
            None => Ok(()),
        }
    }
}

/// Why a head cannot read a model's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadError {
    #[error("the network has {found} outputs, head '{head}' reads {needed}: is `head` in model.toml right?")]
    OutputCount { found: usize, head: &'static str, needed: &'static str },
    /// `needed` says which shape would fit and what it follows from.
    #[error("output '{output}' has shape {shape:?}, head '{head}' needs {needed}")]
    Shape { output: String, shape: Vec<usize>, head: &'static str, needed: String },
    #[error("head '{head}': {reason}")]
    Spec { head: &'static str, reason: String },
    #[error("an output changed its shape while running: {found:?} instead of {expected:?}")]
    Changed { expected: Vec<usize>, found: Vec<usize> },
    #[error("the network gave {found} outputs while running instead of {expected}")]
    ChangedCount { expected: usize, found: usize },
}

/// What a head is made of, and how it refuses.
struct Given<'a> {
    spec: &'a ModelSpec,
    outputs: &'a [OutputInfo],
}

impl<'a> Given<'a> {
    fn refused(&self, reason: impl Into<String>) -> HeadError {
        HeadError::Spec { head: self.spec.head.as_str(), reason: reason.into() }
    }

    fn refused_count(&self, needed: &'static str) -> HeadError {
        HeadError::OutputCount { found: self.outputs.len(), head: self.spec.head.as_str(), needed }
    }

    fn refused_shape(&self, output: &OutputInfo, needed: String) -> HeadError {
        let (head, output, shape) = (self.spec.head.as_str(), output.name.clone(), output.shape.clone());
        HeadError::Shape { output, shape, head, needed }
    }

    fn only_output(&self) -> Result<&'a OutputInfo, HeadError> {
        match self.outputs {
            [output] => Ok(output),
            _ => Err(self.refused_count("exactly 1")),
        }
    }

    fn without_anchors(&self) -> Result<(), HeadError> {
        match self.spec.anchors.len() {
            0 => Ok(()),
            n => Err(self.refused(format!("has no anchors, model.toml names {n}: remove them"))),
        }
    }

    /// `unit`: what the anchors are measured in, for messages.
    fn anchors(&self, unit: &str) -> Result<&'a [[f32; 2]], HeadError> {
        if self.spec.anchors.is_empty() {
            return Err(self.refused(format!("model.toml names no anchors (pairs of width and height in {unit})")));
        }
        match self.spec.anchors.iter().flatten().find(|side| !(side.is_finite() && **side > 0.0)) {
            Some(bad) => Err(self.refused(format!("an anchor of size {bad} in model.toml: sizes are {unit}, above 0"))),
            None => Ok(&self.spec.anchors),
        }
    }

    /// Those of model.toml, else `custom`; all of them divide the input.
    fn strides(&self, custom: &[u32]) -> Result<Vec<u32>, HeadError> {
        let strides = if self.spec.strides.is_empty() { custom } else { &self.spec.strides };
        let (width, height) = (self.spec.input.width, self.spec.input.height);
        let fits = |stride: &u32| *stride > 0 && width > 0 && width % stride == 0 && height > 0 && height % stride == 0;
        match strides.iter().max().filter(|_| !strides.iter().all(fits)) {
            Some(largest) => {
                Err(self.refused(format!("the input {width}×{height} is no multiple of the largest stride, {largest}")))
            }
            None => Ok(strides.to_vec()),
        }
    }

    /// Columns and rows of the grid of this stride.
    fn grid(&self, stride: u32) -> (usize, usize) {
        ((self.spec.input.width / stride) as usize, (self.spec.input.height / stride) as usize)
    }

    /// Pixels per cell, where a grid of `columns` × `rows` has square cells that fill the input.
    fn stride_of(&self, columns: usize, rows: usize) -> Option<u32> {
        let stride = (self.spec.input.width as usize).checked_div(columns)?;
        let (width, height) = (self.spec.input.width as usize, self.spec.input.height as usize);
        (stride > 0 && stride * columns == width && stride * rows == height).then_some(stride as u32)
    }
}

/// Takes the boxes of a head.
struct Sink<'a> {
    threshold: f32,
    keep: &'a ClassFilter,
    out: &'a mut Vec<Candidate>,
    /// Boxes with a number that is not finite.
    refused: u64,
}

impl Sink<'_> {
    fn wants(&self, class: usize, score: f32) -> bool {
        score >= self.threshold && self.keep.keeps(class)
    }

    /// `score` and `class` are wanted.
    fn push(&mut self, bbox: BBox, class: usize, score: f32) {
        if bbox.is_finite() {
            self.out.push(Candidate { bbox, class: class as u16, score });
        } else {
            self.refused += 1;
        }
    }

    /// Below this a logit cannot reach the threshold, so that no exponential is needed for what shows nothing. A hair
    /// below the exact value, because rounding must not hide a box; the score itself is compared at the end.
    fn least_logit(&self) -> f32 {
        (self.threshold / (1.0 - self.threshold)).ln() - 1e-3
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The largest of `values` and its first index; `None` where one is not finite.
fn best_class(values: &[f32]) -> Option<(usize, f32)> {
    // Eight lanes without a branch, so that the compiler uses vector registers; x·0 is NaN for NaN and infinity.
    let (mut best, mut poison) = ([f32::NEG_INFINITY; 8], [0.0f32; 8]);
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..8 {
            best[lane] = if chunk[lane] > best[lane] { chunk[lane] } else { best[lane] };
            poison[lane] += chunk[lane] * 0.0;
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        best[lane] = if value > best[lane] { value } else { best[lane] };
        poison[lane] += value * 0.0;
    }
    if poison.iter().sum::<f32>().is_nan() {
        return None;
    }
    let best = best.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter().position(|&value| value == best).map(|index| (index, best))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_class_is_the_first_of_equals_and_none_beside_nan() {
        let mut values = vec![0.25f32; 83];
        assert_eq!(best_class(&values), Some((0, 0.25)));
        values[82] = 0.75;
        values[40] = 0.75;
        assert_eq!(best_class(&values), Some((40, 0.75)));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 7, 79, 81] {
                let mut broken = values.clone();
                broken[at] = bad;
                assert_eq!(best_class(&broken), None, "{bad} at {at}");
            }
        }
        assert_eq!(best_class(&[-3.0]), Some((0, -3.0)), "one class, a logit");
        assert_eq!(best_class(&[]), None);
    }
}
