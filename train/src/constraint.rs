//! What weights are held to after each step, by the names of Keras.

use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::parameter::Spec;

/// Norms are those of the weights that lead into one output, which in Keras are `axis=0` of a Dense layer and
/// `axis=[0, 1, 2]` of a Conv2D; of a vector such as a bias, all of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    MaxNorm(f32),
    MinMaxNorm { min: f32, max: f32, rate: f32 },
    NonNeg,
    UnitNorm,
}

/// Keeps a division by a norm of nothing finite; Keras' value.
const EPSILON: f32 = 1e-7;

impl Constraint {
    /// The nearest values that it allows; `values` lie as `spec.shape` says.
    pub fn apply(&self, values: Tensor<1>, spec: &Spec) -> Tensor<1> {
        let wanted = |norm: Tensor<2>| match *self {
            Constraint::MaxNorm(max) => norm.clamp(0.0, max),
            Constraint::MinMaxNorm { min, max, rate } => {
                norm.clone().clamp(min, max).mul_scalar(rate) + norm.mul_scalar(1.0 - rate)
            }
            Constraint::UnitNorm => norm.ones_like(),
            Constraint::NonNeg => unreachable!("handled below"),
        };
        if *self == Constraint::NonNeg {
            return values.clamp_min(0.0);
        }
        let count = spec.count();
        let (rows, axis) = match (spec.shape.len(), spec.outputs_last) {
            (0 | 1, _) => ([1, count], 1),
            (_, true) => {
                let outputs = spec.shape[spec.shape.len() - 1];
                ([count / outputs.max(1), outputs], 0)
            }
            (_, false) => ([spec.shape[0], count / spec.shape[0].max(1)], 1),
        };
        let table = values.reshape(rows);
        let norm = table.clone().mul(table.clone()).sum_dim(axis).sqrt();
        let factor = wanted(norm.clone()) / norm.add_scalar(EPSILON);
        (table * factor).reshape([count])
    }
}

impl FromStr for Constraint {
    type Err = String;

    /// By name, with Keras' defaults.
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "max_norm" => Ok(Constraint::MaxNorm(2.0)),
            "min_max_norm" => Ok(Constraint::MinMaxNorm { min: 0.0, max: 1.0, rate: 1.0 }),
            "non_neg" => Ok(Constraint::NonNeg),
            "unit_norm" => Ok(Constraint::UnitNorm),
            other => Err(format!("no constraint {other}: max_norm, min_max_norm, non_neg, unit_norm")),
        }
    }
}
