//! The place where a batch enters.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::export::Scope;
use crate::shape::Shape;
use crate::value::Value;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InputLayer {
    pub shape: Shape,
}

#[typetag::serde]
impl Layer for InputLayer {
    fn class(&self) -> &'static str {
        "InputLayer"
    }

    fn output_shape(&self, _inputs: &[Shape]) -> Result<Shape, String> {
        match self.shape.len() {
            1..=4 if !self.shape.contains(&0) => Ok(self.shape.clone()),
            _ => Err("takes 1 to 4 axes without the batch, none of length 0".into()),
        }
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        only(inputs)
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        Ok(scope.input(0))
    }
}
