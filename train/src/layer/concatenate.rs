//! Inputs side by side.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Context, Layer};
use crate::export::{Attribute, Scope};
use crate::kernel;
use crate::shape::{self, Shape, with_batch};
use crate::value::Value;

/// Along one axis, in which alone the shapes may differ; -1, the channels, unless said otherwise. The batch is axis 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Concatenate {
    axis: i32,
}

impl Default for Concatenate {
    fn default() -> Self {
        Concatenate { axis: -1 }
    }
}

impl Concatenate {
    pub fn new() -> Self {
        Self::default()
    }

    super::arguments! { axis: i32 }
}

#[typetag::serde]
impl Layer for Concatenate {
    fn class(&self) -> &'static str {
        "Concatenate"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [first, others @ ..] = inputs else { return Err("takes two inputs or more".into()) };
        if others.is_empty() {
            return Err("takes two inputs or more, not 1".into());
        }
        let axis = shape::axis(self.axis, first.len())?;
        let mut joined = first.clone();
        for other in others {
            let fits = other.len() == joined.len()
                && (0..joined.len()).all(|place| place == axis || other[place] == joined[place]);
            if !fits {
                let (a, b) = (with_batch(first), with_batch(other));
                return Err(format!("can't put {a} and {b} side by side along axis {}", self.axis));
            }
            joined[axis] += other[axis];
        }
        Ok(joined)
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let shape = inputs[0].shape();
        let axis = shape::axis(self.axis, shape.len()).expect("looked at when the model was built");
        let axis = shape::stored_axis(axis, shape.len());
        match inputs[0] {
            Value::Rows(_) => Value::Rows(join(inputs, axis, |value| match value {
                Value::Rows(tensor) => Some(tensor),
                _ => None,
            })),
            Value::Table(_) => Value::Table(join(inputs, axis, |value| match value {
                Value::Table(tensor) => Some(tensor),
                _ => None,
            })),
            Value::Pictures(_) => Value::Pictures(pictures(inputs, axis)),
            Value::Grid(_) => Value::Grid(join(inputs, axis, |value| match value {
                Value::Grid(tensor) => Some(tensor),
                _ => None,
            })),
        }
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let rank = scope.input_shape(0).len();
        let axis = shape::stored_axis(shape::axis(self.axis, rank)?, rank);
        let inputs: Vec<String> = (0..scope.input_count()).map(|place| scope.input(place)).collect();
        Ok(scope.node("Concat", &inputs, &[("axis", Attribute::Int(axis as i64))]))
    }
}

/// By the kernel where it is the channels that are put together.
fn pictures(inputs: Vec<Value>, axis: usize) -> Tensor<4> {
    let take = |value| match value {
        Value::Pictures(tensor) => Some(tensor),
        _ => None,
    };
    if axis != 1 {
        return join(inputs, axis, take);
    }
    let tensors = inputs.into_iter().filter_map(take);
    let joined = tensors.reduce(|a, b| kernel::concatenate(&a, &b).unwrap_or_else(|| Tensor::cat(vec![a, b], 1)));
    joined.expect("several inputs were asked for when the model was built")
}

fn join<const D: usize>(inputs: Vec<Value>, axis: usize, take: fn(Value) -> Option<Tensor<D>>) -> Tensor<D> {
    let tensors = inputs.into_iter().map(take).collect::<Option<Vec<_>>>();
    Tensor::cat(tensors.expect("ranks were compared when the model was built"), axis)
}
