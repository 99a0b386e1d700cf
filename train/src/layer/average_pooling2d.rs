//! The mean of each window.

use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use serde::{Deserialize, Serialize};

use super::pool::{Pool, pooling};
use super::{Context, Layer, picture, window};
use crate::export::{Attribute, Scope};
use crate::shape::{Padding, Pair, Shape};
use crate::value::Value;

/// Input: (height, width, channels). Output: (height', width', channels). What pads is not counted: a window at the border is
/// divided by the numbers that it really holds, as in TensorFlow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AveragePooling2D {
    pool: Pool,
}

pooling!(AveragePooling2D);

#[typetag::serde]
impl Layer for AveragePooling2D {
    fn class(&self) -> &'static str {
        "AveragePooling2D"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.pool.output_shape(inputs)
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let x = picture(inputs);
        let [_, _, height, width] = x.dims();
        let walks = self.pool.walks([height, width]).expect("looked at when the model was built");
        let options = AvgPoolOptions::new(self.pool.size.array())
            .with_stride(self.pool.strides().array())
            .with_padding_pairs(window::pads(walks))
            .with_count_include_pad(false);
        Value::Pictures(avg_pool2d(x, options))
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let [kernel, strides, pads] = self.pool.attributes(scope.input_shape(0))?;
        let counted = ("count_include_pad", Attribute::Int(0));
        Ok(scope.node("AveragePool", &[scope.input(0)], &[kernel, strides, pads, counted]))
    }
}
