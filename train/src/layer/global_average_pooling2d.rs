//! The mean of each channel.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, picture};
use crate::export::{Attribute, Scope};
use crate::kernel;
use crate::shape::{self, Shape};
use crate::value::Value;

/// Input: (height, width, channels). Output: (channels), or (1, 1, channels) with `keepdims`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct GlobalAveragePooling2D {
    keepdims: bool,
}

impl GlobalAveragePooling2D {
    pub fn new() -> Self {
        Self::default()
    }

    super::arguments! { keepdims: bool }
}

#[typetag::serde]
impl Layer for GlobalAveragePooling2D {
    fn class(&self) -> &'static str {
        "GlobalAveragePooling2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [_, _, channels] = shape::picture(shape::only(inputs)?)?;
        Ok(if self.keepdims { vec![1, 1, channels] } else { vec![channels] })
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let x = picture(inputs);
        let [batch, channels, height, width] = x.dims();
        let mean = match kernel::global_average(&x) {
            Some(mean) => mean.reshape([batch, channels, 1]),
            None => x.reshape([batch, channels, height * width]).mean_dim(2),
        };
        match self.keepdims {
            true => Value::Pictures(mean.reshape([batch, channels, 1, 1])),
            false => Value::Rows(mean.reshape([batch, channels])),
        }
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let mean = scope.node("GlobalAveragePool", &[scope.input(0)], &[]);
        Ok(match self.keepdims {
            true => mean,
            false => scope.node("Flatten", &[mean], &[("axis", Attribute::Int(1))]),
        })
    }
}
