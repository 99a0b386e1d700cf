//! The same numbers in another shape.

use serde::{Deserialize, Serialize};

use super::{Context, Layer, only};
use crate::export::{Attribute, Scope};
use crate::shape::{self, Shape, with_batch};
use crate::value::Value;

/// To 1 to 4 axes without the batch, in the order of (height, width, channels), as Keras has it; one of them may be -1 and
/// follows from the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reshape {
    target_shape: Vec<i64>,
}

impl Reshape {
    pub fn new(target_shape: impl Into<Vec<i64>>) -> Self {
        Reshape { target_shape: target_shape.into() }
    }

    fn target(&self, input: &Shape) -> Result<Shape, String> {
        let wanted = &self.target_shape;
        let text = format!("({})", wanted.iter().map(i64::to_string).collect::<Vec<_>>().join(", "));
        let open = wanted.iter().filter(|&&axis| axis == -1).count();
        if !(1..=4).contains(&wanted.len()) || open > 1 || wanted.iter().any(|&axis| axis < -1 || axis == 0) {
            return Err(format!("has a target_shape of {text}: 1 to 4 axes, one of which may be -1"));
        }
        let refuse = || format!("can't make {text} of {}", with_batch(input));
        let count: usize = input.iter().product();
        let known = wanted
            .iter()
            .filter(|&&axis| axis > 0)
            .try_fold(1_usize, |product, &axis| product.checked_mul(usize::try_from(axis).ok()?));
        let known = known.ok_or_else(refuse)?;
        if !count.is_multiple_of(known) || (open == 0 && count != known) {
            return Err(refuse());
        }
        Ok(wanted.iter().map(|&axis| usize::try_from(axis).unwrap_or(count / known)).collect())
    }
}

#[typetag::serde]
impl Layer for Reshape {
    fn class(&self) -> &'static str {
        "Reshape"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.target(shape::only(inputs)?)
    }

    fn forward(&self, inputs: Vec<Value>, _context: &mut Context) -> Value {
        let value = only(inputs);
        let (batch, shape) = (value.batch(), value.shape());
        let target = self.target(&shape).expect("looked at when the model was built");
        Value::from_flat(value.into_flat(), batch, &target).expect("1 to 4 axes")
    }

    fn export(&self, scope: &mut Scope) -> Result<String, String> {
        let input_shape = scope.input_shape(0).to_vec();
        let target = self.target(&input_shape)?;
        let mut y = scope.input(0);
        if input_shape.len() == 3 {
            y = scope.node("Transpose", &[y], &[("perm", Attribute::Ints(vec![0, 2, 3, 1]))]);
        }
        // 0 keeps the batch as it is.
        let axes: Vec<i64> = std::iter::once(0).chain(target.iter().map(|&axis| axis as i64)).collect();
        let axes = scope.whole("shape", &axes);
        y = scope.node("Reshape", &[y, axes], &[]);
        if target.len() == 3 {
            y = scope.node("Transpose", &[y], &[("perm", Attribute::Ints(vec![0, 3, 1, 2]))]);
        }
        Ok(y)
    }
}
