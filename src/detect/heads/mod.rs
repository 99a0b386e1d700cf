//! What the numbers of a network mean. One file per head; `docs` of each give the tensor's shape and the source.
//!
//! Not here: the way back to picture pixels and suppression of doubles (postprocess.rs, nms.rs).
//! To add a head: a file here with `new` (checks the outputs) and `decode`, an arm in [`Head`], a word in
//! [`HeadKind`].

mod yolov2;
mod yolox;

pub use yolov2::Yolov2;
pub use yolox::Yolox;

use thiserror::Error;

use super::ClassFilter;
use crate::engine::{OutputInfo, Outputs, Tensor};
use crate::geometry::BBox;
use crate::model::{HeadKind, ModelSpec};

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
pub enum Head {
    Yolox(Yolox),
    Yolov2(Yolov2),
}

impl Head {
    /// Refuses outputs that the head of `model.toml` cannot read: their number, shape, and the counts of labels,
    /// anchors and grid cells.
    pub fn new(spec: &ModelSpec, outputs: &[OutputInfo]) -> Result<Self, HeadError> {
        let [output] = outputs else {
            return Err(HeadError::OutputCount { found: outputs.len() });
        };
        match spec.head {
            HeadKind::Yolox => Yolox::new(spec, output).map(Head::Yolox),
            HeadKind::Yolov2 => Yolov2::new(spec, output).map(Head::Yolov2),
        }
    }

    /// Overwrites `out` with the boxes of kept classes whose score is at least `threshold`, in the order of the
    /// output. Returns how many boxes at or above the objectness threshold were refused for a number that is not
    /// finite, or for an objectness that is NaN.
    pub fn decode(
        &mut self,
        outputs: &Outputs,
        threshold: f32,
        keep: &ClassFilter,
        out: &mut Vec<Candidate>,
    ) -> Result<u64, HeadError> {
        out.clear();
        let [tensor] = outputs.tensors.as_slice() else {
            return Err(HeadError::OutputCount { found: outputs.tensors.len() });
        };
        match self {
            Head::Yolox(head) => head.decode(tensor, threshold, keep, out),
            Head::Yolov2(head) => head.decode(tensor, threshold, keep, out),
        }
    }
}

/// Why a head cannot read a model's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadError {
    #[error("the network has {found} outputs, its head reads exactly 1: is `head` in model.toml right?")]
    OutputCount { found: usize },
    /// `needed` says which shape would fit and what it follows from.
    #[error("output '{output}' has shape {shape:?}, head '{head}' needs {needed}")]
    Shape { output: String, shape: Vec<usize>, head: &'static str, needed: String },
    #[error("head '{head}': {reason}")]
    Spec { head: &'static str, reason: String },
    #[error("an output changed its shape while running: {found:?} instead of {expected:?}")]
    Changed { expected: Vec<usize>, found: Vec<usize> },
}

/// The tensor's numbers, if it still has the shape that the head was made for.
fn checked<'a>(tensor: &'a Tensor, shape: &[usize]) -> Result<&'a [f32], HeadError> {
    if tensor.shape != shape || tensor.data.len() != shape.iter().product::<usize>() {
        return Err(HeadError::Changed { expected: shape.to_vec(), found: tensor.shape.clone() });
    }
    Ok(&tensor.data)
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
