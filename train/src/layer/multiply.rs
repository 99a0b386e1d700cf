//! Product of inputs: gates, such as those of squeeze-and-excitation.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, merge};
use crate::export::Scope;
use crate::shape::Shape;
use crate::value::Value;
use crate::zip_values;

/// Takes two inputs or more, of the same shape but for axes of length 1, which are stretched. Output: their common shape.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Multiply {}

impl Multiply {
    pub fn new() -> Self {
        Self::default()
    }
}

#[typetag::serde]
impl Layer for Multiply {
    fn class(&self) -> &'static str {
        "Multiply"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        merge::merged(inputs)
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let merged = inputs.into_iter().reduce(|left, right| zip_values!(left, right, a, b => a * b));
        merged.expect("several inputs were asked for when the model was built")
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let mut y = scope.input(0);
        for place in 1..scope.input_count() {
            let next = scope.input(place);
            y = scope.node("Mul", &[y, next], &[]);
        }
        Ok(y)
    }
}
