//! Penalties on weights or outputs, by the names of Keras.

use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// `l1 · Σ|w| + l2 · Σw²`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Regularizer {
    pub l1: f32,
    pub l2: f32,
}

pub fn l1(factor: f32) -> Regularizer {
    Regularizer { l1: factor, l2: 0.0 }
}

pub fn l2(factor: f32) -> Regularizer {
    Regularizer { l1: 0.0, l2: factor }
}

pub fn l1_l2(l1: f32, l2: f32) -> Regularizer {
    Regularizer { l1, l2 }
}

impl Regularizer {
    /// One number, on the tape of `values`.
    pub fn penalty(&self, values: Tensor<1>) -> Tensor<1> {
        match (self.l1, self.l2) {
            (0.0, l2) => values.clone().mul(values).sum().mul_scalar(l2),
            (l1, 0.0) => values.abs().sum().mul_scalar(l1),
            (l1, l2) => values.clone().abs().sum().mul_scalar(l1) + values.clone().mul(values).sum().mul_scalar(l2),
        }
    }
}

impl FromStr for Regularizer {
    type Err = String;

    /// By name, with Keras' factor of 0.01.
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "l1" => Ok(l1(0.01)),
            "l2" => Ok(l2(0.01)),
            "l1_l2" => Ok(l1_l2(0.01, 0.01)),
            other => Err(format!("no regularizer {other}: l1, l2, l1_l2")),
        }
    }
}
