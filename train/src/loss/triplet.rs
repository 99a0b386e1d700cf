//! Triplet loss (Schroff, Kalenichenko and Philbin 2015, eq. 1): one's own pictures nearer than others', by a margin.

use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor};
use ndarray::ArrayD;

use super::{JointLoss, Loss, Reduction, rows};
use crate::value::Value;

/// `max(0, d(a, p) − d(a, n) + alpha)` of each row, with squared distances: (batch, dimensions) three times → (batch).
pub fn triplet(anchor: Tensor<2>, positive: Tensor<2>, negative: Tensor<2>, alpha: f32) -> Tensor<1> {
    let batch = anchor.dims()[0];
    let distance = |other: Tensor<2>| {
        let difference = anchor.clone() - other;
        difference.clone().mul(difference).sum_dim(1).reshape([batch])
    };
    relu(distance(positive) - distance(negative) + alpha)
}

/// Which triplets are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    /// The output is (3, dimensions): anchor, positive, negative; the truth is not looked at.
    Given,
    /// All of a batch, by the labels in the truth; the mean over those that still cost something (Hermans et al. 2017, eq. 6).
    BatchAll,
    /// For each picture the farthest of its own and the nearest of the others (Hermans et al. 2017, eq. 5).
    BatchHard,
}

/// With `alpha` 0.2 where nothing else is said.
#[derive(Debug, Clone, Copy)]
pub struct Triplet {
    mining: Mining,
    alpha: f32,
    reduction: Reduction,
}

impl Triplet {
    pub fn new(mining: Mining) -> Self {
        Triplet { mining, alpha: 0.2, reduction: Reduction::Mean }
    }

    /// Sum or mean over the batch: the course notes take the sum.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    pub fn margin(mut self, alpha: f32) -> Self {
        self.alpha = alpha;
        self
    }
}

/// Larger than any squared distance of unit vectors, to take a pair out of a minimum or maximum.
const FAR: f32 = 1e6;

impl Loss for Triplet {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        match (self.mining, prediction) {
            (Mining::Given, Value::Table(three)) => {
                let [batch, _, dimensions] = three.dims();
                let row = |place: usize| three.clone().slice([0..batch, place..place + 1]).reshape([batch, dimensions]);
                triplet(row(0), row(1), row(2), self.alpha)
            }
            (Mining::BatchHard, prediction) => {
                let (distances, same) = pairs(truth, prediction);
                let batch = distances.dims()[0];
                let farthest = (distances.clone() * same.clone()).max_dim(1);
                let nearest = (distances + same.mul_scalar(FAR)).min_dim(1);
                relu(farthest - nearest + self.alpha).reshape([batch])
            }
            (_, prediction) => {
                let (distances, same) = pairs(truth, prediction);
                let batch = distances.dims()[0];
                let own = same.clone() - eye(&same);
                let other = same.neg().add_scalar(1.0);
                // (anchor, positive, negative)
                let gap = distances.clone().reshape([batch, batch, 1]) - distances.reshape([batch, 1, batch]);
                let valid = own.reshape([batch, batch, 1]) * other.reshape([batch, 1, batch]);
                let costs = relu(gap + self.alpha) * valid;
                let active = costs.clone().without_autodiff().greater_elem(1e-16).float().sum().clamp_min(1.0);
                let each = costs.sum_dim(2).sum_dim(1).reshape([batch]);
                match self.reduction {
                    // The model takes the mean over the batch: so it becomes the one over active triplets.
                    Reduction::Mean => each.mul_scalar(batch as f32) / active,
                    Reduction::Sum => each,
                }
            }
        }
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        match (self.mining, truth, output) {
            (Mining::Given, _, [3, _]) | (Mining::BatchAll | Mining::BatchHard, [1], [_]) => Ok(()),
            (Mining::Given, ..) => Err(format!("goes with an output (3, dimensions), not {output:?}")),
            _ => Err(format!("has the shape {truth:?} and the output {output:?}: a label and a vector are needed")),
        }
    }
}

/// Of a model with three outputs (anchor, positive, negative), as in the course notes: truth is not looked at.
impl JointLoss for Triplet {
    fn call(&self, _truth: &[ArrayD<f32>], predictions: Vec<Value>) -> Vec<Tensor<1>> {
        let mut encodings = predictions.into_iter().map(rows);
        let mut next = || encodings.next().expect("three outputs, as was looked at");
        vec![triplet(next(), next(), next(), self.alpha)]
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn check(&self, _truth: &[ArrayD<f32>], _batch: usize, outputs: &[&[usize]]) -> Result<(), String> {
        match outputs {
            [a, b, c] if a == b && b == c && self.mining == Mining::Given => Ok(()),
            _ => Err(format!("goes with three outputs alike: anchor, positive, negative; not {outputs:?}")),
        }
    }
}

/// Squared distances of all pairs of a batch, and 1 where two have the same label.
fn pairs(truth: Value, prediction: Value) -> (Tensor<2>, Tensor<2>) {
    let x = rows(prediction);
    let batch = x.dims()[0];
    let squares = x.clone().mul(x.clone()).sum_dim(1);
    let products = x.clone().matmul(x.transpose());
    let distances = relu(squares.clone() + squares.transpose() - products.mul_scalar(2.0));
    let labels: Tensor<1, Int> = truth.into_flat().int();
    let same = labels.clone().reshape([batch, 1]).equal(labels.reshape([1, batch]).expand([batch, batch]));
    (distances, same.float())
}

fn eye(like: &Tensor<2>) -> Tensor<2> {
    Tensor::<2>::eye(like.dims()[0], &like.device())
}
