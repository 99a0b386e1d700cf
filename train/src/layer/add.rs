//! Sum of inputs: the end of a residual block.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, merge};
use crate::activation::Activation;
use crate::export::Scope;
use crate::kernel::{self, Gate};
use crate::shape::Shape;
use crate::value::Value;
use crate::zip_values;

/// Takes two inputs or more, of the same shape but for axes of length 1, which are stretched. Output: their common shape.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Add {}

impl Add {
    pub fn new() -> Self {
        Self::default()
    }
}

#[typetag::serde]
impl Layer for Add {
    fn class(&self) -> &'static str {
        "Add"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        merge::merged(inputs)
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        // The end of a residual block, with its activation.
        let gate = context.behind.and_then(Activation::gate);
        if let ([Value::Pictures(a), Value::Pictures(b)], Some(gate)) = (&inputs[..], gate)
            && let Some(sum) = kernel::add(a, b, gate)
        {
            context.behind = None;
            return Value::Pictures(sum);
        }
        let sum = |left, right| match (left, right) {
            (Value::Pictures(a), Value::Pictures(b)) => {
                Value::Pictures(kernel::add(&a, &b, Gate::Linear).unwrap_or_else(|| a + b))
            }
            (left, right) => zip_values!(left, right, a, b => a + b),
        };
        let merged = inputs.into_iter().reduce(sum);
        merged.expect("several inputs were asked for when the model was built")
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let mut y = scope.input(0);
        for place in 1..scope.input_count() {
            let next = scope.input(place);
            y = scope.node("Add", &[y, next], &[]);
        }
        Ok(y)
    }
}
