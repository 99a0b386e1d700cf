//! Dropout.

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::export::Scope;
use crate::map_value;
use crate::shape::{self, Shape};
use crate::value::Value;

/// While training, sets a `rate` of the numbers to 0 and divides the others by `1 − rate`; afterwards nothing (Srivastava et
/// al. 2014). Which ones follows from the seed of the training. Output: the shape of the input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dropout {
    rate: f32,
}

impl Dropout {
    pub fn new(rate: f32) -> Self {
        Dropout { rate }
    }
}

#[typetag::serde]
impl Layer for Dropout {
    fn class(&self) -> &'static str {
        "Dropout"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(format!("has a rate of {}: 0 to less than 1", self.rate));
        }
        shape::only(inputs).cloned()
    }

    fn forward(&self, inputs: Vec<Value>, context: &mut Context) -> Value {
        let value = only(inputs);
        if !context.training || self.rate == 0.0 {
            return value;
        }
        let kept = 1.0 / (1.0 - self.rate);
        map_value!(value, x => {
            let shape = x.dims();
            let count = shape.iter().product::<usize>();
            let rng = context.rng();
            let mask: Vec<f32> = (0..count).map(|_| if rng.random::<f32>() < self.rate { 0.0 } else { kept }).collect();
            let mask = Tensor::from_data(TensorData::new(mask, shape), &x.device());
            x * mask
        })
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        Ok(scope.input(0))
    }
}
