//! Cosines to directions that are learned: the head that ArcFace needs.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::export::{Attribute, Scope};
use crate::initializer::Initializer;
use crate::parameter::Spec;
use crate::shape::{self, Shape, with_batch};
use crate::value::Value;

/// The cosine of the input to each of `units` learned directions, for [`crate::loss::ArcFace`]. Input: (features). Output: (units),
/// −1 to 1. Kernel: (features, units). Keras has no such layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CosineDense {
    units: usize,
    kernel_initializer: Initializer,
}

/// Keeps a division by a norm of nothing finite.
const EPSILON: f32 = 1e-12;

impl CosineDense {
    pub fn new(units: usize) -> Self {
        CosineDense { units, kernel_initializer: Initializer::GlorotUniform { seed: None } }
    }

    super::arguments! { kernel_initializer: Initializer }
}

#[typetag::serde]
impl Layer for CosineDense {
    fn class(&self) -> &'static str {
        "CosineDense"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match shape::only(inputs)?.as_slice() {
            _ if self.units == 0 => Err("has no units".into()),
            [_] => Ok(vec![self.units]),
            other => Err(format!("takes (features), not {}: put a Flatten before it", with_batch(other))),
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<Spec> {
        let features = inputs[0][0];
        vec![
            Spec::new("kernel", [features, self.units], self.kernel_initializer)
                .fans(features, self.units)
                .outputs_last(),
        ]
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        let Value::Rows(x) = only(inputs) else { unreachable!("rows were asked for when the model was built") };
        let unit = |table: Tensor<2>, axis: usize| {
            let norm = table.clone().mul(table.clone()).sum_dim(axis).clamp_min(EPSILON).sqrt();
            table / norm
        };
        Value::Rows(unit(x, 1).matmul(unit(context.parameter::<2>(0), 0)))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let x = scope.input(0);
        let unit = |scope: &mut Scope, x: String, axis: i64| {
            let squares = scope.node("Mul", &[x.clone(), x.clone()], &[]);
            let axes = scope.whole("axes", &[axis]);
            let sum = scope.node("ReduceSum", &[squares, axes], &[("keepdims", Attribute::Int(1))]);
            let least = scope.scalar("epsilon", EPSILON);
            let bounded = scope.node("Max", &[sum, least], &[]);
            let norm = scope.node("Sqrt", &[bounded], &[]);
            scope.node("Div", &[x, norm], &[])
        };
        let x = unit(scope, x, 1);
        let kernel = scope.parameter(0);
        let directions = unit(scope, kernel, 0);
        Ok(scope.node("MatMul", &[x, directions], &[]))
    }
}
