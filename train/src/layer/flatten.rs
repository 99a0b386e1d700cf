//! All numbers of a sample in a row.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::export::{Attribute, Scope};
use crate::shape::{self, Shape};
use crate::value::Value;

/// In the order of (height, width, channels), as Keras has it. Output: (features).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Flatten {}

impl Flatten {
    pub fn new() -> Self {
        Flatten {}
    }
}

#[typetag::serde]
impl Layer for Flatten {
    fn class(&self) -> &'static str {
        "Flatten"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(vec![shape::only(inputs)?.iter().product()])
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let value = only(inputs);
        let (batch, features) = (value.batch(), value.shape().iter().product::<usize>());
        Value::Rows(value.into_flat().reshape([batch, features]))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let mut input = scope.input(0);
        if scope.rank() == 4 {
            input = scope.node("Transpose", &[input], &[("perm", Attribute::Ints(vec![0, 2, 3, 1]))]);
        }
        Ok(scope.node("Flatten", &[input], &[("axis", Attribute::Int(1))]))
    }
}
