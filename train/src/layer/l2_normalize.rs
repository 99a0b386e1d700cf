//! Vectors of length 1.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::export::{Attribute, Scope};
use crate::map_value;
use crate::shape::{self, Shape};
use crate::value::Value;

/// `x / √max(Σx², epsilon)` along one axis: the last layer of an embedding. As `tf.nn.l2_normalize`, which the notes wrap in a
/// Lambda layer, and as Keras' UnitNormalization. Output: the shape of the input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct L2Normalize {
    /// The batch is axis 0.
    axis: i32,
    epsilon: f32,
}

impl Default for L2Normalize {
    fn default() -> Self {
        L2Normalize { axis: -1, epsilon: 1e-12 }
    }
}

impl L2Normalize {
    pub fn new() -> Self {
        Self::default()
    }

    super::arguments! { axis: i32, epsilon: f32 }
}

#[typetag::serde]
impl Layer for L2Normalize {
    fn class(&self) -> &'static str {
        "L2Normalize"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = shape::only(inputs)?;
        shape::axis(self.axis, shape.len())?;
        Ok(shape.clone())
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let value = only(inputs);
        let rank = value.shape().len();
        let axis = shape::axis(self.axis, rank).expect("looked at when the model was built");
        let axis = shape::stored_axis(axis, rank);
        map_value!(value, x => {
            let squares = x.clone().mul(x.clone()).sum_dim(axis);
            x / squares.clamp_min(self.epsilon).sqrt()
        })
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let rank = scope.input_shape(0).len();
        let axis = shape::stored_axis(shape::axis(self.axis, rank)?, rank);
        let x = scope.input(0);
        let squares = scope.node("Mul", &[x.clone(), x.clone()], &[]);
        let axes = scope.whole("axes", &[axis as i64]);
        let sum = scope.node("ReduceSum", &[squares, axes], &[("keepdims", Attribute::Int(1))]);
        let least = scope.scalar("epsilon", self.epsilon);
        let bounded = scope.node("Max", &[sum, least], &[]);
        let norm = scope.node("Sqrt", &[bounded], &[]);
        Ok(scope.node("Div", &[x, norm], &[]))
    }
}
